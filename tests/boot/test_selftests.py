# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own tests, before and after: what a patch breaks fails by name, on the architecture that it breaks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.boot.conftest import Done, Kmatrix, of_patch

FEW = (
    "--selftest",
    "mremap_dontunmap",
    "--selftest",
    "map_populate",
    "--selftest",
    "mlock-random-test",
    "--selftest",
    "hugepage-mmap",
)


def told(done: Done) -> list[tuple[str, str, str]]:
    """(arch, kind, test) of each finding."""
    return [(row["arch"], row["kind"], row["runs"][0]) for row in done.json()["findings"]]


def looked(done: Done) -> dict[str, Any]:
    """{s390x/patched: its row}"""
    return {f"{row['arch']}/{row['kernel']}": row for row in done.json()["watched"]}


def test_a_test_that_a_patch_breaks_is_named(ready: None, kmatrix: Kmatrix) -> None:
    done = kmatrix.run(of_patch("selftest-s390", "s390x"), *FEW, "--no-reach")
    assert done.code == 3, done.out + done.err
    assert told(done) == [("s390x", "test_fails", "mremap_dontunmap")], done.out
    (row,) = done.json()["findings"]
    assert row["where"] == "tools/testing/selftests/vm/mremap_dontunmap"
    assert "mremap" in (done.folder / row["log"]).read_text()
    base = looked(done)["s390x/unpatched"]
    assert {"mremap_dontunmap", "map_populate", "mlock-random-test"} == {*base["ran"]}
    assert any(left.startswith("hugepage-mmap: this guest has no") for left in base["left_out"])
    assert base["boots"] == 2  # to know what differs by itself
    mail = kmatrix("report", done.folder, "--format", "mail").out
    assert "patched fails its test mremap_dontunmap on s390x" in " ".join(mail.split())


@pytest.mark.night
def test_on_the_others_it_passes(ready: None, kmatrix: Kmatrix) -> None:
    done = kmatrix.run(of_patch("selftest-s390", "x86_64, aarch64"), "--selftests", "--no-reach")
    assert told(done) == [], done.out
    for row in looked(done).values():
        assert "mremap_dontunmap" in row["ran"] and len(row["ran"]) >= 20, row


@pytest.mark.night
@pytest.mark.parametrize("arch", ["x86_64", "aarch64", "s390x"])
def test_a_patch_that_breaks_nothing_says_nothing(ready: None, kmatrix: Kmatrix, arch: str) -> None:
    done = kmatrix.run(of_patch("faultless", arch), "--selftests", "--no-reach")
    assert told(done) == [], done.out
