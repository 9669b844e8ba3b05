# SPDX-License-Identifier: GPL-2.0-or-later
"""Command lines, consoles, keys: the parts of a guest that need no guest."""

import asyncio
import pwd
import socket
import struct
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from invoke.exceptions import UnexpectedExit
from invoke.runners import Result, Runner

from orchestrator import arches
from orchestrator.errors import KernelBroke
from orchestrator.guest import keys, shell, state
from orchestrator.guest.command_line import Machine, kernel_parameters, qemu_argv
from orchestrator.guest.console import READY, Console, find_broken, tail
from orchestrator.model import Clock, Disk


def machine(clock: Clock = Clock.ICOUNT, accel: str = "tcg") -> Machine:
    return Machine(arches.known()["s390x"], accel, clock, 512, 2, Path("/k/bzImage"), Path("/k/initrd"))


def after(argv: list[str], option: str) -> str:
    return argv[argv.index(option) + 1]


def test_a_command_line_is_sealed_off_and_counts_instructions() -> None:
    argv = qemu_argv(machine(), 7, 8)
    assert argv[0] == "qemu-system-s390x" and after(argv, "-m") == "512" and after(argv, "-smp") == "2"
    assert after(argv, "-icount") == "shift=0,sleep=off"
    assert "restrict=on" in after(argv, "-netdev") and "hostfwd=tcp:127.0.0.1:0-:22" in after(argv, "-netdev")
    assert after(argv, "-sandbox").startswith("on,") and "spawn=deny" in after(argv, "-sandbox")
    assert "virtio-net-ccw,netdev=net" in argv and "-S" in argv and "-no-reboot" in argv
    assert "socket,id=qmp,fd=7" in argv and "socket,id=console,fd=8" in argv


def test_a_wall_clock_has_no_icount() -> None:
    argv = qemu_argv(machine(Clock.WALL, "kvm"), 7, 8)
    assert "-icount" not in argv and after(argv, "-accel") == "kvm" and after(argv, "-cpu") == "host"


def test_an_option_stands_right_behind_the_device() -> None:
    x86 = Machine(arches.known()["x86_64"], "tcg", Clock.WALL, 512, 1, Path("k"), Path("i"))
    assert "virtio-net-pci,netdev=net,romfile=" in qemu_argv(x86, 1, 2)
    wall = kernel_parameters(x86.arch, Clock.WALL)
    assert "console=ttyS0 earlycon=uart8250,io,0x3f8 no_timer_check" in wall and "nolapic_timer" not in wall
    exact = "nolapic_timer tsc_early_khz=1000000 tsc=reliable highres=off nohz=off"
    assert kernel_parameters(x86.arch, Clock.ICOUNT) == f"{wall} kmatrix.awake {exact}"


def test_a_disk_is_throttled_and_nothing_stays_in_its_image() -> None:
    base = machine()
    argv = qemu_argv(replace(base, disk=Disk(64, write_bps=1000), disk_image=Path("/d.img")), 7, 8)
    drive = after(argv, "-drive")
    assert "file=/d.img," in drive and "snapshot=on" in drive and "throttling.bps-write=1000" in drive
    assert "bps-read" not in drive and "virtio-blk-ccw,drive=disk" in argv
    assert "-drive" not in qemu_argv(base, 7, 8)
    odd = qemu_argv(replace(base, disk=Disk(64), disk_image=Path("/a,b=c/d.img")), 7, 8)
    assert "file=/a,,b=c/d.img," in after(odd, "-drive"), "a comma would begin another option"


def test_a_snapshot_is_read_from_a_descriptor_and_announced_to_nobody() -> None:
    argv = qemu_argv(machine(), 7, 8, 9)
    assert after(argv, "-incoming") == "fd:9" and "migration.announce-rounds=0" in argv
    assert "-incoming" not in qemu_argv(machine(), 7, 8)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("[    1.0] Kernel panic - not syncing: no init", "panic"),
        ("BUG: kernel NULL pointer dereference, address: 0000000000000008", "oops"),
        ("Unable to handle kernel NULL pointer dereference at virtual address 0", "oops"),
        ("Unable to handle kernel pointer dereference in virtual kernel address space", "oops"),
        ("kernel BUG at mm/memory.c:12!", "oops"),
        ("watchdog: BUG: soft lockup - CPU#0 stuck for 22s!", "lockup"),
        ("rcu: INFO: rcu_sched self-detected stall on CPU", "rcu_stall"),
        ("WARNING: bad unlock balance detected!", "lock_imbalance"),
        ("BUG: sleeping function called from invalid context", "oops"),
        ("WARNING: CPU: 0 PID: 1 at mm/gup.c:1035 faultin_page+0x1/0x2", "warning"),
    ],
)
def test_a_broken_kernel_is_recognised(line: str, kind: str) -> None:
    found = find_broken(f"before\n{line}\nafter\n")
    assert found is not None and found.kind == kind and "before" in found.excerpt and "after" in found.excerpt


