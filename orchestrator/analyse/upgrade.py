# SPDX-License-Identifier: GPL-2.0-or-later
"""A matrix.json of before some of its keys: what they say is found in the words of that time, here alone. Pure."""

from __future__ import annotations

from orchestrator.analyse.contract import MatrixReport
from orchestrator.model import Reason

# How `why` began, whatever followed, before a comparison had a `reason` (2026-11).
_WORDS = {
    "not comparable": Reason.NOT_COMPARABLE,
    "no difference shown": Reason.NO_DIFFERENCE,
    "beyond the noise": Reason.BEYOND_NOISE,
    "significant, but within the noise floor": Reason.WITHIN_FLOOR,
    "it moved, but neither way is better by itself": Reason.MOVED,
    "cannot decide with so few boots": Reason.TOO_FEW_BOOTS,
    "the statistic failed": Reason.STATISTIC_FAILED,
}


def upgraded(report: MatrixReport) -> MatrixReport:
    """The same report, with every key that can be told of it; it is changed in place."""
    for row in report["comparisons"]:
        if "reason" not in row:
            row["reason"] = _reason(row["why"]).value
        row.setdefault("reached", None)
    for expected in report["expectations"]:
        if "new" not in expected:
            expected["base"], _, expected["new"] = expected["kernel"].rpartition(":")
    return report


def _reason(why: str) -> Reason:
    return next((reason for words, reason in _WORDS.items() if why.startswith(words)), Reason.UNKNOWN)
