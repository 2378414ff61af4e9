"""The installed command, on real parts."""
