# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs on disk: what is missing, what changed since, who else is there."""

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator import arches
from orchestrator.analyse.matrix import exit_code
from orchestrator.config import matrix_file
from orchestrator.config.plan import plan
from orchestrator.engine import asked, asked_before
from orchestrator.errors import ConfigError
from orchestrator.runs import copies, load, record
from orchestrator.runs.folder import RunFolder, open_run
from orchestrator.runs.record import Request
from tests.unit import conftest as reports

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
    matrix = matrix_file.from_text(TEXT, tmp_path / "matrix.yaml")
    folder = RunFolder(tmp_path / "run")
    record.save_request(folder, Request(tmp_path / "matrix.yaml", TEXT, (), {}), matrix, plan(matrix))
    return folder


def test_what_was_not_measured_is_skipped_and_no_success(started: RunFolder) -> None:
    report = load.matrix_of(started)
    assert [cell["status"] for cell in report["cells"]] == ["skipped", "skipped"]
    assert exit_code(report) == 3


def test_a_run_is_not_gone_on_with_when_a_patch_has_changed(started: RunFolder, tmp_path: Path) -> None:
    matrix = matrix_file.from_text(TEXT, tmp_path / "matrix.yaml")
    record.check_inputs(started, matrix, plan(matrix))
    (tmp_path / "one.patch").write_text("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+c\n")
    with pytest.raises(ConfigError, match=r"changed since .*one\.patch"):
        record.check_inputs(started, matrix, plan(matrix))


def test_a_run_goes_on_with_the_commit_that_it_began_with(started: RunFolder, tmp_path: Path) -> None:
    text = TEXT.replace("{debian: linux-source-6.1}", f"{{git: {tmp_path}, revision: topic}}")
    matrix = matrix_file.from_text(text, tmp_path / "matrix.yaml")
    assert record.pinned(started, matrix) == matrix
    record.check_source(started, "s", "git:" + "a" * 40)
    assert {kernel.source.revision for kernel in record.pinned(started, matrix).kernels} == {"a" * 40}
    record.check_source(started, "s", "git:" + "a" * 40)


def test_a_source_or_compiler_that_is_another_by_now_is_not_mixed(started: RunFolder, tmp_path: Path) -> None:
    record.check_source(started, "s", "debian:linux-source-6.1=6.1.192-2")
    with pytest.raises(ConfigError, match=r"is debian:.*193-1 now; the run began with debian:.*192-2"):
        record.check_source(started, "s", "debian:linux-source-6.1=6.1.193-1")
    started.write_json("host.json", {"compiler": {"aarch64": "gcc 12"}})
    record.check_compilers(started, {"compiler": {"aarch64": "gcc 13"}})  # nothing was measured yet
    started.save_cell(reports.cell("aarch64", "base", reports.BASE))
    record.check_compilers(started, {"compiler": {"aarch64": "gcc 12", "s390x": "gcc 13"}})
    with pytest.raises(ConfigError, match="another compiler: gcc 13; the run began with gcc 12") as caught:
        record.check_compilers(started, {"compiler": {"aarch64": "gcc 13"}})
    assert "not mixed" in caught.value.hint


def test_a_kernels_own_kconfig_that_has_changed_is_not_mixed(tmp_path: Path) -> None:
    """A line in the matrix file, or in a fragment that it names."""
    place, fragment = tmp_path.resolve() / "matrix.yaml", tmp_path / "mine.config"
    fragment.write_text("CONFIG_A=y\n")
    text = TEXT.replace(", patches: [one.patch]", ", kconfig: [CONFIG_X=y, mine.config]")
    place.write_text(text)
    matrix, request = asked(place)
    folder = RunFolder(tmp_path / "run")
    request = replace(request, fresh=True, memory=True)
    record.save_request(folder, request, matrix, plan(matrix))
    assert asked_before(folder) == (matrix, request)
    place.write_text(text.replace("CONFIG_X=y", "CONFIG_X=m"))
    with pytest.raises(ConfigError, match=r"kconfig of new in .*matrix\.yaml"):
        asked_before(folder)
    for more in ("kconfig: [CONFIG_Z=y]\n", "config: debug\n"):
        place.write_text(text + more)
        with pytest.raises(ConfigError, match="kconfig of all kernels in"):
            asked_before(folder)
    place.write_text(text + "limits: {stop: 3}\n")  # what else is written there meanwhile is of other runs
    assert asked_before(folder) == (matrix, request)
    place.unlink()
    assert asked_before(folder) == (matrix, request)
    fragment.write_text("CONFIG_A=m\n")
    again, _ = asked_before(folder)
    with pytest.raises(ConfigError, match=r"changed since .*: kconfig of aarch64/new"):
        record.check_inputs(folder, again, plan(again))


