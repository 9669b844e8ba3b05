# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the instructions went, on real guests of every architecture: the account is the instruction clock's."""

from __future__ import annotations

import json
import statistics
from typing import Any

import pytest

from tests.boot.conftest import HERE, LAB, SMALL, Done, Kmatrix

ARCHES = ("x86_64", "aarch64", "s390x")
LOCK = {"x86_64": "down_read_trylock", "aarch64": "down_read_trylock", "s390x": "down_read"}
SELDOM = 0.001  # a page: once in a pass or two
# Whose update fills memcg's batch of statistics is up to where that stood: what one has more the other has less.
BATCHED = ("__mod_memcg_lruvec_state", "__count_memcg_events")
BESIDE = 900  # instructions between the clock's two readings and the region, of the whole pass
WHOLE = LAB.replace("shmem-light", "shmem-write").replace(", memory_mib: 256", "")  # as profiled: 400 MiB a pass


def profile(kmatrix: Kmatrix, text: str, *arguments: str) -> Done:
    config = kmatrix.matrix(text)
    done = kmatrix("profile", "--config", config, "--out", kmatrix.folder / "run", *arguments)
    assert done.code == 0, done.out + done.err
    return done


@pytest.fixture(scope="module", params=[LAB, pytest.param(WHOLE, marks=pytest.mark.night)], ids=["light", "whole"])
def text(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="module")
def profiled(ready: None, text: str, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The shared kernels' run; for the seed the seed's two, for known instructions `lab`."""
    return profile(Kmatrix(tmp_path_factory.mktemp("profiled")), text)


def difference(run: Done, arch: str, new: str = "patched") -> Any:
    rows = run.json("profile.json")["differences"]
    return next(row for row in rows if (row["arch"], row["new"]) == (arch, new))


def account(done: Done, arch: str, kernel: str) -> Any:
    """profile.json of a cell."""
    [path] = (done.folder / "cells" / arch / kernel).glob("*/profile.json")
    return json.loads(path.read_text())


def function(row: Any, name: str) -> Any:
    return next(f for f in row["functions"] if f["name"] == name)


def without_batches(paths: list[Any]) -> list[float]:
    """Each path's change, less what it and those below it have of BATCHED; callers come before what they call."""
    changes, above = [path["change"] for path in paths], list[int]()
    for number, path in enumerate(paths):
        above = [*above[: path["depth"]], number]
        if path["name"] in BATCHED:
            for place in above:
                changes[place] -= path["new_own"] - path["base_own"]
    return changes


def lines(row: Any, sign: str) -> list[Any]:
    """Lines of the change with this sign that were executed."""
    found = [line for hunk in row["hunks"] for line in hunk["lines"] if line["sign"] == sign]
    return [line for line in found if (line["base_instructions"] or 0) + (line["new_instructions"] or 0) > SELDOM]


@pytest.mark.parametrize("arch", ARCHES)
def test_the_sum_over_functions_is_the_instruction_clocks_difference(profiled: Done, arch: str) -> None:
    row = difference(profiled, arch)
    times = [r for r in profiled.json()["comparisons"] if (r["arch"], r["metric"]) == (arch, "time")]
    time = next(r for r in times if r["new"] == "patched")
    total = sum(f["change"] for f in row["functions"])
    assert total == pytest.approx(time["per_unit_new"] - time["per_unit_base"], rel=0.001)
    assert row["total"] == pytest.approx(total) and row["balances"]


@pytest.mark.parametrize("arch", ARCHES)
def test_lock_walk_and_fault_happen_once_a_page_instead_of_twice(profiled: Done, arch: str) -> None:
    row = difference(profiled, arch)
    for name in (LOCK[arch], "up_read", "mtree_range_walk", "handle_mm_fault"):
        called = function(row, name)
        assert called["base_calls"] == pytest.approx(2, abs=0.005), name
        assert called["new_calls"] == pytest.approx(1, abs=0.005), name


@pytest.mark.parametrize("arch", ARCHES)
def test_calls_are_judged(profiled: Done, arch: str) -> None:
    rows = [e for e in profiled.json()["expectations"] if e["arch"] == arch and e["metric"].startswith("calls.")]
    assert len(rows) == 8 and {e["claim"] for e in rows} == {"C9"}
    assert {e["verdict"] for e in rows} == {"as_expected"}


@pytest.mark.parametrize("arch", ARCHES)
def test_a_profiled_pass_is_the_same_pass(profiled: Done, arch: str) -> None:
    for cell in (c for c in profiled.json("profile.json")["cells"] if c["arch"] == arch):
        assert cell["balances"] and cell["agrees"]
        assert abs(cell["total"] - cell["clock_profiled"]) * cell["units"] < BESIDE
        assert 0 < cell["interrupts"] < 20 and cell["unattributed"] < 0.1


def test_a_profiled_pass_costs_at_most_twice_the_cpu_time(profiled: Done) -> None:
    """Each pass beside the unprofiled one. One pair can be far off on a busy host, nine are not."""
    costs = [c["seconds_profiled"] / c["seconds_unprofiled"] for c in profiled.json("profile.json")["cells"]]
    assert len(costs) == 9 and min(costs) > 0
    assert statistics.median(costs) <= 2, costs


@pytest.mark.parametrize("arch", ARCHES)
def test_seven_nops_are_seven_instructions_in_one_function(profiled: Done, arch: str) -> None:
    row = difference(profiled, arch, "lab")
    moved = [f for f in row["functions"] if abs(f["change"]) > 0.1 and f["name"] not in ("(interrupts)", *BATCHED)]
    assert [f["change"] for f in moved] == [pytest.approx(7, abs=0.005)], moved
    assert sum(f["change"] for f in row["functions"] if f["name"] in BATCHED) == pytest.approx(0, abs=0.005)
    assert moved[0]["base_calls"] == pytest.approx(moved[0]["new_calls"], abs=0.005)


@pytest.mark.parametrize("arch", ARCHES)
def test_seven_nops_are_seven_instructions_of_their_line(profiled: Done, arch: str) -> None:
    row = difference(profiled, arch, "lab")
    (line,) = lines(row, "+")
    assert line["text"].lstrip().startswith("asm volatile") and line["new_line"] == 4713
    assert line["new_instructions"] == pytest.approx(7, abs=0.005) and line["base_instructions"] is None
    around = lines(row, " ")
    assert around and all(abs(other["change"]) < 0.005 for other in around)
    moved = [f for f in row["source_functions"] if abs(f["change"]) > 0.1 and f["name"] != "(interrupts)"]
    assert [(f["name"], f["file"]) for f in moved] == [("do_shared_fault", "mm/memory.c")], moved


@pytest.mark.parametrize("arch", ARCHES)
def test_each_instruction_is_on_one_line_and_in_one_function_of_the_source(profiled: Done, arch: str) -> None:
    for kernel in ("unpatched", "patched"):
        cell = account(profiled, arch, kernel)
        own = sum(pair[0] for table in cell["lines"].values() for pair in table.values())
        assert cell["lines_why"] == "" and own > cell["total"] / 4  # clearing a page is assembly, which has no lines
        assert own + cell["unlined"] + cell["interrupts"] == cell["total"]
        assert sum(count for _, _, count in cell["source_functions"]) + cell["interrupts"] == cell["total"]
        assert all(not file.startswith(("/", "..")) for file in cell["lines"])


@pytest.mark.parametrize("arch", ARCHES)
def test_call_paths_add_up_to_the_account_and_show_where_the_second_walk_was(profiled: Done, arch: str) -> None:
    for kernel in ("unpatched", "patched"):
        cell = account(profiled, arch, kernel)
        followed = sum(own for _, _, own in cell["paths"]) + cell["interrupts"]
        assert cell["paths_why"] == "" and followed == pytest.approx(cell["total"], abs=BESIDE)
    row = difference(profiled, arch)
    outer = [path for path in row["paths"] if path["depth"] == 0]
    assert outer[0]["name"] == "user:main" and outer[0]["base_instructions"] > 0.99 * row["base_total"]
    walks = [path for path in row["paths"] if path["name"] == "find_vma" and path["base_instructions"] > 100]
    assert len(walks) == 1 and walks[0]["new_instructions"] == pytest.approx(
        walks[0]["base_instructions"] / 2, abs=0.01
    )


@pytest.mark.parametrize("arch", ARCHES)
def test_seven_nops_are_seven_instructions_of_one_path(profiled: Done, arch: str) -> None:
    row = difference(profiled, arch, "lab")
    left_out = ("(interrupts)", *BATCHED)
    (one,) = [f["name"] for f in row["functions"] if abs(f["change"]) > 0.1 and f["name"] not in left_out]
    changes = without_batches(row["paths"])
    moved = [path for path, change in zip(row["paths"], changes, strict=True) if abs(change) > 0.1]
    assert [path["depth"] for path in moved] == list(range(len(moved))) and len(moved) > 5
    assert [change for change in changes if abs(change) > 0.1] == [pytest.approx(7, abs=0.05)] * len(moved)
    assert moved[-1]["name"] == one
    assert moved[-1]["new_own"] - moved[-1]["base_own"] == pytest.approx(7, abs=0.005)


@pytest.mark.parametrize("arch", ARCHES)
def test_the_line_that_the_seed_is_about_is_executed_once_a_page(profiled: Done, arch: str) -> None:
    row = difference(profiled, arch)
    (new,) = [line for line in lines(row, "+") if "return VM_FAULT_COMPLETED" in line["text"]]
    (old,) = [line for line in lines(row, "-") if "return VM_FAULT_RETRY" in line["text"]]
    assert new["new_instructions"] == old["base_instructions"] >= 0.995
    assert any("fault & VM_FAULT_COMPLETED" in line["text"] for line in lines(row, "+"))


def test_reports_tell_of_it_from_the_folder_alone(profiled: Done, kmatrix: Kmatrix) -> None:
    mail = kmatrix("report", profiled.folder, "--format", "mail").out
    part = mail.split("== where the instructions went")[1]
    assert mail.isascii() and max(map(len, mail.splitlines())) <= 75
    for arch in ARCHES:
        assert f"{arch} shmem-" in part and ", instructions a page: " in part
    assert part.count(" 2.00 -> 1.00 mtree_range_walk") == 3 and part.count("return VM_FAULT_COMPLETED;") == 3
    page = kmatrix("report", profiled.folder, "--format", "html", "--arch", "s390x").out
    assert 'aria-label="s390x: -' in page and 'aria-label="aarch64: ' not in page
    assert "<td>mtree_range_walk</td>" in page and "return VM_FAULT_COMPLETED;" in page


@pytest.mark.parametrize(
    "arch", ["aarch64", *(pytest.param(a, marks=pytest.mark.night) for a in ("x86_64", "s390x"))]
)
def test_two_runs_give_the_same_table(profiled: Done, kmatrix: Kmatrix, text: str, arch: str) -> None:
    again = profile(kmatrix, text, "-s", f"{arch}/unpatched", "-s", f"{arch}/patched")
    one, other = (difference(run, arch) for run in (profiled, again))
    changed = [row for row in one["functions"] if abs(row["change"]) > 1 and row["name"] != "(interrupts)"]
    assert len(changed) > 5
    for row in changed:
        assert function(other, row["name"])["change"] == pytest.approx(row["change"], abs=0.05), row["name"]


def test_a_finished_run_is_profiled_or_shown_again(profiled: Done, kmatrix: Kmatrix) -> None:
    again = kmatrix("profile", profiled.folder, "--json")
    assert again.code == 0 and again.out == (profiled.folder / "profile.json").read_text()


def test_profile_diff_is_an_option_of_run(profiled: Done, kmatrix: Kmatrix) -> None:
    done = kmatrix.run(LAB, "--profile-diff", "-s", "aarch64/patched", "-s", "aarch64/lab")
    assert done.code == 0 and "instructions a page" in done.out, done.out + done.err
    [row] = done.json("profile.json")["differences"]
    assert row["total"] == pytest.approx(7, abs=0.2)


def test_programs_without_markers_have_names_of_their_own(ready: None, kmatrix: Kmatrix) -> None:
    """What starts them is at other addresses, so a script's shell cannot end the region early either."""
    config = kmatrix.matrix(SMALL)
    own = [f"{HERE / 'own/touch.c'} 1000", str(HERE / "own/hello.sh")]
    words = [word for name in own for word in ("--workload", name)]
    done = kmatrix("profile", "--config", config, "--out", kmatrix.folder / "run", *words)
    assert done.code == 0, done.out + done.err
    touch, hello = done.json("profile.json")["cells"]
    table = {f["name"]: f for f in touch["functions"]}
    assert 4000 < table["user:main"]["instructions"] < 5000 and table["user:main"]["calls"] == 1
    assert table["user:runner:__spawni_child"]["calls"] == 1 and touch["unattributed"] < 100
    names = [f["name"] for f in hello["functions"] if f["name"].startswith("user:")]
    assert names and all(name.startswith("user:runner:") for name in names) and hello["unattributed"] > 10_000
