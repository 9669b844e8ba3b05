# SPDX-License-Identifier: GPL-2.0-or-later
"""What was said in other configs and architectures, as a run folder keeps it: variants/NAME/BASE..NEW/said.json, and
what make printed beside it. What the source's own scripts say is beside them, as STYLE."""

from __future__ import annotations

from pydantic import TypeAdapter

from orchestrator.analyse.findings import WatchedFacts
from orchestrator.runs.folder import RunFolder

FOLDER, SAID = "variants", "said.json"
STYLE = "style"


def place(name: str, base: str, new: str) -> str:
    """The folder of one of them."""
    return f"{FOLDER}/{name}/{base}..{new}"


def save(folder: RunFolder, name: str, base: str, new: str, facts: WatchedFacts) -> None:
    """For reports, and for whoever goes on with the run."""
    folder.write_json(f"{place(name, base, new)}/{SAID}", facts)


def known(folder: RunFolder, name: str, base: str, new: str) -> bool:
    """Did an earlier start of this run look?"""
    return folder.read_json(f"{place(name, base, new)}/{SAID}") is not None


def facts(folder: RunFolder) -> WatchedFacts | None:
    """All of them, None if nobody looked."""
    found = sorted(folder.path.glob(f"{FOLDER}/*/*/{SAID}"), key=lambda path: path.stat().st_mtime)
    all_of_them = [TypeAdapter(WatchedFacts).validate_json(path.read_bytes()) for path in found]
    if not all_of_them:
        return None
    return WatchedFacts(
        findings=[row for one in all_of_them for row in one["findings"]],
        watched=[row for one in all_of_them for row in one["watched"]],
    )
