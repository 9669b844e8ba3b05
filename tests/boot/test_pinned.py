# SPDX-License-Identifier: GPL-2.0-or-later
"""A run of today leaves all that one of kmatrix 0.1.0 left; and one of then is verified, not gone on with."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.boot.conftest import Kmatrix
from tests.shapes import lacking, shape

FILES = ("plan.json", "matrix.json", "profile.json", "host.json", "sources.json", "run.json")
CELL = "aarch64/patched/shmem-write"


def listing(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def events(text: str) -> set[str]:
    """Every kind of event, with its keys."""
    return set[str]().union(*(shape(json.loads(row), json.loads(row)["kind"]) for row in text.splitlines()))


def test_a_run_leaves_what_it_always_left(kmatrix: Kmatrix, old_run: Path) -> None:
    words = ["-w", "shmem-write --mib 16", "--select", "aarch64/*", "--profile-diff", "--json"]
    done = kmatrix("run", "--out", kmatrix.folder / "run", *words)
    assert done.code in (0, 1), done.err  # of 16 MiB not all is as expected of 400
    assert not listing(old_run) - listing(done.folder)
    for name in FILES:
        assert not lacking(shape(json.loads((old_run / name).read_text())), shape(done.json(name))), name
    seen = events((old_run.parent / "events.jsonl").read_text())
    assert not {row for row in lacking(seen, events(done.out)) if not re.search(r"\.estimate: (null|number)", row)}


def test_a_run_of_then_is_gone_on_with_only_as_it_was_begun(kmatrix: Kmatrix, old_run: Path) -> None:
    """Workloads and kconfig lines have changed since: it is refused, each is named, and nothing of it is lost."""
    before = (old_run / "matrix.json").read_bytes()
    (old_run / "cells" / CELL / "result.json").unlink()
    done = kmatrix("run", "--resume", old_run)
    assert done.code == 2 and "guest-tools/common" in done.err and "kconfig of aarch64/patched" in done.err
    assert "not mixed" in done.err and (old_run / "matrix.json").read_bytes() == before


def test_a_run_of_then_is_verified(kmatrix: Kmatrix, old_run: Path) -> None:
    """With its own workloads and kconfig lines, on the CPU of then. What its kconfig is called by now is told."""
    done = kmatrix("verify", old_run, "--recorded", "--select", "*/patched", "--out", kmatrix.folder / "run")
    assert "4 of 4 values agree" in done.out, done.out + done.err
    assert done.code == 1 and "kconfig of aarch64/patched: " in done.out


def test_of_a_run_of_then_its_other_config_is_named(kmatrix: Kmatrix, old_run: Path) -> None:
    """Without its own: kernels are of another config by now. Counts agree; the time does not, and it is said why."""
    done = kmatrix("verify", old_run, "--select", "*/patched", "--out", kmatrix.folder / "run")
    values = {value["metric"]: value for value in done.json("verify.json")["values"]}
    assert {name for name, value in values.items() if value["verdict"] == "same"} == {"pgfault", "minflt", "majflt"}
    causes = values["time"]["causes"]
    assert any(cause.startswith("kconfig of aarch64/patched") for cause in causes)
    assert done.code == 1 and "workload file common/kmatrix.c differs" in done.out
