"""What mootech costs, measured beside something in the same run."""
