"""mootech: a shop's API in, trustworthy month-over-month sales reports out."""
