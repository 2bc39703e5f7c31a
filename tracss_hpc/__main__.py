"""`python -m tracss_hpc`: the same words as the command `tracss-hpc`."""

from __future__ import annotations

import sys

from tracss_hpc.cli import main

if __name__ == "__main__":
    sys.exit(main())
