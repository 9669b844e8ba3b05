# SPDX-License-Identifier: GPL-2.0-or-later
"""The matrix as JSON: the contract of analyse/contract.py."""

from __future__ import annotations

import json

from orchestrator.analyse.contract import MatrixReport
from orchestrator.report import NOTHING, Extras


def RENDER(report: MatrixReport, extras: Extras = NOTHING) -> str:
    """matrix.json's text."""
    return json.dumps(report, indent=1) + "\n"
