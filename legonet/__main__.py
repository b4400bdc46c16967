"""`python -m legonet` is the command `legonet`."""

from __future__ import annotations

import sys

from legonet.cli import main

if __name__ == "__main__":
    sys.exit(main())
