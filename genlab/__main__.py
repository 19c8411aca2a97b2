"""``python -m genlab`` is the command line."""

from genlab.cli import main

main()
