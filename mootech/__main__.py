"""`python -m mootech` is the `mootech` command."""

import sys

from mootech.cli import main

if __name__ == "__main__":
    sys.exit(main())
