# SPDX-License-Identifier: GPL-2.0-or-later
"""What another step gave."""

from __future__ import annotations

from typing import TypeVar

from orchestrator.config.steps import Results
from orchestrator.errors import InfraError

T = TypeVar("T")


def given(results: Results, name: str, kind: type[T]) -> T:
    """What another step gave."""
    result = results[name]
    if not isinstance(result, kind):
        raise InfraError(f"{name} gave {type(result).__name__}", kind="internal")
    return result
