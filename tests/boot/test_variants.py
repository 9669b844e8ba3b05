# SPDX-License-Identifier: GPL-2.0-or-later
"""Other configs and architectures: what does not compile there, or warns, is named where it is, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.boot.conftest import Done, Kmatrix, of_patch

EXPECTED = {
    ("error", "mm/mincore.c"): {"no SWAP", "allnoconfig"},
    ("error", "mm/msync.c"): {"32 bits"},
    ("error", "mm/util.c"): {"no MMU"},
    ("warning", "mm/mlock.c"): {"W=1"},
}


def of_compilers(done: Done) -> list[dict[str, Any]]:
    """What the source's own scripts say of these patches is another matter."""
    return [row for row in done.json()["findings"] if row["lane"] == "variant"]


@pytest.mark.night
def test_each_fault_is_named_where_it_is(ready: None, kmatrix: Kmatrix) -> None:
    done = kmatrix.run(of_patch("compiles-here", "x86_64"), "--variants", "--no-reach")
    assert done.code == 3, done.out + done.err
    found: dict[tuple[str, str], set[str]] = {}
    for row in of_compilers(done):
        found.setdefault((row["kind"], row["where"].partition(":")[0]), set()).update(row["lines"])
        assert (done.folder / row["log"]).is_file() and row["kernels"] == ["patched"]
    assert found == EXPECTED, done.out
    looked = {row["lines"]: row for row in done.json()["watched"]}
    assert "MISSING_SIGN_OFF" in done.out  # checkpatch.pl
    assert "mm/mlock.o" in looked["64 KiB pages"]["ran"] and looked["no SMP"]["ran"]


@pytest.mark.night
def test_a_patch_that_compiles_everywhere_says_nothing(ready: None, kmatrix: Kmatrix) -> None:
    done = kmatrix.run(of_patch("faultless", "x86_64"), "--variants", "--no-reach")
    assert done.code in (0, 1) and not of_compilers(done), done.out + done.err


@pytest.mark.night
def test_what_only_an_option_of_the_patch_builds_is_compiled(ready: None, kmatrix: Kmatrix) -> None:
    done = kmatrix.run(of_patch("own-option-broken", "x86_64"), "--variants", "--no-reach")
    assert done.code == 3, done.out + done.err
    rows = of_compilers(done)
    assert {(row["kind"], row["where"]) for row in rows} == {("error", "mm/never_built.c:6")}
    assert {"no SMP", "64 KiB pages", "32 bits"} <= {row["lines"][0] for row in rows}
    looked = {row["lines"]: row for row in done.json()["watched"]}
    assert any("CONFIG_NEVER_BUILT of the change on" in note for note in looked["no SMP"]["notes"])
