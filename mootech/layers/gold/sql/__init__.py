"""SQL that several reports share."""
