"""`python -m handbook`, from the root of a checkout."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from handbook.build import SiteError, build

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m handbook", description="Build the site, and check its links."
    )
    parser.add_argument("--folder", type=Path, default=Path("build/handbook"), help="where it is built")
    try:
        site = build(Path.cwd(), parser.parse_args().folder)
    except SiteError as error:
        sys.exit(str(error))
    print(f"The site is in {site}. To read it: python -m http.server --bind 127.0.0.1 --directory {site}")
