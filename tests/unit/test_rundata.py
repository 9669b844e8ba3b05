# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs on disk: what is missing, what changed since, who else is there."""

from pathlib import Path

import pytest

from orchestrator import config, rundata
from orchestrator.analyse.matrix import exit_code
from orchestrator.errors import ConfigError
from orchestrator.plan import plan
from orchestrator.results import RunFolder, open_run
from orchestrator.rundata import Request

TEXT = """\
arches: [aarch64]
workloads: [shmem-write]
sources: {s: {debian: linux-source-6.1}}
kernels:
  base: {source: s}
  new: {source: s, patches: [one.patch]}
compare: [{base: base, new: new}]
"""


@pytest.fixture
def started(tmp_path: Path) -> RunFolder:
    """A run that was started and measured nothing yet."""
    (tmp_path / "one.patch").write_text("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n")
    matrix = config.parse(TEXT, tmp_path / "matrix.yaml")
    folder = RunFolder(tmp_path / "run")
    rundata.save_request(folder, Request(tmp_path / "matrix.yaml", TEXT, (), {}), matrix, plan(matrix))
    return folder


def test_what_was_not_measured_is_skipped_and_no_success(started: RunFolder) -> None:
    report = rundata.report(started)
    assert [cell["status"] for cell in report["cells"]] == ["skipped", "skipped"]
    assert exit_code(report) == 3


def test_a_run_is_not_gone_on_with_when_a_patch_has_changed(started: RunFolder, tmp_path: Path) -> None:
    matrix = config.parse(TEXT, tmp_path / "matrix.yaml")
    rundata.check_inputs(started, matrix)
    (tmp_path / "one.patch").write_text("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+c\n")
    with pytest.raises(ConfigError, match=r"changed since .*one\.patch"):
        rundata.check_inputs(started, matrix)


def test_two_at_a_time_are_refused(started: RunFolder) -> None:
    with started.alone(), pytest.raises(ConfigError, match="another kmatrix"), RunFolder(started.path).alone():
        pass


def test_the_request_comes_back_as_it_was(started: RunFolder) -> None:
    assert rundata.load_request(started).config_text == TEXT
    with pytest.raises(ConfigError, match="not a run folder"):
        open_run(started.path / "cells")
