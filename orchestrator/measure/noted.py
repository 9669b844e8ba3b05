# SPDX-License-Identifier: GPL-2.0-or-later
"""What of the kernel ran in a boot, as the plugin of blocks notes it: files in the boot's folder."""

from __future__ import annotations

import asyncio
import gzip
from bisect import bisect_left
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from orchestrator.errors import InfraError
from orchestrator.guest.command_line import Plugin
from orchestrator.measure import region
from orchestrator.measure.addresses import Places
from orchestrator.model import CODE_LINES, COST_CLASSES, UNDECODED, Arch, Marks
from orchestrator.profile import costs as costly
from orchestrator.profile import symbols
from orchestrator.profile.blocks import BYTES, Counted, parse_counted, parse_pieces, parse_seen
from orchestrator.profile.costs import Piece, size_of
from orchestrator.profile.line_table import Executed
from orchestrator.profile.names import stem
from orchestrator.profile.relocation import Relocation
from orchestrator.sandbox.bubblewrap import own_file
from orchestrator.store import digest

COSTS_FORMAT = 1  # of how costs are told: raise it when that changes
SEEN, COUNTED = "seen.gz", "executed.gz"  # until the counted passes; in them, and how often


@dataclass(frozen=True)
class Notes:
    """The plugin, and the workload's files by which it knows the passes; raw: a folder that only it writes to.
    interrupts: where they begin."""

    library: Path
    files: tuple[Path, ...]
    marks: Marks
    raw: Path
    interrupts: Collection[int] = ()

    @asynccontextmanager
    async def until_the_gate(self, folder: Path) -> AsyncIterator[Plugin]:
        """For a start of QEMU; what it wrote is in the folder when the block ends well."""
        raw = self.raw / "seen"
        yield region.plugin(self.library, self.raw, {"seen": raw})
        _keep(raw, folder / SEEN)

    @asynccontextmanager
    async def of_passes(self, folder: Path, skip: int = 0, boots: bool = False) -> AsyncIterator[Plugin]:
        """The same of counted passes. skip: passes of warm-up before them; boots: all before is noted, too."""
        counted, seen = self.raw / "executed", self.raw / "seen"
        user = await asyncio.to_thread(symbols.of_programs, *self.files)
        bounds = region.bounds(user, self.files, self.marks)
        bounds += region.interrupted(self.interrupts, self.marks)
        files = {"out": counted, **({"seen": seen} if boots else {})}
        yield region.plugin(self.library, self.raw, files, *bounds, *([f"skip={skip}"] if skip else []))
        _keep(counted, folder / COUNTED)
        if boots:
            _keep(seen, folder / SEEN)


def add_seen(earlier: Path, folder: Path) -> None:
    """What ran before, as noted there, too: the kernel of a snapshot, before it went on."""
    (folder / SEEN).touch()
    with (folder / SEEN).open("ab") as file:
        file.write((earlier / SEEN).read_bytes())


def _keep(raw: Path, kept: Path) -> None:
    """Without it the boot is what it is: it is told as not known, when somebody asks."""
    if raw.is_symlink() or raw.exists():
        own_file(raw)
        kept.write_bytes(gzip.compress(raw.read_bytes(), compresslevel=4, mtime=0))
        raw.unlink()


def whole(folder: Path) -> bool:
    """Does a boot's folder have both, with the bytes of what was executed?"""
    return all((folder / name).is_file() for name in (SEEN, COUNTED)) and _text(folder / COUNTED).startswith(BYTES)


def counted(folder: Path, relocation: Relocation) -> Counted:
    """Of a kernel's boot, by the addresses that were linked. InfraError where there is none, or it is not whole."""
    return parse_counted(_text(folder / COUNTED), relocation)


def pieces(folder: Path, relocation: Relocation) -> tuple[list[Piece], int]:
    """What a boot's counted passes executed, with its bytes, and of how many of them. InfraError as above."""
    return parse_pieces(_text(folder / COUNTED), relocation)


def classes(arch: Arch) -> str:
    """Of what costs() rests on, beside what ran."""
    its = asdict(arch.costs) if arch.costs else None
    return digest("costs", COSTS_FORMAT, version("capstone"), its)


def costs(folder: Path, arch: Arch, files: Sequence[Path], known: Places, units: int) -> dict[str, float]:
    """{class: executions in a counted pass} of a boot, of lines of code how often a unit of work runs one; {} where
    that is not known. units: of work in a pass."""
    decode = costly.decoder(arch)
    if decode is None or not (folder / COUNTED).is_file():
        return {}
    ran, regions = pieces(folder, known.relocation)
    tables = (symbols.of_programs(*files), known.symbols)
    told = costly.told(decode, ran, tables, known.exceptions, regions * units)
    sums = told.classes
    found = {name: sums.get(name, 0) / regions for name in COST_CLASSES if name in decode.names}
    found |= {UNDECODED: sums[UNDECODED] / regions} if UNDECODED in sums else {}
    return {**found, CODE_LINES: float(told.code_lines * units)}


def calls(folder: Path, functions: Collection[str], files: Sequence[Path], known: Places) -> dict[str, float | None]:
    """{function: executions of its first instruction in a counted pass} of a boot, None where there is none such; {}
    where that is not known."""
    if not functions or not (folder / COUNTED).is_file() or symbols.of_programs(*files).local:
        return {}  # the last: only a vmlinux tells where functions are called
    ran, regions = pieces(folder, known.relocation)
    entries = {name: known.symbols.entries(stem(name)) for name in functions}
    found = Counter[int]()
    wanted = sorted(address for its in entries.values() for address in its)
    for address, count, code in ran:
        for place in wanted[bisect_left(wanted, address) : bisect_left(wanted, address + size_of(code))]:
            found[place] += count
    return {name: sum(found[place] for place in its) / regions if its else None for name, its in entries.items()}


def seen(folder: Path, relocation: Relocation) -> Executed:
    """As above."""
    return parse_seen(_text(folder / SEEN), relocation)


def _text(path: Path) -> str:
    try:
        return gzip.decompress(path.read_bytes()).decode()
    except (OSError, EOFError, ValueError) as error:
        raise InfraError("nobody noted what ran in it", kind="reach") from error
