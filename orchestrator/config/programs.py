# SPDX-License-Identifier: GPL-2.0-or-later
"""What a file of the user's is: its content and its neighbours say it. Nothing is built or started."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from orchestrator.arches import known as arches
from orchestrator.config import elf
from orchestrator.errors import ConfigError
from orchestrator.model import Arch, ProgramKind, UserProgram

SHELLS = ("sh", "ash", "busybox")  # names by which a script may ask for the guest's /bin/sh, which is busybox
KSELFTEST = "kselftest"  # how the headers of kernel selftests begin
SKIPPED = 4  # exit status of a kernel selftest that could not run (kselftest.h)
ABOVE = 4  # folders above a C file's own that may hold headers of its: from tools/testing/selftests/mm to the top
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', re.M)
_MEANINGLESS = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
_TESTCASE = re.compile(r"\btestcase\s*\(\s*unsigned\s+long\s+(?:long\s*)?\*")
_MARKERS = re.compile(r"\bkm_begin\s*\(")
_MAIN = re.compile(r"\bmain\s*\(|\bTEST_HARNESS_MAIN\b")


def identify(path: Path) -> UserProgram:
    """Raises ConfigError when the file is nothing that can be measured, or cannot run in a guest."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    if path.suffix == ".c":
        return _source(path)
    if content.startswith(elf.MAGIC):
        return UserProgram(ProgramKind.BINARY, (path,), arches=(_arch_of(path, content, arches()),))
    if content.startswith(b"#!"):
        line = content.split(b"\n", 1)[0][2:].decode(errors="replace")
        return UserProgram(ProgramKind.SCRIPT, (path,), interpreter=interpreter(path, line))
    raise ConfigError(
        f"{path} is no workload: neither a C file (NAME.c), nor an ELF program, nor a script that starts with #!"
    )


def c_kind(text: str) -> ProgramKind | None:
    """What the text of a C file defines; None: nothing to start."""
    code = _MEANINGLESS.sub(" ", text)
    has_main = bool(_MAIN.search(code))
    if _TESTCASE.search(code) and not has_main:
        return ProgramKind.WILL_IT_SCALE
    if not has_main:
        return None
    return ProgramKind.MARKERS if _MARKERS.search(code) else ProgramKind.SOURCE


def interpreter(path: Path, line: str) -> tuple[str, ...]:
    """A script's first line after #! to the command that runs it in the guest. ConfigError if nothing there can."""
    words = line.split()
    if words and PurePosixPath(words[0]).name == "env":
        words = words[1:]
    name = PurePosixPath(words[0]).name if words else ""
    if name == "busybox" and words[1:2] in (["sh"], ["ash"]):
        words = words[1:]
    elif name not in SHELLS[:2]:
        raise ConfigError(
            f"{path} needs {words[0] if words else 'an interpreter'}, and the guest has only /bin/sh (busybox)",
            hint="write it for #!/bin/sh, or give a static program",
        )
    return ("/bin/sh", *words[1:])


def _source(path: Path) -> UserProgram:
    path = path.parent.resolve() / path.name  # as its headers; by its own name, which copies have, too
    folders = header_folders(path)
    compiled, files = _made_of(path, folders)
    part = [path, *(file for file in files if file.suffix == ".c" and file not in compiled)]  # what it includes of C
    kind = c_kind("\n".join(file.read_text(errors="replace") for file in part))
    if kind is None:
        raise ConfigError(f"{path} defines neither main() nor will-it-scale's testcase(): nothing to start")
    selftest = "selftests" in path.parts or any(file.name.startswith(KSELFTEST) for file in files)
    return UserProgram(kind, tuple(files), tuple(compiled), folders, skip=SKIPPED if selftest else None)


def header_folders(path: Path) -> tuple[Path, ...]:
    """Where headers of a C file are looked for."""
    return (path.parent, *list(path.parent.parents)[:ABOVE])


def _made_of(path: Path, folders: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """What is compiled: the C file, and those beside headers that it quotes. And all files that are read."""
    compiled, files = [path], [path]
    for at in files:  # grows meanwhile
        for sign, name in _INCLUDE.findall(at.read_text(errors="replace")):
            places = (folder / name for folder in (at.parent, *folders))
            header = next((place.parent.resolve() / place.name for place in places if place.is_file()), None)
            if header is None or header in files:
                continue
            files.append(header)
            helper = header.with_suffix(".c")
            if sign == '"' and helper not in files and _helper(helper):
                compiled.append(helper)
                files.append(helper)
    return compiled, files


def _helper(path: Path) -> bool:
    """A C file that goes with another: there, and without a main() of its own."""
    return path.is_file() and c_kind(path.read_text(errors="replace")) is None


def _arch_of(path: Path, content: bytes, known: Mapping[str, Arch]) -> str:
    try:
        found = elf.read(content)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    if not found.program:
        raise ConfigError(f"{path} is an object file or a core dump, no program")
    name = next((arch.name for arch in known.values() if arch.elf == found.machine), None)
    if name is None:
        width, data, machine = found.machine
        told = f"machine {machine}, {32 * width} bits, {'big' if data == 2 else 'little'} endian"
        raise ConfigError(f"{path} is a program for another machine ({told}); known: {', '.join(known)}")
    if found.interpreter:
        raise ConfigError(
            f"{path} is a dynamic program: it needs {found.interpreter}, which the guest does not have",
            hint="link it with -static",
        )
    return name
