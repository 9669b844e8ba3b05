# SPDX-License-Identifier: GPL-2.0-or-later
"""What is sent to another machine means the same there."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import InfraError, KernelBroke
from orchestrator.executors.parcel import LARGEST, packed, unpacked
from orchestrator.paths import IMAGES
from orchestrator.store import Store


@pytest.fixture
def here(tmp_path: Path) -> Store:
    return Store(tmp_path / "here")


@pytest.fixture
def there(tmp_path: Path) -> Store:
    return Store(tmp_path / "there")


def test_what_is_in_the_store_is_at_its_place_in_the_other(here: Store, there: Store) -> None:
    for store in (here, there):
        with store.publish("kernels", "abc") as folder:
            (folder / "bzImage").write_text("image")
    sent = here.folder("kernels", "abc") / "bzImage"
    assert unpacked(packed(sent, here), there) == there.folder("kernels", "abc") / "bzImage"


def test_what_cannot_be_had_there_is_said(here: Store, there: Store) -> None:
    with here.publish("kernels", "abc") as folder:
        (folder / "bzImage").write_text("image")
    with pytest.raises(InfraError, match="kernels/abc is not here") as told:
        unpacked(packed(here.folder("kernels", "abc") / "bzImage", here), there)
    assert "--store" in told.value.hint


def test_files_are_sent_along_once_and_are_the_same(here: Store, there: Store, tmp_path: Path) -> None:
    patch = tmp_path / "0001-mm.patch"
    patch.write_text("diff " * 1000)
    data = packed([patch, {"again": patch}], here)
    assert len(data) < 8000
    patch.unlink()
    first, other = unpacked(data, there)
    assert first == other["again"] and first.name == patch.name and first.read_text() == "diff " * 1000
    assert first.is_relative_to(there.root)


def test_the_project_s_data_is_each_machine_s_own(here: Store, there: Store) -> None:
    assert unpacked(packed(IMAGES / "guest.toml", here), there) == IMAGES / "guest.toml"


def test_what_is_no_file_stays_a_name(here: Store, there: Store) -> None:
    names = [Path("/nowhere/at/all"), Path("relative")]
    assert unpacked(packed(names, here), there) == names


def test_too_large_a_file_is_refused(here: Store, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(InfraError, match="too large"):
        packed(large, here)


def test_errors_keep_all_that_they_say(here: Store, there: Store) -> None:
    error = unpacked(packed(KernelBroke("oops", hint="look", log="line", kind="panic2"), here), there)
    assert isinstance(error, KernelBroke)
    assert (error.message, error.hint, error.log, error.kind) == ("oops", "look", "line", "panic2")
