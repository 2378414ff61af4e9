"""Results, failures and progress: for people on a screen, for scripts as one JSON object, for files as text."""
