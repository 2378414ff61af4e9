"""Faults, injected for real: every row of docs/faults.md has its tests here, and each asserts the invariants."""
