# SPDX-License-Identifier: GPL-2.0-or-later
"""The store: scratch folders, snapshots by content and by age."""

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator import arches
from orchestrator.cli.clean import clean
from orchestrator.errors import ConfigError
from orchestrator.guest import keys
from orchestrator.guest.command_line import Machine
from orchestrator.measure import snapshots
from orchestrator.measure.snapshots import Snapshot
from orchestrator.model import Clock, KernelProvenance, MachineProvenance, Provenance, WorkloadProvenance
from orchestrator.store import Store, cache_root, of_user


def test_a_scratch_folder_is_private_and_goes_also_after_a_kill(tmp_path: Path) -> None:
    store = Store(tmp_path)
    code = (
        "import os, sys, pathlib; from orchestrator.store import Store\n"
        "with Store(pathlib.Path(sys.argv[1])).scratch() as f:\n (f / 'key').write_text('k'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    (left,) = (tmp_path / "scratch").glob("[!.]*")
    assert (left / "key").exists()
    with store.scratch() as first, store.scratch() as second:
        assert not left.exists() and first.exists() and second.exists()
        assert first.stat().st_mode & 0o077 == 0
    assert not list((tmp_path / "scratch").glob("[!.]*"))


def _snapshot(store: Store, name: str, size: int) -> Path:
    with store.publish(snapshots.KIND, name) as folder:
        (folder / "state").write_bytes(os.urandom(size))
        snapshots.write(Snapshot(folder, keys.make(), "ready", "qemu", {"boot": 1.0}))
    return store.folder(snapshots.KIND, name)


def test_a_snapshot_is_found_again_with_its_keys_and_for_its_owner_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = _snapshot(store, "a", 10)
    found = asyncio.run(snapshots.find(store, "a"))
    assert (
        found is not None and found.folder == folder and found.console == "ready" and found.seconds == {"boot": 1.0}
    )
    assert "OPENSSH PRIVATE KEY" in found.keys.client_pem and folder.stat().st_mode & 0o077 == 0
    assert asyncio.run(snapshots.find(store, "b")) is None


def test_the_least_recently_used_snapshots_go_first(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folders = [_snapshot(store, name, 100_000) for name in "abc"]
    for age, folder in enumerate(folders):
        os.utime(folder, (1000 + age, 1000 + age))
    asyncio.run(snapshots.find(store, "a"))
    snapshots.prune(store, 250_000)
    assert [folder.exists() for folder in folders] == [True, False, True]


def test_a_snapshot_belongs_to_all_that_its_state_depends_on() -> None:
    arch = replace(arches.known()["s390x"], cpu={"tcg": "qemu", "kvm": "host"})  # as it was then
    machine = Machine(arch, "tcg", Clock.ICOUNT, 512, 1, Path("/k/bzImage"), Path("/i/x/initrd"))
    its = Provenance(
        KernelProvenance("", key="k1"), WorkloadProvenance("", (), (), program="s1"),
        MachineProvenance("icount", 512, 1, qemu="7.2"), guest_image="x",
    )  # fmt: skip
    key = snapshots.key(machine, its, ("--mib", "4"), 0)
    assert key == "0dedb889795a9053", "as kmatrix 0.16.0 has it: its snapshots are still found"
    assert key == snapshots.key(replace(machine, image=Path("/elsewhere")), its, ("--mib", "4"), 0)
    others = [
        snapshots.key(replace(machine, arch=arches.known()["s390x"]), its, ("--mib", "4"), 0),
        snapshots.key(machine, replace(its, machine=replace(its.machine, qemu="10.0")), ("--mib", "4"), 0),
        snapshots.key(machine, replace(its, kernel=replace(its.kernel, key="k2")), ("--mib", "4"), 0),
        snapshots.key(machine, replace(its, kernel=replace(its.kernel, image="other")), ("--mib", "4"), 0),
        snapshots.key(machine, its, ("--mib", "5"), 0),
        snapshots.key(machine, its, ("--mib", "4"), 1),
        snapshots.key(replace(machine, memory_mib=1024), its, ("--mib", "4"), 0),
        snapshots.key(machine, replace(its, guest_image="y"), ("--mib", "4"), 0),
        snapshots.key(machine, replace(its, workload=replace(its.workload, program="s2")), ("--mib", "4"), 0),
    ]
    assert len({key, *others}) == 10


def artifact(root: Path, name: str, mib: float, days: float) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "image").write_bytes(os.urandom(int(mib * 2**20)))
    return aged(folder, days)


def aged(folder: Path, days: float) -> Path:
    used = time.time() - days * 86_400
    os.utime(folder, (used, used))
    return folder


def test_the_cache_goes_by_age_and_then_by_size_the_longest_unused_first(tmp_path: Path) -> None:
    fresh = artifact(tmp_path, "kernels/fresh", 3, 0.1)
    used = artifact(tmp_path, "kernels/used", 3, 2)
    older = artifact(tmp_path, "snapshots/older", 3, 5)
    ancient = artifact(tmp_path, "trees/ancient", 0.1, 90)
    ccache = artifact(tmp_path, "ccache/a", 3, 90)
    store, day = Store(tmp_path), time.time() - 86_400
    gone, left = store.prune(7 / 1024, day, 60)
    assert gone == [ancient, older] and 5.9 < left * 1024 < 6.2
    assert fresh.exists() and used.exists() and ccache.exists() and not older.exists()
    gone, left = store.prune(0.001, day, 60)
    assert gone == [used] and left > 0.001, "what was used since then stays"


def test_snapshots_of_a_run_make_room_before_kernels_of_the_same_day(tmp_path: Path) -> None:
    kernel, before = artifact(tmp_path, "kernels/today", 3, 0.5), artifact(tmp_path, "kernels/before", 3, 2)
    first, last = artifact(tmp_path, "snapshots/first", 3, 0.2), artifact(tmp_path, "snapshots/last", 3, 0.1)
    gone, _ = Store(tmp_path).prune(6.5 / 1024, time.time() - 0.3 * 86_400)
    assert gone == [before, first] and kernel.exists() and last.exists()


def test_a_verb_leaves_no_more_than_the_bound_and_all_that_it_used(tmp_path: Path) -> None:
    old, mine = artifact(tmp_path, "kernels/old", 3, 1), artifact(tmp_path, "kernels/mine", 3, 2)
    store = Store(tmp_path)
    with store.bounded(4 / 1024):
        assert store.folder("kernels", "mine") == mine
        with store.publish("kernels", "new") as folder:
            (folder / "image").write_bytes(os.urandom(2**20))
        assert old.exists()
    assert not old.exists() and mine.exists() and store.folder("kernels", "new").exists()
    with pytest.raises(ZeroDivisionError), store.bounded(0.0001):
        aged(mine, 1), aged(store.root / "kernels/new", 1)
        raise ZeroDivisionError
    assert not mine.exists(), "a verb that failed has filled it as well"


def test_nothing_goes_while_another_kmatrix_is_at_work_and_the_last_to_end_prunes(tmp_path: Path) -> None:
    old = artifact(tmp_path, "kernels/old", 3, 1)
    code = (
        "import sys, pathlib; from orchestrator.store import Store\n"
        "with Store(pathlib.Path(sys.argv[1])).in_use(): print(flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdin and other.stdout and other.stdout.readline()
    with Store(tmp_path).bounded(0.001):
        pass
    assert old.exists()
    other.stdin.close()
    other.wait()
    with Store(tmp_path).bounded(0.001):
        pass
    assert not old.exists()


def test_artifacts_are_measured_once_and_trees_again_when_they_were_built_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tree's sources are links to files that its source has already; and that stays as long as its trees."""
    store = Store(tmp_path)
    source = artifact(tmp_path, "sources/ab", 2, 9)
    tree = artifact(tmp_path, "trees/ab-s390x", 1, 3)
    (tree / "linked").hardlink_to(source / "image")
    aged(tree, 3)
    sizes = {entry.path: entry.size // 2**20 for entry in store.entries()}
    assert sizes == {source: 2, tree: 1}
    used = {entry.path: entry.used for entry in store.entries()}
    assert used[source] == used[tree]
    walk = os.walk
    monkeypatch.setattr(
        os, "walk", lambda path: walk(path) if path == tree else pytest.fail(f"{path} measured again")
    )
    (tree / "more").write_bytes(os.urandom(2**20))
    assert {entry.size // 2**20 for entry in store.entries()} == {1, 2}
    store.resized(tree)
    assert [entry.size // 2**20 for entry in store.entries()] == [2, 2]


def test_what_is_not_ours_is_never_removed(tmp_path: Path) -> None:
    """A cache may be in a folder that has other things, too."""
    theirs = [artifact(tmp_path, name, 3, 90) for name in ("linux/mm", "runs/2026-11-01", "ccache/a")]
    ours = artifact(tmp_path, "kernels/old", 3, 90)
    assert Store(tmp_path).prune(0.0, time.time(), 1)[0] == [ours]
    assert all(path.exists() for path in theirs)


def test_a_source_goes_after_its_trees(tmp_path: Path) -> None:
    source, tree = artifact(tmp_path, "sources/ab", 3, 9), artifact(tmp_path, "trees/ab-s390x", 3, 9)
    assert Store(tmp_path).prune(3.5 / 1024, time.time())[0] == [tree] and source.exists()


def test_what_a_killed_process_left_half_made_goes_after_a_day(tmp_path: Path) -> None:
    old, new = artifact(tmp_path, "kernels/.ab.xyz", 1, 2), artifact(tmp_path, "kernels/.cd.xyz", 1, 0.5)
    trash = artifact(tmp_path, ".trash-1", 1, 2)
    with Store(tmp_path).bounded(20):
        pass
    assert not old.exists() and not trash.exists() and new.exists()


def test_clean_waits_for_nobody_and_takes_nothing_from_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMATRIX_CACHE", str(tmp_path))
    kernel, theirs = artifact(tmp_path, "kernels/a", 0.1, 9), artifact(tmp_path, "mine/a", 0.1, 9)
    code = (
        "import sys, pathlib; from orchestrator.store import Store\n"
        "with Store(pathlib.Path(sys.argv[1])).in_use(): print(flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdin and other.stdout and other.stdout.readline()
    with pytest.raises(ConfigError, match="another kmatrix is at work"):
        clean(["all"])
    other.stdin.close()
    other.wait()
    clean(["all"])
    assert not kernel.exists() and theirs.exists()


def test_the_cache_is_where_the_variables_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KMATRIX_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_root() == tmp_path / ".cache/kmatrix"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_root() == tmp_path / "xdg/kmatrix"
    monkeypatch.setenv("KMATRIX_CACHE", "~/mine")
    assert cache_root() == tmp_path / "mine"


def test_without_a_home_it_says_which_variable_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a user id that the system does not know."""

    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    for name in ("HOME", "KMATRIX_CACHE", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="HOME is not set") as caught:
        cache_root()
    assert "KMATRIX_CACHE" in caught.value.hint
    monkeypatch.setenv("KMATRIX_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    with pytest.raises(ConfigError) as caught:
        of_user("XDG_DATA_HOME", ".local/share", "set KMATRIX_HISTORY to a file, or to none")
    assert "KMATRIX_HISTORY" in caught.value.hint
