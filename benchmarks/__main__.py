"""`python -m benchmarks NAME`, from the root of a checkout."""

from __future__ import annotations

import sys

from benchmarks.cli import main

if __name__ == "__main__":
    sys.exit(main())
