# SPDX-License-Identifier: GPL-2.0-or-later
"""The matrix as JSON: the contract of analyse/contract.py."""

from __future__ import annotations

import json

from orchestrator.report import PLAIN, Telling
from orchestrator.runs.run import Run


def RENDER(run: Run, telling: Telling = PLAIN) -> str:
    """matrix.json's text."""
    return json.dumps(run.report, indent=1) + "\n"
