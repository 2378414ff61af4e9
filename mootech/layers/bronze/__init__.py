"""Bronze: days of the shop's tables, fetched, judged and published as they came."""
