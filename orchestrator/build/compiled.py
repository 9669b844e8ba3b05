# SPDX-License-Identifier: GPL-2.0-or-later
"""Which files a kernel was built from, as kbuild recorded it; kept with the kernel.

A build tree is shared by kernels of other configs, whose objects and records stay in it. So of the records of objects
that some Makefile takes into kernels only those count that are in the archives this one was linked from.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

from orchestrator.errors import BuildError
from orchestrator.profile.built import Compiled
from orchestrator.profile.makefiles import Reader, needs

FILE = "compiled.json.gz"  # beside a kernel's info.json
_WHOLE, _LINK = "vmlinux.a", ".vmlinux.o.cmd"
_LIBRARY = re.compile(r"[^\s]+/lib\.a")
_DEPS, _SOURCE = b"\ndeps_", b"\nsource_"
_APART = re.compile(
    r"(?:arch/\w+/boot/|drivers/firmware/efi/libstub/)(?!(?:.*/)?piggy\.o).*\.o$"
)  # piggy: the kernel
_ALLOC = 2  # sh_flags
_LONGEST = 16 << 20
_THIN = b"!<thin>\n"


def records(build: Path, about: Collection[bytes] | None = None) -> Iterator[tuple[bytes, list[bytes]]]:
    """(target, what it was built from) of every .cmd file that kbuild left, as make named it, blanks around it; first
    its source. What stands there as $(wildcard ...) is options. Bytes, because there are a million of them.

    about: words; what has none of them in its record is told without what it was built from.
    """
    for folder, _, files in os.walk(build):
        for name in files:
            if name.startswith(".") and name.endswith(".cmd"):
                text = _read(Path(folder, name))
                whole = about is None or any(word in text for word in about)
                if found := _record(text, whole):
                    yield found


def _read(path: Path) -> bytes:
    """Of a file that the build made; nothing for what else it may have made of the name."""
    found = path.lstat()
    return b"\n" + path.read_bytes() if stat.S_ISREG(found.st_mode) and found.st_size < _LONGEST else b""


def _record(text: bytes, whole: bool) -> tuple[bytes, list[bytes]] | None:
    """None for what is no record, whoever wrote it."""
    at = text.find(_DEPS)
    if at < 0 or (ends := text.find(b" := \\\n", at)) < 0:
        return None
    if not whole:
        return text[at + len(_DEPS) : ends], []
    target, _, rest = text[at + len(_DEPS) :].partition(b" := \\\n")
    *rows, last = rest.split(b"\\\n")
    source = text.find(_SOURCE, 0, at)
    words = text[source:at].split(maxsplit=3) if source >= 0 else []
    first = words[2:3]
    return target, [*first, *rows, last.partition(b"\n")[0]]


class _Names(dict[bytes, str]):
    """{as make names it: below a folder}; "" for what is not there."""

    def __init__(self, folder: Path, build: Path) -> None:
        super().__init__()
        self._inside, self._build = f"{folder}/", build

    def __missing__(self, word: bytes) -> str:
        path = named(word, self._build)
        name = self[word] = path.removeprefix(self._inside) if path.startswith(self._inside) else ""
        return name


def named(word: bytes, build: Path) -> str:
    """The path of what a record names; "" for what is no file."""
    text = word.strip().decode(errors="replace")
    return "" if text.startswith("$(") or text.endswith(")") else os.path.normpath(build / text)


def of_tree(made: Path, source: Path, build: Path, options: Mapping[str, str]) -> Compiled | None:
    """Of a kernel that was just built there. made: the build tree; build: where make saw it; options: the .config.

    None where it cannot be told: this Linux links a kernel in another way.
    """
    archived = linked(made)
    if archived is None:
        return None

    def read(file: str) -> str | None:
        path = source / file
        return path.read_text(errors="replace") if path.is_file() else None

    files, targets, objects = _Names(source, build), _Names(build, build), {}
    for target, words in records(made):
        name = targets[target]
        its = tuple(dict.fromkeys(file for word in words if (file := files[word])))
        if its and (stem(name) in archived or _apart(its[0], read, options)):
            objects[name] = its
    apart = (name for name in objects if _APART.match(name))
    return Compiled(objects, {name: _loaded(_content(name, objects[name][0], made, source)) for name in apart})


def _content(name: str, file: str, made: Path, source: Path) -> bytes:
    """Of an object; of the one with the packed kernel's size in it, its source."""
    return _read(source / file if name.endswith("/header.o") else made / name).removeprefix(b"\n")


