"""mootech as a process: signals, logging, and every failure as one of ours."""
