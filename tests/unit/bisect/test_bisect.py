# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole verb without a guest: kernels that are none say what their commit's mm/a.c says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.analyse.contract import TakenRow
from orchestrator.errors import ConfigError, InfraError
from orchestrator.runs import load
from tests.unit.bisect.conftest import Commits, Lab, value, verb


def row(length: int, steps: dict[int, int]) -> Sequence[int]:
    return [steps.get(n, 0) for n in range(1, length + 1)]


def test_a_commit_that_adds_three_instructions_is_named_among_eight(lab: Lab) -> None:
    tree = Commits(lab.root / "linux", row(8, {5: 3}))
    tree("checkout", "-q", tree.commits[0])
    lab.kernels.folder = tree.folder
    lines, told = lab(f"{tree.commits[0]}..master", "--tree", tree.folder)
    assert lines[:-1] == [
        "aarch64/shmem-write time, 8 changes: 4000.0 -> 4003.0 ns per page",
        f'commit {tree.commits[5][:12]} "mm: step 5": time +3.00 ns per page (+0.075%), worse',
        "measured: 3 kernels beside the two ends, one pass each",
    ]
    assert told["culprits"][0]["changes"][0]["commit"] == tree.commits[5] and told["whole"]
    assert len(lab.kernels.asked) == 5
    assert len(lab.house.measured) == 4, "one that is the same as the one before it is not booted"
    run = load.load(Path(lines[-1].removeprefix("run folder: ")))
    assert len(run.report["cells"]) == 5 and run.report["run"]["kind"] == "bisect"
    assert all(cell["arch"] == "aarch64" for cell in run.report["cells"])


def test_again_it_is_known_already(lab: Lab) -> None:
    """As after an interruption: what was measured is taken from the store."""
    tree = Commits(lab.root / "linux", row(8, {5: 3}))
    first = lab(f"{tree.commits[0]}..master", "--tree", tree.folder)
    again = lab(f"{tree.commits[0]}..master", "--tree", tree.folder)
    assert again[0][:-1] == first[0][:-1] and lab.house.measured == []


def test_the_same_command_goes_on_in_its_folder_until_there_is_an_answer(lab: Lab) -> None:
    tree, out = Commits(lab.root / "linux", row(8, {5: 3})), lab.root / "mine"
    words = (f"{tree.commits[0]}..master", "--tree", tree.folder)
    name = f"at-{tree.commits[6][:12]}"
    lab.house.fails[name] = [InfraError("the power is gone")]
    with pytest.raises(InfraError, match="the power is gone"):
        lab(*words, out=out)
    assert not (out / "bisect.json").exists() and len(lab.house.measured) > 2
    lab.house.fails.clear()
    _, told = lab(*words, out=out)
    assert [its["changes"][0]["title"] for its in told["culprits"]] == ["mm: step 5"]
    last = f"at-{tree.commits[5][:12]}"
    assert lab.house.measured == [name, last], "what was measured is not measured again"
    assert len(load.load(out).report["cells"]) == 5
    with pytest.raises(ConfigError, match="holds a run already"):
        lab(*words, out=out)


def test_a_run_of_another_kind_is_no_place_for_it(lab: Lab) -> None:
    tree, out = Commits(lab.root / "linux", row(2, {1: 3})), lab.root / "mine"
    out.mkdir()
    (out / "plan.json").write_text("{}")
    (out / "run.json").write_text('{"kind": "check"}')
    with pytest.raises(ConfigError, match="holds a run already"):
        lab(f"{tree.commits[0]}..master", "--tree", tree.folder, out=out)


def test_several_are_told_apart_by_size_and_what_does_not_build_is_stepped_over(lab: Lab) -> None:
    tree = Commits(lab.root / "linux", row(16, {3: -20, 12: 7}))
    lab.kernels.broken = {f"at-{tree.commits[n][:12]}" for n in (8, 11, 12)}
    lines, told = lab(f"{tree.commits[0]}..master", "--tree", tree.folder)
    sizes = [
        (len(its["changes"]), round(its["after"] - its["before"], 6), its["verdict"]) for its in told["culprits"]
    ]
    assert sizes == [(1, -20.0, "better"), (3, 7.0, "worse")]
    assert [its["title"] for its in told["culprits"][1]["changes"]] == [f"mm: step {n}" for n in (11, 12, 13)]
    assert lines[2].startswith("one of 3 that do not build or run by themselves: commit ")
    assert sum("does not compile: mm/a.c:1: error" in line for line in lines) == 3
    assert len(told["lost"]) == 3


def test_a_merge_is_looked_into(lab: Lab) -> None:
    tree = Commits(lab.root / "linux", row(4, {}))
    tree("checkout", "-q", "-b", "side", "master~2")
    for n, text in enumerate(("4000", "4009", "4009"), 1):
        (tree.folder / "mm/a.c").write_text(f"{text}\n")
        (tree.folder / f"side{n}").touch()
        tree("add", ".")
        tree("commit", "-qm", f"side {n}")
    tree("checkout", "-q", "master")
    tree("merge", "-q", "--no-ff", "-m", "Merge side", "side")
    lines, told = lab(f"{tree.commits[0]}..master", "--tree", tree.folder)
    assert [its["title"] for its in told["culprits"][0]["changes"]] == ["side 2"]
    assert [its["title"] for its in told["culprits"][0]["merges"]] == ["Merge side"]
    assert "time +9.00 ns per page (+0.22%), worse; it came with commit" in lines[1] and '"Merge side"' in lines[1]


