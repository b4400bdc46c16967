"""Makes the site of the documentation: `python -m handbook`, or `make docs`. No part of the package.

The pages are the Markdown files under docs/ and a few of the repository's root. What can be read from the
code is never written down: the reference, the help of the commands, the schema, and plots of docs/results
are made while the site is built.
"""
