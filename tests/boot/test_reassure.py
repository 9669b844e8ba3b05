# SPDX-License-Identifier: GPL-2.0-or-later
"""A check vouches for nothing that it did not measure: patches that change no kernel, or not all of them."""

from __future__ import annotations

import pytest

from tests.boot.conftest import EVERYWHERE, HERE, Done, Kmatrix

NIGHT = pytest.mark.night
ALL = ("x86_64", "aarch64", "s390x")
ARCHES = ["aarch64", pytest.param("x86_64", marks=NIGHT), pytest.param("s390x", marks=NIGHT)]
LEAN = EVERYWHERE + "config: lean\n"


@pytest.fixture
def stored(kmatrix: Kmatrix) -> Kmatrix:
    """--fresh would measure kernels that are the same, too."""
    kmatrix.fresh = False
    return kmatrix


def check(kmatrix: Kmatrix, patch: str, *arguments: str, text: str = EVERYWHERE) -> Done:
    path = HERE / f"patches/{patch}.patch"
    return kmatrix("check", path, *arguments, "--config", kmatrix.matrix(text), "--out", kmatrix.folder / "run")


def mail(kmatrix: Kmatrix, done: Done) -> str:
    """Its words."""
    told = kmatrix("report", done.folder, "--format", "mail")
    assert told.code == done.code and max(map(len, told.out.splitlines())) <= 75
    assert "Tested-by" not in told.out
    return " ".join(told.out.split())


def is_not_booted(done: Done, *arches: str) -> None:
    """The patched kernel, and it is the same there."""
    cells = [cell for cell in done.json()["cells"] if cell["kernel"] == "patched" and cell["arch"] in arches]
    assert {(cell["status"], cell.get("reason"), cell["failure"]) for cell in cells} == {
        ("skipped", "identical", None)
    }
    assert len(cells) == len(arches) and not any(
        (done.folder / "cells" / cell["id"] / "boot-0").exists() for cell in cells
    )
    rows = [row for row in done.json()["comparisons"] if row["arch"] in arches]
    assert rows and all(row["change"] == 0 and row["reached"] in (None, False) for row in rows)


def test_documentation_is_answered_at_once_and_nothing_is_started(stored: Kmatrix) -> None:
    done = check(stored, "docs")
    assert done.code == 0, done.out + done.err
    assert "no file of it is built for x86_64, aarch64 and s390x: nothing was started" in done.out
    assert "Documentation/mm/ksm.rst: documentation" in done.out
    assert done.seconds < 3 and not (done.folder / "plan.json").exists()


@pytest.mark.parametrize(
    ("patch", "arch"),
    [
        ("explains-memory", "aarch64"),
        *(pytest.param("explains-memory", arch, marks=NIGHT) for arch in ("x86_64", "s390x")),
        *(pytest.param(f"explains-{what}", arch, marks=NIGHT) for what in ("header", "ext4") for arch in ALL),
    ],
)
def test_comments_are_the_same_kernel(ready: None, stored: Kmatrix, patch: str, arch: str) -> None:
    """Before all lines of a source or a header that tables, names and instructions carry, if there are any."""
    done = check(stored, patch, "--arch", arch)
    assert done.code == 0, done.out + done.err
    (how,) = (row["how"] for row in done.json()["identical"])
    assert how == "lines_only" or (how == "same" and patch == "explains-header")
    assert {row["verdict"] for row in done.json()["comparisons"]} == {"same"}
    assert [row["code"] for row in done.json()["changed"]] == [0]
    is_not_booted(done, arch)
    assert f"first answer: builds, and is the same kernel on {arch}" in done.out
    words = {
        "lines_only": f"{arch}: patched differs from unpatched in line numbers only",
        "same": f"{arch}: patched is the same kernel as unpatched",
    }
    assert words[how] in mail(stored, done)


