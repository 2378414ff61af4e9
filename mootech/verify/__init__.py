"""Checks that every object of the lake holds what its footer says, and says how to repair those that do not."""