def test_cpu_models_that_have_changed_are_not_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the matrix file. Where kmatrix takes others by now, the run goes on with those that it began with."""
    place, folder = tmp_path.resolve() / "matrix.yaml", RunFolder(tmp_path / "run")
    (tmp_path / "one.patch").write_text("")
    place.write_text(TEXT)
    matrix, request = asked(place)
    record.save_request(folder, request, matrix, plan(matrix))
    assert record.read_plan(folder)["cpu"] == {"aarch64": dict(matrix.arches[0].cpu)}
    place.write_text(TEXT + "cpu: {s390x: qemu}\n")  # of other runs
    assert asked_before(folder)[0] == matrix
    place.write_text(TEXT + "kconfig: [CONFIG_Z=y]\ncpu: {aarch64: cortex-a72}\n")
    with pytest.raises(ConfigError, match=r"kconfig of all kernels; CPU of aarch64 in .*matrix\.yaml"):
        asked_before(folder)
    place.write_text(TEXT)
    later = {name: replace(arch, cpu={"tcg": "later", "kvm": "host"}) for name, arch in arches.known().items()}
    monkeypatch.setattr(arches, "known", lambda: later)
    assert asked(place)[0].arches[0].cpu["tcg"] == "later" and asked_before(folder)[0].arches == matrix.arches


def test_a_run_of_before_cpu_models_were_kept_goes_on_with_what_it_measured(
    started: RunFolder, tmp_path: Path
) -> None:
    made = record.read_plan(started)
    del made["cpu"]
    started.write_json("plan.json", made)
    assert record.cpus(started) == {}
    started.save_cell(reports.cell("aarch64", "base", reports.BASE))
    assert record.cpus(started) == {"aarch64": {"tcg": "max"}}
    [arch] = record.pinned(started, matrix_file.from_text(TEXT, tmp_path / "matrix.yaml")).arches
    assert arch.cpu == {"tcg": "max", "kvm": "host"}


def test_what_is_run_of_copies_is_gone_on_with_from_them(started: RunFolder, tmp_path: Path) -> None:
    """As check does it: what its workloads expect of other kernels stays out, whatever the selection."""
    matrix = matrix_file.from_text(TEXT, tmp_path / "matrix.yaml")
    matrix = replace(matrix, workloads=(replace(matrix.workloads[0], expectations=()),))
    folder = RunFolder(tmp_path / "check")
    request = Request(copies.place(folder), "", ("*/new/*",), {})
    copied = record.save_request(folder, request, matrix, plan(matrix, request.select))
    (tmp_path / "one.patch").unlink()
    again, asked_for = asked_before(folder)
    assert again == copied and asked_for.select == request.select
    assert [kernel.name for kernel in again.kernels] == ["base", "new"] and again.kernels[1].patches[0].is_file()
    record.check_inputs(folder, again, plan(again, asked_for.select))
    assert not again.workloads[0].expectations and load.matrix_of(folder)["expectations"] == []
    again.kernels[1].patches[0].write_text("another")
    with pytest.raises(ConfigError, match=r"changed since .*one\.patch"):
        record.check_inputs(folder, again, plan(again))


def test_a_run_of_0_1_0_is_understood(old_run: Path) -> None:
    """Its request, its copies with the word judge, its results without provenance."""
    folder = open_run(old_run)
    matrix, request = asked_before(folder)
    assert [cell.id for cell in plan(matrix, request.select).cells] == [
        row["id"] for row in load.matrix_of(folder)["cells"]
    ]
    copied = matrix_file.load(old_run / "inputs/matrix.yaml")
    assert [kernel.name for kernel in copied.kernels] == ["patched", "unpatched"] and copied.workloads[0].expectations
    assert {(cell.provenance, cell.stored) for cell in folder.load_cells()} == {(None, False)}


def test_two_at_a_time_are_refused(started: RunFolder) -> None:
    with started.alone(), pytest.raises(ConfigError, match="another kmatrix"), RunFolder(started.path).alone():
        pass


def test_the_request_comes_back_as_it_was(started: RunFolder) -> None:
    assert record.load_request(started).config_text == TEXT
    with pytest.raises(ConfigError, match="not a run folder"):
        open_run(started.path / "cells")


def test_facts_of_a_host_stay_where_nothing_is_measured_any_more() -> None:
    then = {"cores": 2, "qemu": {"a": "7", "b": "7"}, "guest_image": {"a": "x"}}
    now = {"cores": 4, "qemu": {"b": "8", "c": "8"}}
    assert record.joined_host(then, now, {"b", "c"}) == {
        "cores": 4, "qemu": {"a": "7", "b": "8", "c": "8"}, "guest_image": {"a": "x"},
    }  # fmt: skip
    assert record.joined_host(then, {"qemu": {"a": "8"}}, ())["qemu"] == {"a": "7", "b": "7"}
