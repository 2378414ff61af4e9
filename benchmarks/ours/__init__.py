"""Ways into mootech that its command line has not: several runs in one process, and a run with parts left out."""
