# SPDX-License-Identifier: GPL-2.0-or-later
"""A run held against its repetition: what is the same, what is off, and what it may be due to."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from orchestrator.analyse.upgrade import upgraded
from orchestrator.analyse.verify import OFF, SAME, STATUS, UNSURE, VARIES, Verified, verify
from orchestrator.cli.verify import verified_view
from orchestrator.config import matrix_file
from orchestrator.config.plan import plan
from orchestrator.errors import ConfigError
from orchestrator.runs import copies, load, record
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.record import Request

REFERENCE = Path(__file__).parents[2] / "reference/matrix-0.4.0.json"
CELL = "s390x/patched/shmem-write"


@pytest.fixture
def then() -> Any:
    """The shipped reference."""
    return upgraded(json.loads(REFERENCE.read_text()))


@pytest.fixture
def now(then: Any) -> Any:
    """The same again, to be changed."""
    return copy.deepcopy(then)


def cell(report: Any, name: str = CELL) -> Any:
    return next(row for row in report["cells"] if row["id"] == name)


def verdict(answer: Verified, metric: str, name: str = CELL) -> str:
    return next(value.verdict for value in answer.values if (value.cell, value.metric) == (name, metric))


def scale_time(report: Any, share: float) -> None:
    row = cell(report)["metrics"]["time"]
    row["boots"] = [[value * (1 + share) for value in boot] for boot in row["boots"]]


def test_the_same_is_the_same(then: Any, now: Any) -> None:
    answer = verify(then, now)
    assert answer.same and len(answer.values) == 24 and not answer.differences
    assert {value.verdict for value in answer.values} == {SAME}


@pytest.mark.parametrize(
    ("part", "name", "value", "said"),
    [
        ("workload", "args", ["--mib", "16"], "arguments of {}: --mib 400 recorded, --mib 16 here"),
        ("machine", "command", "b", "QEMU's options (a digest) of {}: a recorded, b here"),
        ("", "format", 2, "kmatrix's way to measure of {}: 1 recorded, 2 here"),
    ],
)
def test_what_no_file_tells_is_told_by_provenance(
    then: Any, now: Any, part: str, name: str, value: Any, said: str
) -> None:
    rests_on = {"workload": {"args": ["--mib", "400"]}, "machine": {"command": "a", "disk": ""}, "format": 1}
    cell(then)["provenance"], cell(now)["provenance"] = rests_on, copy.deepcopy(rests_on)
    assert verify(then, now).same
    changed = cell(now)["provenance"]
    (changed[part] if part else changed)[name] = value
    [row] = verify(then, now).differences
    assert row.text == said.format(CELL) and row.touches(CELL) and row.content == (name == "args")
    cell(then)["provenance"] = None
    assert verify(then, now).same, "an old result does not say"


@pytest.mark.parametrize(("share", "said"), [(40e-6, SAME), (-40e-6, SAME), (60e-6, OFF), (-60e-6, OFF)])
def test_time_may_be_off_by_50_ppm(then: Any, now: Any, share: float, said: str) -> None:
    scale_time(now, share)
    answer = verify(then, now)
    assert verdict(answer, "time") == said
    assert answer.same == (said == SAME)


def test_a_counter_must_be_equal_in_every_pass(then: Any, now: Any) -> None:
    cell(now)["metrics"]["pgfault"]["boots"][0][0] += 1
    assert verdict(verify(then, now), "pgfault") == OFF


def test_one_byte_of_a_workload_is_named_even_where_the_figures_agree(then: Any, now: Any) -> None:
    now["inputs"]["guest-tools/shmem-write/main.c"]["sha256"] = "0" * 64
    answer = verify(then, now)
    assert not answer.same
    assert "workload file shmem-write/main.c differs" in answer.differences[0].text


def test_a_kconfig_line_is_named_with_the_cells_that_it_touches(then: Any, now: Any) -> None:
    file = now["inputs"]["kconfig/s390x/patched"]
    file["text"] += "CONFIG_SLUB_DEBUG=y\n"
    file["sha256"] = "1" * 64
    scale_time(now, 0.01)
    answer = verify(then, now)
    causes = {value.cell: value.causes for value in answer.values if value.verdict == OFF}
    assert causes == {CELL: ("kconfig of s390x/patched: CONFIG_SLUB_DEBUG=y only here",)}


def test_a_kconfig_line_of_another_linux_moves_nothing(then: Any, now: Any) -> None:
    file = now["inputs"]["kconfig/s390x/patched"]
    file["text"] += "CONFIG_SLUB_DEBUG=y  #: linux >=6.18\n"
    file["sha256"] = "1" * 64
    answer = verify(then, now)
    row = next(row for row in answer.differences if "kconfig" in row.text)
    assert row.text.endswith("only here, of other versions of Linux alone") and not row.matters and answer.same


def test_a_patch_and_a_setting_are_named(then: Any, now: Any) -> None:
    name = next(name for name in now["inputs"] if name.startswith("patches/unpatched/"))
    now["inputs"][name]["sha256"] = "2" * 64
    now["measure"]["memory_mib"] = 2048
    texts = [row.text for row in verify(then, now).differences]
    assert any(text.startswith("patch 0001-take-out") and " of unpatched differs" in text for text in texts)
    assert "measure.memory_mib: 1024 recorded, 2048 here" in texts


def test_another_compiler_is_a_cause_but_not_another_thing(then: Any, now: Any) -> None:
    now["kernels"]["s390x/patched"]["compiler"] = "gcc 99"
    assert verify(then, now).same
    scale_time(now, 0.01)
    off = [value for value in verify(then, now).values if value.verdict == OFF]
    assert len(off) == 1 and off[0].causes[0].startswith("compiler of s390x/patched: ")


def test_the_emulators_version_is_told_and_never_a_cause(then: Any, now: Any) -> None:
    now["host"]["qemu"]["s390x"] = "99"
    answer = verify(then, now)
    assert answer.same and answer.differences[0].text.startswith("QEMU for s390x")
    scale_time(now, 0.01)
    assert all(not value.causes for value in verify(then, now).values)


def shown(answer: Verified) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(verified_view(answer))
    return capture.get()


def test_a_cell_that_failed_here_says_how(then: Any, now: Any) -> None:
    cell(now).update(status="kernel_broke", failure={"kind": "panic", "message": "the kernel broke: Oops", "log": ""})
    answer = verify(then, now)
    assert not answer.same
    (value,) = [value for value in answer.values if value.verdict == STATUS]
    assert value.cell == CELL and value.failure == "here: the kernel broke: Oops"
    assert value.failure in json.dumps(answer.as_json())
    assert f"{CELL}: here: the kernel broke: Oops" in shown(answer)
    assert "no recorded input differs" not in shown(answer)


def test_what_nothing_explains_is_told_beside_what_failed(then: Any, now: Any) -> None:
    cell(now)["status"] = "kernel_broke"
    cell(now, "s390x/unpatched/shmem-write")["metrics"]["pgfault"]["boots"][0][0] += 1
    text = shown(verify(then, now))
    assert f"{CELL}: passed recorded, kernel_broke here" in text
    assert "1 of them though no recorded input differs: run it again" in text


def test_a_time_may_be_off_by_the_reach_of_its_passes(then: Any, now: Any) -> None:
    """As the matrix has it: what two passes of one side differ by is no change."""
    cell(then)["metrics"]["time"]["boots"] = [[96000.0], [96190.0]]
    cell(now)["metrics"]["time"]["boots"] = [[96010.0], [96150.0]]
    assert verdict(verify(then, now), "time") == SAME
    cell(now)["metrics"]["time"]["boots"] = [[96310.0], [96311.0]]
    assert verdict(verify(then, now), "time") == OFF


def test_another_image_of_the_same_inputs_is_a_cause(then: Any, now: Any) -> None:
    now["kernels"]["s390x/patched"]["image_sha256"] = "3" * 64
    answer = verify(then, now)
    assert answer.same and answer.differences[0].text.startswith("image of s390x/patched: sha256 ")
    scale_time(now, 0.01)
    assert [value.causes for value in verify(then, now).values if value.verdict == OFF] == [
        (answer.differences[0].text,)
    ]
    now["kernels"]["s390x/patched"]["compiler"] = "gcc 99"
    assert [row.text.split(":")[0] for row in verify(then, now).differences] == ["compiler of s390x/patched"]


def test_a_ready_image_is_its_content(then: Any, now: Any) -> None:
    """Built anew in its place it is another thing; elsewhere it is the same."""
    for report, path in ((then, "/a/Image"), (now, "/b/Image")):
        report["kernels"]["s390x/patched"] = {"source": f"image:{path}", "image_sha256": "4" * 64}
    assert verify(then, now).same and not verify(then, now).differences
    now["kernels"]["s390x/patched"]["image_sha256"] = "5" * 64
    answer = verify(then, now)
    assert not answer.same
    assert (
        answer.differences[0].text == "ready image of s390x/patched: sha256 444444444444 recorded, 555555555555 here"
    )


def test_what_a_workload_expects_is_not_what_it_measures(then: Any, now: Any) -> None:
    file = now["inputs"]["guest-tools/shmem-write/workload.toml"]
    file["sha256"], file["text"] = "6" * 64, file["text"] + '\n[[expect]]\nmetric = "time"\nat_most = {a = 1.0}\n'
    for row in now["expectations"]:
        row.update(expected=9.0, verdict="not_as_expected")
    for report in (then, now):
        cell(report)["exact"] = False
    answer = verify(then, now)
    assert answer.same and verdict(answer, "pgfault") == VARIES
    assert answer.differences[0].text.endswith(", in what it expects alone")
    file["text"] = file["text"].replace("400", "200", 1)
    assert not verify(then, now).same


def test_figures_that_vary_are_held_against_each_other_by_their_expectations(then: Any, now: Any) -> None:
    for report in (then, now):
        cell(report)["exact"] = False
    scale_time(now, 0.5)
    answer = verify(then, now)
    assert answer.same and verdict(answer, "time") == VARIES
    for row in now["expectations"]:
        if row["arch"] == "s390x" and row["metric"] == "pgfault":
            row["verdict"] = "not_as_expected"
    assert verdict(verify(then, now), "pgfault") == OFF


TEXT = """\
arches: [aarch64]
workloads: [shmem-write]
sources: {s: {debian: linux-source-6.1, version: 6.1.1-1}, t: {debian: linux-source-6.6, suite: trixie}}
kernels:
  base: {source: s, kconfig: [CONFIG_A=y]}
  new: {source: s, patches: [one.patch]}
  other: {source: t}