def test_a_healthy_console_is_not_broken() -> None:
    assert find_broken(f"[    0.1] Linux version 6.1.192\n{READY}\nDEBUG: x\n") is None
    assert tail("a\nb\nc", 2) == "b\nc"


def test_a_console_is_drained_saved_and_searched(tmp_path: Path) -> None:
    async def play() -> Console:
        ours, theirs = socket.socketpair()
        console = Console(ours, tmp_path / "console.log")
        task = asyncio.create_task(console.drain())
        theirs.send(b"kmat")
        await asyncio.sleep(0.05)
        theirs.send(b"rix: ready\r\nKernel pa")
        await asyncio.wait_for(console.ready.wait(), 5)
        assert not console.broken.is_set()
        theirs.send(b"nic - not syncing: x\r\n")
        await asyncio.wait_for(console.broken.wait(), 5)
        theirs.close()
        await asyncio.wait_for(task, 5)
        return console

    console = asyncio.run(play())
    assert console.text == "kmatrix: ready\nKernel panic - not syncing: x\n"
    assert (tmp_path / "console.log").read_bytes().count(b"\r\n") == 2


def test_a_console_beyond_the_limit_is_drained_but_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.guest.console.LIMIT", 1000)

    async def play() -> Console:
        ours, theirs = socket.socketpair()
        console = Console(ours, tmp_path / "console.log")
        task = asyncio.create_task(console.drain())
        for _ in range(100):
            await asyncio.to_thread(theirs.sendall, b"x" * 99 + b"\n")
        theirs.close()
        await asyncio.wait_for(task, 5)
        return console

    console = asyncio.run(play())
    assert len(console.text) <= 1000 and (tmp_path / "console.log").stat().st_size <= 1000


def test_a_guests_text_cannot_steer_the_terminal() -> None:
    error = KernelBroke("BUG: \x1b]52;c;ZXZpbA==\x07\x1b[2J", log="a\tb\n\x1b[31mred" + "x" * 99999)
    assert error.message == "BUG: ]52;c;ZXZpbA==[2J" and "\x1b" not in error.log and len(error.log) <= 16_000


def test_a_state_goes_through_a_socket_whole_and_a_reader_may_leave(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000
    (tmp_path / "state").write_bytes(content)

    async def play() -> bytes:
        ours, theirs = socket.socketpair()
        feeding = asyncio.create_task(asyncio.to_thread(state.feed, tmp_path / "state", ours))
        got = b""
        while chunk := await asyncio.to_thread(theirs.recv, 1 << 16):
            got += chunk
        await feeding
        ours, theirs = socket.socketpair()
        theirs.close()
        await asyncio.to_thread(state.feed, tmp_path / "state", ours)
        return got

    assert asyncio.run(play()) == content


def test_keys_are_new_each_time_and_in_dropbears_format() -> None:
    one, two = keys.make(), keys.make()
    assert one.client_pem != two.client_pem
    content, mode = one.guest_files["etc/dropbear/host_key"]
    assert mode == 0o600 and content[:4] == struct.pack(">I", 11) and content[4:15] == b"ssh-ed25519"
    assert len(content) == 4 + 11 + 4 + 64
    assert keys.host_key(one.host_public).get_name() == "ssh-ed25519"


@pytest.mark.parametrize("error", [KeyError("getpwuid(): uid not found: 4242"), OSError("No username set")])
def test_a_user_id_without_a_name_can_open_a_shell(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> None:
        raise error

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setenv("LOGNAME", "")  # so that it is as before afterwards
    shell.Shell(socket.socket, keys.make()).close()


def test_a_connection_that_was_closed_is_dialled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a command that took too long."""
    used = []
    monkeypatch.setattr(shell.fabric.Connection, "open", lambda self: used.append(self.connect_kwargs["sock"]))
    dialled = [socket.socket() for _ in range(2)]
    waiting = iter(dialled)
    opened = shell.Shell(lambda: next(waiting), keys.make())
    asyncio.run(opened.connect(1))
    opened.close()
    asyncio.run(opened.connect(1))
    assert used == dialled
    for one in dialled:
        one.close()


class Typed(Runner):
    """A login shell in which `exit 3` was typed."""

    def run(self, command: object, **options: object) -> Result:
        assert command is None and options["pty"] and not options["hide"]
        raise UnexpectedExit(Result(exited=3))


def test_a_terminal_is_a_login_shell_and_gives_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell.fabric.Connection, "open", lambda _: None)
    monkeypatch.setattr("sys.stdin", StringIO())
    opened = shell.Shell(socket.socket, keys.make())
    opened._connection.config.runners.remote_shell = Typed
    assert opened.terminal() == 3
