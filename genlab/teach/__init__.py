"""What only the notebooks need: profile, shown source, predictions and exercises with checks."""

from genlab.teach.predict import Prediction, predictions
from genlab.teach.profile import profile, run_folder
from genlab.teach.source import show_source

__all__ = ["Prediction", "predictions", "profile", "run_folder", "show_source"]
