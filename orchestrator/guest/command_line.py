# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU command lines: pure functions over an arch's record, an option and its argument on one line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.model import Arch, Clock, Disk


@dataclass(frozen=True)
class Plugin:
    """One of QEMU's: -plugin's argument, the library, and the folder of the files that it reads and writes."""

    argument: str
    library: Path
    folder: Path


@dataclass(frozen=True)
class Machine:
    """One guest to be started."""

    arch: Arch
    accel: str  # tcg or kvm
    clock: Clock
    memory_mib: int
    cpus: int
    image: Path
    initrd: Path
    disk: Disk | None = None
    disk_image: Path | None = None  # raw; nothing that the guest writes stays in it
    state: Path | None = None  # of a snapshot; the guest goes on from there
    plugin: Plugin | None = None  # changes nothing that the guest sees
    nodes: int = 1  # of memory; more than one where the arch has options for it
    sealed: bool = True  # its QEMU is in a sandbox, where one can be had: see sealed.py
    vouched: bool = False  # somebody vouches for the kernel: it is started where none can be had, too


def kernel_parameters(arch: Arch, clock: Clock, nodes: int = 1) -> str:
    """What the kernel is told: warnings and worse on the console, an oops is the end, fixed addresses."""
    common = "loglevel=5 panic=-1 oops=panic nokaslr norandmaps random.trust_cpu=on"
    icount = ("kmatrix.awake", arch.cmdline_icount) if clock is Clock.ICOUNT else ()
    own = (f"console={arch.console}", arch.cmdline, *icount, arch.numa_cmdline if nodes > 1 else "")
    return " ".join(part for part in (common, *own) if part)


def qemu_argv(machine: Machine, qmp_fd: int, console_fd: int, state_fd: int | None = None) -> list[str]:
    """The whole command. The descriptors are connected sockets; the guest starts paused.

    No route out (restrict=on), SSH on a loopback port that QEMU picks, seccomp on, clock and date fixed.
    """
    arch = machine.arch
    return [
        arch.qemu,
        *firmware(arch),
        "-nodefaults",
        "-no-user-config",
        "-M", arch.machine,
        *accelerator(machine),
        "-cpu", arch.cpu[machine.accel],
        "-smp", arch.smp.format(cpus=machine.cpus),
        "-m", str(machine.memory_mib),
        *numa(machine),
        "-kernel", str(machine.image),
        "-initrd", str(machine.initrd),
        "-append", kernel_parameters(arch, machine.clock, machine.nodes),
        "-netdev", "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:0-:22",
        "-device", _device(arch.net, "netdev=net"),
        "-device", arch.rng,
        *disk(machine),
        *(word for device in arch.devices for word in ("-device", device)),
        "-chardev", f"socket,id=qmp,fd={qmp_fd}",
        "-mon", "chardev=qmp,mode=control",
        "-chardev", f"socket,id=console,fd={console_fd}",
        "-serial", "chardev:console",
        "-display", "none",
        "-no-reboot",
        "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
        *(("-plugin", machine.plugin.argument) if machine.plugin else ()),
        "-S",
        *incoming(state_fd),
    ]  # fmt: skip


def firmware(arch: Arch) -> list[str]:
    """Where an emulator that is not installed has its firmware."""
    return [word for folder in arch.firmware for word in ("-L", folder)]


def numa(machine: Machine) -> list[str]:
    """Two nodes of memory, the CPUs on the first; on an arch that has options for it."""
    if machine.nodes == 1:
        return []
    return [word.format(half=machine.memory_mib // 2, last=machine.cpus - 1) for word in machine.arch.numa]


def accelerator(machine: Machine) -> list[str]:
    """Instruction clock: one instruction is one nanosecond, idle time is skipped."""
    if machine.clock is Clock.ICOUNT:
        date = "base=2022-05-06T00:00:00,clock=vm"
        return ["-accel", "tcg", "-icount", "shift=0,sleep=off", "-rtc", date]
    return ["-accel", machine.accel]


def incoming(state_fd: int | None) -> list[str]:
    """From a snapshot; without the announcements to the network that QEMU makes after it, in host time."""
    if state_fd is None:
        return []
    return ["-incoming", f"fd:{state_fd}", "-global", "migration.announce-rounds=0"]


def disk(machine: Machine) -> list[str]:
    """The workload's disk: what the guest writes goes to a temporary file, as fast as the limits allow."""
    if machine.disk is None:
        return []
    limits = {"bps-read": machine.disk.read_bps, "bps-write": machine.disk.write_bps}
    throttling = "".join(f",throttling.{name}={value}" for name, value in limits.items() if value)
    drive = f"file={value(machine.disk_image)},format=raw,if=none,id=disk,snapshot=on,cache=unsafe"
    return ["-drive", drive + throttling, "-device", _device(machine.arch.disk, "drive=disk")]


def value(text: object) -> str:
    """As the value of an option in a list of some: commas in it are doubled, as QEMU wants it."""
    return str(text).replace(",", ",,")


def _device(device: str, option: str) -> str:
    """The option goes right behind the device's name."""
    name, _, rest = device.partition(",")
    return ",".join(part for part in (name, option, rest) if part)
