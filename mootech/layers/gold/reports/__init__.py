"""The reports that come with mootech: one SQL file each, named after the report."""
