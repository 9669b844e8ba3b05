# SPDX-License-Identifier: GPL-2.0-or-later
"""What differs in what two runs were made of, and which cells it touches. Pure."""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.analyse.contract import InputFile, MatrixReport
from orchestrator.config.fragments import wanted
from orchestrator.errors import ConfigError

SHOWN = 40  # lines of kconfig; of more, how many
THEN, NOW = "\x01", "\x02"  # stand for the words of both sides until the end
# Of a workload.toml: no value depends on these.
JUDGES = ("expect", "calls", "costs", "watched", "watched_args", "claims", "title", "note")
SETTINGS = ("warmup", "memory_mib", "clock", "cpus", "accel")  # of measure: those that can move a value

# Fields of model.Provenance: what they are to a reader, and whether another thing is measured where they differ.
_OTHERS = {
    ("workload", "args"): ("arguments", True),
    ("machine", "disk"): ("disk", True),
    ("machine", "command"): ("QEMU's options (a digest)", False),
    ("", "format"): ("kmatrix's way to measure", False),
}


@dataclass(frozen=True)
class Difference:
    """cells: a glob over the ids it touches. content: another thing is measured, whatever the figures say.
    matters: it may move a value. kernel: it is the kernel's own source."""

    cells: str
    text: str
    content: bool = False
    matters: bool = True
    kernel: bool = False

    def touches(self, cell_id: str) -> bool:
        """Can it be why this cell's values differ?"""
        return fnmatch.fnmatchcase(cell_id, self.cells)


def differences(
    then: MatrixReport, now: MatrixReport, words: tuple[str, str] = ("recorded", "here")
) -> list[Difference]:
    """Then first, now second, in every text, under these words."""
    found = [
        *_files(then.get("inputs", {}), now.get("inputs", {}), _versions(then, now)),
        *_kernels(then["kernels"], now["kernels"]),
        *_programs(then, now),
        *_others(then, now),
        *_settings(then["measure"], now["measure"]),
        *_hosts(then["host"], now["host"]),
    ]
    return [replace(row, text=row.text.replace(THEN, words[0]).replace(NOW, words[1])) for row in found]


def _versions(then: MatrixReport, now: MatrixReport) -> dict[str, str]:
    """{build id: its Linux} of kernels that are of the same one."""
    known = (
        (build, {str(side["kernels"].get(build, {}).get("linux", "")) for side in (then, now)})
        for build in now["kernels"]
    )
    return {build: its.pop() for build, its in known if len(its) == 1}


def _files(
    then: Mapping[str, InputFile], now: Mapping[str, InputFile], linux: Mapping[str, str]
) -> Iterator[Difference]:
    for name in sorted(then.keys() | now.keys()):
        top, _, rest = name.partition("/")
        old, new = then.get(name), now.get(name)
        if top not in ("kconfig", "patches", "guest-tools") or (old and new and old["sha256"] == new["sha256"]):
            continue
        if top == "kconfig":
            alike = _asks_alike(old, new, linux.get(rest, ""))
            what = f"kconfig of {rest}: {_lines(old, new)}" + (", of other versions of Linux alone" if alike else "")
            yield Difference(f"{rest}/*", what, content=not alike, matters=not alike)
        elif top == "patches":
            kernel, _, patch = rest.partition("/")
            yield Difference(
                f"*/{kernel}/*", f"patch {patch} of {kernel} {_how(old, new)}", content=True, kernel=True
            )
        else:
            workload = rest.partition("/")[0]
            cells = "*" if workload in ("common", "adapters") else f"*/*/{workload}"
            judges = rest == f"{workload}/workload.toml" and _measures_alike(old, new)
            what = f"workload file {rest} {_how(old, new)}" + (", in what it expects alone" if judges else "")
            yield Difference(cells, what, content=not judges, matters=not judges)


def _how(old: InputFile | None, new: InputFile | None) -> str:
    if old is None or new is None:
        return f"is new {NOW}" if old is None else f"is not {NOW}"
    return f"differs: sha256 {old['sha256'][:12]} {THEN}, {new['sha256'][:12]} {NOW}"


def _measures_alike(old: InputFile | None, new: InputFile | None) -> bool:
    """Do two workload.toml say the same, but for what only judges and explains?"""
    try:
        tables = [tomllib.loads((file and file["text"]) or "") for file in (old, new)]
    except tomllib.TOMLDecodeError:
        return False
    then, now = ({key: value for key, value in table.items() if key not in JUDGES} for table in tables)
    return bool(then) and then == now


def _asks_alike(old: InputFile | None, new: InputFile | None, linux: str) -> bool:
    """Do two files of kconfig lines say the same of this Linux? "": it is not known."""
    try:
        sides = [wanted(((file and file["text"]) or "").splitlines(), linux) for file in (old, new)]
    except ConfigError:
        return False
    return bool(linux and sides[0].wishes) and sides[0] == sides[1]


