"""The other sides: scripts that get JSON as their argument and print JSON, run by the Python of their environment."""
