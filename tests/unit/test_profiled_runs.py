# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs that are profiled: what of them is measured again, and what is said of a cell without an account."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator import config
from orchestrator.build.kernel import Builder
from orchestrator.events import Bus
from orchestrator.executors.local import Local
from orchestrator.model import Status
from orchestrator.paths import IMAGES
from orchestrator.plan import plan
from orchestrator.results import RunFolder
from orchestrator.store import Store
from tests.unit import reports
from tests.unit.test_report_cli import TEXT, run_folder

CELL = "s390x/patched/shmem-write"


def engine(folder: RunFolder, profile: bool = True) -> Local:
    """What `kmatrix profile RUN` goes on with, or run --resume."""
    store = Store(folder.path.parent / "cache")
    made = plan(config.parse(TEXT, folder.path.parent / "matrix.yaml"))
    return Local(made, folder, Bus(), store, IMAGES, Builder(store, 1, 1, 1), profile=profile)


@pytest.mark.parametrize(
    ("status", "account", "kept"),
    [
        (Status.PASSED, True, True),
        (Status.PASSED, False, False),
        (Status.INFRA_FAILED, False, False),
        (Status.SKIPPED, False, False),
        *((s, False, True) for s in (Status.KERNEL_BROKE, Status.WORKLOAD_FAILED, Status.TIMED_OUT)),
    ],
)
def test_a_result_of_what_was_tested_is_never_measured_away(
    tmp_path: Path, status: Status, account: bool, kept: bool
) -> None:
    """A panic that comes now and then would be gone once the run is profiled."""
    passed = reports.cell("s390x", "patched", reports.NEW)
    found = passed if status is Status.PASSED else reports.failed("s390x", "patched", status)
    folder = run_folder(tmp_path / "run", found)
    if account:
        folder.write_json(f"cells/{CELL}/profile.json", {})
    local = engine(folder)
    (cell,) = (cell for cell in local.plan.cells if cell.id == CELL)
    assert local.ended_before(cell) == (found if kept else None)
