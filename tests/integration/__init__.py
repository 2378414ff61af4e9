"""Rooms together, on real servers."""
