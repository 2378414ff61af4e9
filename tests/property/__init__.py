"""Decisions, against any input hypothesis can think of."""
