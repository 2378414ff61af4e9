"""How many examples a property is tried on. Every run draws new ones, so few in each are many in a week."""

from hypothesis import settings

COSTLY = settings(max_examples=50)
"""Where an example runs the gate or an engine, which takes tens of milliseconds; others have hypothesis's hundred."""
