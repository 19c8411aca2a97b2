"""The verbs, one file each: ``genlab.X`` in Python and ``genlab X`` on the command line."""
