# SPDX-License-Identifier: GPL-2.0-or-later
"""The store: scratch folders, snapshots by content and by age."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from orchestrator import arches
from orchestrator.guest import keys
from orchestrator.guest.command_line import Machine
from orchestrator.measure import snapshots
from orchestrator.measure.snapshots import Snapshot
from orchestrator.model import Clock, KernelProvenance, MachineProvenance, Provenance, WorkloadProvenance
from orchestrator.store import Store


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
    found = snapshots.find(store, "a")
    assert (
        found is not None and found.folder == folder and found.console == "ready" and found.seconds == {"boot": 1.0}
    )
    assert "OPENSSH PRIVATE KEY" in found.keys.client_pem and folder.stat().st_mode & 0o077 == 0
    assert snapshots.find(store, "b") is None


def test_the_least_recently_used_snapshots_go_first(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folders = [_snapshot(store, name, 100_000) for name in "abc"]
    for age, folder in enumerate(folders):
        os.utime(folder, (1000 + age, 1000 + age))
    snapshots.find(store, "a")
    snapshots.prune(store, 250_000)
    assert [folder.exists() for folder in folders] == [True, False, True]


def test_a_snapshot_belongs_to_all_that_its_state_depends_on() -> None:
    machine = Machine(arches.known()["s390x"], "tcg", Clock.ICOUNT, 512, 1, Path("/k/bzImage"), Path("/i/x/initrd"))
    its = Provenance(
        KernelProvenance("", key="k1"), WorkloadProvenance("", (), (), program="s1"),
        MachineProvenance("icount", 512, 1, qemu="7.2"), guest_image="x",
    )  # fmt: skip
    key = snapshots.key(machine, its, ("--mib", "4"), 0)
    assert key == "8d2ef071355f338c", "as kmatrix 0.1.0 had it: its snapshots are still found"
    assert key == snapshots.key(replace(machine, image=Path("/elsewhere")), its, ("--mib", "4"), 0)
    others = [
        snapshots.key(machine, replace(its, machine=replace(its.machine, qemu="10.0")), ("--mib", "4"), 0),
        snapshots.key(machine, replace(its, kernel=replace(its.kernel, key="k2")), ("--mib", "4"), 0),
        snapshots.key(machine, its, ("--mib", "5"), 0),
        snapshots.key(machine, its, ("--mib", "4"), 1),
        snapshots.key(replace(machine, memory_mib=1024), its, ("--mib", "4"), 0),
        snapshots.key(machine, replace(its, guest_image="y"), ("--mib", "4"), 0),
        snapshots.key(machine, replace(its, workload=replace(its.workload, program="s2")), ("--mib", "4"), 0),
    ]
    assert len({key, *others}) == 8
