"""Behaviours of single rooms."""
