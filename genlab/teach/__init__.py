"""What only the notebooks need: the profile they run in, and the source they show."""

from genlab.teach.profile import profile, run_folder
from genlab.teach.source import show_source

__all__ = ["profile", "run_folder", "show_source"]
