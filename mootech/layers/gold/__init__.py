"""Gold: reports, computed from silver by their SQL and kept in the lake."""