def test_a_series_is_searched_as_well(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(verb.intake, "tell", lambda row: told.extend(its["title"] for its in row["series"]))
    tree = Commits(lab.root / "linux", row(4, {3: 3}))
    tree("format-patch", "-q", "-o", str(lab.root / "sent"), f"{tree.commits[0]}..master")
    monkeypatch.setattr(verb.author, "followed", lambda wanted, *_: (wanted, None))
    lines, _ = lab(*sorted((lab.root / "sent").iterdir()))
    assert lines[1] == 'patch 3/4 "mm: step 3": time +3.00 ns per page (+0.075%), worse'
    assert lab.kernels.asked == ["unpatched", "patched-4", "patched-2", "patched-3"]
    assert told, "which series it is"


def test_one_of_several_series_can_be_picked_and_what_was_understood_is_told(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = Commits(lab.root / "linux", row(3, {2: 3}))
    tree("format-patch", "-q", "--thread", "-o", str(lab.root / "sent"), f"{tree.commits[0]}..master")
    monkeypatch.setattr(verb.author, "followed", lambda wanted, *_: (wanted, None))
    one, two, three = (path.read_text() for path in sorted((lab.root / "sent").iterdir()))
    other = "From: B <b@x>\nMessage-Id: <b@x>\nSubject: [PATCH] mm: of another\n\n" + three[three.index("diff") :]
    box = lab.root / "t.mbox"
    box.write_text("\n".join([one, two, f"From {'0' * 40} Mon Sep 17 00:00:00 2001\n{other}"]))
    with pytest.raises(ConfigError, match="there are 2 series in it"):
        lab(box)
    with pytest.raises(ConfigError, match="patch 3/3 is missing") as caught:
        lab(box, "--series", "1")
    assert "--partial" in caught.value.hint
    rows: list[TakenRow] = []
    monkeypatch.setattr(verb.intake, "tell", rows.append)
    lines, _ = lab(box, "--series", "1", "--partial")
    assert lines[1].startswith('patch 2/3 "mm: step 2": time +3.00')
    assert rows[0]["series"][0]["title"] == "mm: step 1" and "(--partial)" in rows[0]["notes"][0]
    assert rows[0]["left_out"] == ['"[PATCH] mm: of another" (B): another series']


def test_ends_that_are_the_same_and_ends_without_a_figure_are_told(lab: Lab) -> None:
    tree = Commits(lab.root / "linux", row(8, {2: 3, 7: -3}))
    lines, told = lab(f"{tree.commits[0]}..master", "--tree", tree.folder, code=0)
    assert lines[0].endswith("8 changes: no difference between its ends, 4000.0 and 4000.0 ns per page")
    assert told["culprits"] == [] and told["kernels"] == 2
    assert lines[1].startswith("what a change does and a later one undoes is not seen so")
    lab.kernels.broken = {f"at-{tree.commits[8][:12]}"}
    lines, told = lab(f"{tree.commits[0]}..master", "--tree", tree.folder, code=3)
    assert "the newer end (at-" in lines[0] and lines[0].endswith("does not compile: mm/a.c:1: error")
    assert told["newer"] is None and round(told["older"], 6) == 4000.0


def test_it_stops_where_it_is_told_and_says_what_is_left(lab: Lab) -> None:
    tree = Commits(lab.root / "linux", row(64, {20: 3}))
    lines, told = lab(f"{tree.commits[0]}..master", "--tree", tree.folder, "--most", "2")
    assert len(lab.kernels.asked) == 4 and not told["whole"]
    assert lines[1].startswith("one of 16 ") and "or not looked at" in lines[1]
    assert lines[-2] == "not all was looked at: it was stopped before the end"


def test_a_testbed_that_fails_blames_no_commit(lab: Lab) -> None:
    tree = Commits(lab.root / "linux", row(4, {3: 3}))
    name = f"at-{tree.commits[4][:12]}"
    lab.house.fails[name] = [InfraError("no QEMU")]
    with pytest.raises(InfraError, match=rf"aarch64/{name}/shmem-write: no QEMU"):
        lab(f"{tree.commits[0]}..master", "--tree", tree.folder)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["a..b", "--base", "s"], "--base goes with patches"),
        (["a..b"], r"git merge-base in .*: fatal"),
        (["none.patch"], "no such file"),
        (["a..b", "--metric", "speed"], "unknown metric 'speed'"),
        (["a..b", "-w", "contention"], "figures of contention do not repeat"),
    ],
)
def test_what_cannot_be_searched_is_told(lab: Lab, words: list[str], why: str) -> None:
    tree = Commits(lab.root / "linux", [0])
    if words[0] == "a..b" and "-w" in words:
        words = ["master~1..master", *words[1:]]
    with pytest.raises(ConfigError, match=why):
        lab(*words, "--tree", tree.folder, cell="aarch64/contention" if "-w" in words else "aarch64/shmem-write")


def test_the_tree_made_for_it_says_what_it_should() -> None:
    assert [value([1, 2], n) for n in range(3)] == [4000, 4001, 4003]