@pytest.mark.night
def test_a_patch_of_one_architecture_boots_on_that_alone(ready: None, stored: Kmatrix) -> None:
    done = check(stored, "s390-fault")
    assert done.code == 1, done.out + done.err
    assert {row["arch"]: row["how"] for row in done.json()["identical"]} == {
        "x86_64": "same", "aarch64": "same", "s390x": "differs",
    }  # fmt: skip
    is_not_booted(done, "x86_64", "aarch64")
    assert done.cell("s390x/patched/small")["status"] == "passed"
    words = mail(stored, done)
    assert "x86_64 and aarch64: patched is the same kernel as unpatched, so it was not measured" in words
    assert "arch/s390/mm/fault.c is of another architecture: not built on x86_64 and aarch64" in words


@pytest.mark.parametrize("arch", ARCHES)
def test_what_is_not_built_is_named_and_nothing_is_called_the_same(ready: None, stored: Kmatrix, arch: str) -> None:
    """A text that does not even compile, of a file that a lean kernel is built without."""
    done = check(stored, "not-built", "--arch", arch, "--no-config-for-patch", text=LEAN)
    assert done.code == 5, done.out + done.err
    is_not_booted(done, arch)
    assert {row["verdict"] for row in done.json()["comparisons"]} == {"not_reached"}
    assert {row["state"] for row in done.json()["reach"]} == {"not_built"}
    [row] = done.json()["not_built"]
    assert (row["file"], row["lines"], row["option"]) == ("mm/page_io.c", [183], "CONFIG_SWAP")
    assert "mm/page_io.c is not built (needs CONFIG_SWAP)" in done.out
    words = mail(stored, done)
    assert words.startswith(f"the changed line of code is not built on {arch}: what was measured says nothing")
    assert f"mm/page_io.c is not built on {arch}: needs CONFIG_SWAP" in words


def test_the_same_text_is_refused_where_the_file_is_built(ready: None, stored: Kmatrix) -> None:
    done = check(stored, "not-built", "--arch", "aarch64")
    assert done.code == 3 and "mm/page_io.c:183" in done.out, done.out + done.err


def test_a_header_that_nothing_includes_is_not_built(ready: None, stored: Kmatrix) -> None:
    """Which files a kernel was made of is kept with it, headers and all."""
    done = check(stored, "unused-header", "--arch", "aarch64")
    assert done.code == 5, done.out + done.err
    assert [row["file"] for row in done.json()["not_built"]] == ["include/linux/atalk.h"]


@pytest.mark.parametrize("arch", ARCHES)
def test_what_ran_is_told_apart_from_what_did_not(ready: None, stored: Kmatrix, arch: str) -> None:
    done = check(stored, "charges", "--arch", arch)
    assert done.code == 1, done.out + done.err
    ran = {
        row["file"]: (row["state"], row["workloads"]) for row in done.json()["reach"] if row["state"] != "not_code"
    }
    assert ran == {
        "mm/memcontrol.c": ("ran", {"small": pytest.approx(1.0, abs=0.01)}),
        "mm/mprotect.c": ("boot_only" if arch == "aarch64" else "not_run", {}),  # what user space calls, booting
    }
    [time] = [row for row in done.json()["comparisons"] if row["metric"] == "time"]
    assert time["verdict"] == "worse" and time["reached"] is True
    assert time["per_unit_new"] - time["per_unit_base"] == pytest.approx(200, abs=15)
    words = "ran at boot only" if arch == "aarch64" else "did not run"
    assert f"1 of 2 changed lines {words}: mm/mprotect.c:561" in done.out


@pytest.mark.night
@pytest.mark.parametrize("arch", ALL)
def test_what_no_workload_runs_is_not_vouched_for(ready: None, stored: Kmatrix, arch: str) -> None:
    done = check(stored, "protects", "--arch", arch)
    assert done.code == 5, done.out + done.err
    assert {row["verdict"] for row in done.json()["comparisons"]} == {"not_reached"}
    assert mail(stored, done).startswith("no line of the change ran in what was measured.")
