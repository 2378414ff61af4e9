"""Proof that every object of the lake holds what it says, and what mends the ones that do not."""