compare: [{base: base, new: new}, {base: base, new: other}]
measure: {boots: 3, clock: wall}
claims: {C1: {text: a claim, same_as: [C2], arches: [aarch64]}}
"""


def test_the_copies_of_a_run_make_the_same_plan_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "one.patch").write_text("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n")
    matrix = matrix_file.from_text(TEXT, tmp_path / "matrix.yaml")
    wanted = plan(matrix, ["*/base", "*/new"])
    folder = RunFolder(tmp_path / "run")
    record.save_request(folder, Request(tmp_path / "matrix.yaml", TEXT, (), {}), matrix, wanted)
    (tmp_path / "one.patch").unlink()
    again = matrix_file.load(copies.restore(load.matrix_of(folder)["inputs"], tmp_path / "elsewhere"))
    made = plan(again)
    assert [cell.id for cell in made.cells] == [cell.id for cell in wanted.cells]
    assert [build.kconfig for build in made.builds] == [build.kconfig for build in wanted.builds]
    assert (made.measure, made.limits, made.claims) == (wanted.measure, wanted.limits, wanted.claims)
    assert [kernel.source.revision for kernel in again.kernels] == ["6.1.1-1"] * 2
    assert again.kernels[1].patches[0].read_text().endswith("+b\n")
    assert again.workloads[0].folder == tmp_path / "elsewhere/guest-tools/shmem-write"


def test_a_strangers_copies_stay_in_their_folder(tmp_path: Path) -> None:
    evil = {"../evil": {"sha256": "", "text": "x"}}
    with pytest.raises(ConfigError, match="outside"):
        copies.restore(evil, tmp_path / "to")  # type: ignore[arg-type]
    assert not (tmp_path / "evil").exists()


def test_what_is_no_text_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no text of a/b"):
        copies.restore({"a/b": {"sha256": "", "text": None}}, tmp_path)


def test_a_runs_copies_bring_what_workloads_are_compiled_with(tmp_path: Path, then: Any) -> None:
    """With files that are not ours: a later kmatrix has others."""
    then["inputs"]["guest-tools/common/kmatrix.c"]["text"] += "/* of then */\n"
    matrix = matrix_file.load(copies.restore(then["inputs"], tmp_path), "")
    assert matrix.workloads[0].toolbox == tmp_path / "guest-tools"
    again = copies.collect(matrix, plan(matrix))
    assert again["guest-tools/common/kmatrix.c"].endswith(b"/* of then */\n")


def test_what_does_not_repeat_here_is_not_the_same(then: Any, now: Any) -> None:
    """The noisier a repetition, the less it says."""
    row = cell(now)["metrics"]["time"]
    first, *rest = row["boots"]
    row["boots"] = [first, *([[value * 1.6 for value in boot] for boot in rest])]
    answer = verify(then, now)
    assert verdict(answer, "time") == UNSURE and not answer.same
    assert "1 does not repeat" in said(answer)


def test_what_did_not_repeat_when_it_was_recorded_is_not_held_against_anybody(then: Any, now: Any) -> None:
    for report in (then, now):
        row = cell(report)["metrics"]["time"]
        first, *rest = row["boots"]
        row["boots"] = [first, *([[value * 1.6 for value in boot] for boot in rest])]
    answer = verify(then, now)
    assert verdict(answer, "time") == SAME and answer.same, "to the digit, boot by boot"
    scale_time(now, 0.002)
    answer = verify(then, now)
    assert verdict(answer, "time") == VARIES and answer.same


def broken(report: Any, kind: str, message: str) -> None:
    for row in report["cells"]:
        row.update(
            status="kernel_broke", metrics={}, failure={"kind": kind, "message": message, "hint": "", "log": ""}
        )


def test_cells_that_break_in_another_way_are_not_the_same(then: Any, now: Any) -> None:
    broken(then, "panic", "Kernel panic at 0xffff8123")
    broken(now, "panic", "Kernel panic at 0xffff9456")
    answer = verify(then, now)
    assert answer.same and {value.verdict for value in answer.values} == {SAME}
    broken(now, "oops", "Unable to handle kernel paging request")
    answer = verify(then, now)
    assert not answer.same and {value.verdict for value in answer.values} == {STATUS}
    assert "Unable to handle" in said(answer)


def test_nothing_is_not_the_same() -> None:
    nothing = Verified((), ())
    assert not nothing.same and "nothing was verified" in said(nothing)


def said(answer: Verified) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(verified_view(answer))
    return " ".join(captured.get().split())
