"""Rows to measure with: seeded, made once, kept in the work folder."""
