"""These tests run in a process of their own, on the pretended accelerator: ``make device-tests``."""

import os

collect_ignore_glob: list[str] = []
if "GENLAB_PRETEND" in os.environ:
    from tests.accelerator import pretended

    pretended.register()
else:
    collect_ignore_glob = ["test_*.py"]
