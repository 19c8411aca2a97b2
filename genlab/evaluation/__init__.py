"""How good are generated images? Judges, metrics, and the report of a model (notebook 04).

Here is what a notebook asks the judges; all else is read from the file that makes it: ``measure``,
``report``, ``table``.
"""

from genlab.evaluation.judges.features import look
from genlab.evaluation.judges.files import judges_for
from genlab.evaluation.judges.networks import plain_judge
from genlab.evaluation.judges.training import moved, shifted

__all__ = ["judges_for", "look", "moved", "plain_judge", "shifted"]
