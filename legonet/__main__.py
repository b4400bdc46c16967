"""`python -m legonet` is the command `legonet`.

Python puts the working folder first where it looks for modules, so that a `torch.py` there would be run. That
is undone before anything else; what `import legonet` needs was found by then, so prefer the command, or
`python -P -m legonet`.
"""

import os
import sys

if not sys.flags.safe_path and sys.path and os.path.realpath(sys.path[0]) == os.path.realpath(os.curdir):
    del sys.path[0]

from legonet.cli import main

if __name__ == "__main__":
    sys.exit(main())