def _loaded(content: bytes) -> str:
    """Digest of what is loaded of an object, and of what is yet to be filled in there, without debug information."""
    from elftools.common.exceptions import ELFError  # takes a while, and is not needed before
    from elftools.elf.elffile import ELFFile

    found = hashlib.sha256()
    try:
        sections = {section.name: section for section in ELFFile(BytesIO(content)).iter_sections()}
        for name, section in sections.items():
            target = sections.get(name.removeprefix(".rela").removeprefix(".rel"))
            if (target or section)["sh_flags"] & _ALLOC and section["sh_type"] not in ("SHT_NOTE", "SHT_NOBITS"):
                found.update(f"{name} {section['sh_size']}\n".encode() + section.data())
    except ELFError:  # whatever it is, it is the same if all of it is
        found.update(content)
    return found.hexdigest()[:16]


def _apart(file: str, read: Reader, options: Mapping[str, str]) -> bool:
    """Is it for no archive: a tool of the build, or code that is linked by itself (boot, vDSO)?"""
    return file.startswith(("scripts/", "tools/")) or needs(file, read, options) is None


def stem(name: str) -> str:
    """The same for all that is made of one object on the way (page_alloc.nvhe.o, alignedmem.stub.o)."""
    folder, _, file = name.rpartition("/")
    return f"{folder}/{file.partition('.')[0]}"


def linked(made: Path) -> set[str] | None:
    """Stems of all objects in the archives that the kernel was linked from."""
    whole, command = _archive(made / _WHOLE), _read(made / _LINK) if (made / _LINK).is_file() else b""
    if not whole or not command:
        return None
    for word in _LIBRARY.findall(command.decode(errors="replace")):
        library = PurePosixPath(os.path.normpath(word))
        whole |= {str(library.parent / member) for member in _archive(made / library)}
    return {stem(name) for name in whole}


def _archive(path: Path) -> set[str]:
    return _members(_read(path).removeprefix(b"\n")) if path.is_file() else set()


def _members(archive: bytes) -> set[str]:
    """Names in a thin archive, which are paths from where it is."""
    if not archive.startswith(_THIN):
        return set()
    at = len(_THIN)
    while at + 60 <= len(archive):
        head = archive[at : at + 60]
        size = int(head[48:58])
        if head.startswith(b"//"):
            table = archive[at + 60 : at + 60 + size].decode(errors="replace")
            return {os.path.normpath(row.rstrip("/")) for row in table.split("\n") if row.strip("/")}
        stored = size if head.startswith(b"/ ") or head.startswith(b"/SYM64/") else 0  # members are elsewhere
        at += 60 + stored + stored % 2
    return set()


def save(folder: Path, compiled: Compiled | None) -> None:
    """With the kernel; nothing where it is not known."""
    if compiled is None:
        return
    files = sorted(compiled.files)
    number = {file: i for i, file in enumerate(files)}
    rows = {target: [number[file] for file in its] for target, its in sorted(compiled.objects.items())}
    data = {"schema": 1, "files": files, "objects": rows, "apart": dict(compiled.apart)}
    text = json.dumps(data, separators=(",", ":"))
    (folder / FILE).write_bytes(gzip.compress(text.encode(), compresslevel=6, mtime=0))


def load(folder: Path) -> Compiled | None:
    """Of a kernel in the store; None for one of before it was kept."""
    try:
        data = json.loads(gzip.decompress((folder / FILE).read_bytes()))
        objects = {target: _named(data["files"], its) for target, its in data["objects"].items()}
        return Compiled(objects, data["apart"])
    except FileNotFoundError:
        return None
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise BuildError(f"{folder} is damaged", hint="kmatrix clean kernels") from error


def _named(files: Sequence[str], numbers: Sequence[Any]) -> tuple[str, ...]:
    return tuple(files[number] for number in numbers)
