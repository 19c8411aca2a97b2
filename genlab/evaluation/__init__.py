"""How good are generated images? Judges, metrics, and the report of a model (notebook 04).

``measure`` itself is read from ``genlab.evaluation.measure``: the function has the file's name.
"""

from genlab.evaluation.judges.features import look
from genlab.evaluation.judges.find import judges_for
from genlab.evaluation.judges.networks import JUDGES, plain_judge, residual_judge
from genlab.evaluation.judges.training import moved
from genlab.evaluation.measure import Yardstick, make_yardstick, report_on
from genlab.evaluation.report import (
    KNOWN_METRICS,
    Key,
    Metric,
    Report,
    by_key,
    printed,
    report_text,
    with_ratio,
)
from genlab.evaluation.table import Row, explained, markdown, plain_text, ranking

__all__ = [
    "JUDGES", "KNOWN_METRICS", "Key", "Metric", "Report", "Row", "Yardstick", "by_key", "explained",
    "judges_for", "look", "make_yardstick", "markdown", "moved", "plain_judge", "plain_text", "printed",
    "ranking", "report_on", "report_text", "residual_judge", "with_ratio",
]  # fmt: skip
