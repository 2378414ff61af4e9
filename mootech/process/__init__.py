"""mootech as a process: signals, logging, and a MootechError for every failure."""
