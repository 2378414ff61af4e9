"""The run lock: one run at a time writes to a lake."""