def _lines(old: InputFile | None, new: InputFile | None) -> str:
    """CONFIG_X=y only recorded; CONFIG_Y=y only here"""
    before, after = (set(((file and file["text"]) or "").splitlines()) for file in (old, new))
    rows = [f"{line} only {THEN}" for line in sorted(before - after)]
    rows += [f"{line} only {NOW}" for line in sorted(after - before)]
    if len(rows) > SHOWN:
        return f"{len(before - after)} lines only {THEN}, {len(after - before)} only {NOW}"
    return "; ".join(rows) or "the same lines in another order"


def _kernels(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    """By build id: the source's exact version, the compiler, the config and the image that came out."""
    for build in sorted(then.keys() & now.keys()):
        old, new = then[build], now[build]
        cells = f"{build}/*"
        if _ready(old) and _ready(new):
            if _differ(old, new, "image_sha256"):
                yield Difference(cells, f"ready image of {build}: {_images(old, new)}", content=True, kernel=True)
            continue
        if _differ(old, new, "source"):
            yield Difference(cells, f"source of {build}: {_both(old, new, 'source')}", content=True, kernel=True)
        if _differ(old, new, "compiler"):
            yield Difference(cells, f"compiler of {build}: {_both(old, new, 'compiler')}")
        elif _differ(old, new, "config_sha256"):
            yield Difference(cells, f"the whole .config of {build} differs")
        elif _differ(old, new, "image_sha256") and not _differ(old, new, "source", "patches"):
            alike = "though source, patches, compiler and .config are the same"
            yield Difference(cells, f"image of {build}: {_images(old, new)}, {alike}")


def _ready(info: Mapping[str, Any]) -> bool:
    """Is it a ready image? A source is KIND:WHAT; what an image was made of is not known, but it is known itself."""
    return str(info.get("source")).partition(":")[0] == "image"


def _differ(old: Mapping[str, Any], new: Mapping[str, Any], *names: str) -> bool:
    return any(old.get(name) != new.get(name) for name in names)


def _images(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    theirs, ours = (str(info.get("image_sha256"))[:12] for info in (old, new))
    return f"sha256 {theirs} {THEN}, {ours} {NOW}"


def _both(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> str:
    return f"{old.get(name)} {THEN}, {new.get(name)} {NOW}"


def _programs(then: MatrixReport, now: MatrixReport) -> Iterator[Difference]:
    """The compiled workloads, one for an arch; and the CPU that QEMU emulated."""
    cells = {cell["id"]: cell for cell in now["cells"]}
    told = set[str]()
    for old in then["cells"]:
        new = cells.get(old["id"])
        if new is None or not (old["workload_sha256"] and new["workload_sha256"]):
            continue
        where = f"{old['arch']}/*/{old['workload']}"
        if old["workload_sha256"] != new["workload_sha256"] and where not in told:
            told.add(where)
            shas = f"sha256 {old['workload_sha256'][:12]} {THEN}, {new['workload_sha256'][:12]} {NOW}"
            yield Difference(where, f"the program {old['workload']} for {old['arch']}: {shas}")
        if (old["cpu"], old["accel"]) != (new["cpu"], new["accel"]):
            theirs, ours = f"{old['accel']}, {old['cpu']}", f"{new['accel']}, {new['cpu']}"
            yield Difference(old["id"], f"{old['id']} ran on another CPU: {theirs} {THEN}, {ours} {NOW}")


def _others(then: MatrixReport, now: MatrixReport) -> Iterator[Difference]:
    """Of the cells' provenance, what no file, kernel or program tells. Old results have none."""
    cells = {cell["id"]: cell.get("provenance") for cell in now["cells"]}
    for cell in then["cells"]:
        old, new = cell.get("provenance"), cells.get(cell["id"])
        if not old or not new:
            continue
        for (part, name), (what, content) in _OTHERS.items():
            theirs, ours = (one[part][name] if part else one[name] for one in (old, new))
            if _said(theirs) != _said(ours) and theirs and ours:  # what was read back has lists for tuples
                text = f"{what} of {cell['id']}: {_said(theirs)} {THEN}, {_said(ours)} {NOW}"
                yield Difference(cell["id"], text, content=content)


def _said(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _settings(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    for name in SETTINGS:
        if then.get(name) != now.get(name):
            yield Difference("*", f"measure.{name}: {_both(then, now, name)}", content=True)


def _hosts(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Difference]:
    """By arch: the guest's user space may move a value; the emulator's version must not, so it is only told."""
    for arch in _shared(then, now, "guest_image"):
        theirs, ours = then["guest_image"][arch], now["guest_image"][arch]
        if theirs != ours:
            yield Difference(f"{arch}/*", f"guest image of {arch}: {theirs} {THEN}, {ours} {NOW}")
    for arch in _shared(then, now, "qemu"):
        theirs, ours = then["qemu"][arch], now["qemu"][arch]
        if theirs != ours:
            yield Difference(f"{arch}/*", f"QEMU for {arch}: {theirs} {THEN}, {ours} {NOW}", matters=False)
    if then.get("kmatrix") != now.get("kmatrix"):
        yield Difference("*", f"kmatrix: {_both(then, now, 'kmatrix')}")


def _shared(then: Mapping[str, Any], now: Mapping[str, Any], table: str) -> Iterable[str]:
    return [name for name in then.get(table, {}) if name in now.get(table, {})]
