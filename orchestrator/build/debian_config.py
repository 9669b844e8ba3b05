# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's own configs: where ours differ from them and why, and how images/kconfig/mm/ is made of them.

What is taken, from which versions, and every exception with its reason: images/kconfig/mm/debian.toml.
"""

from __future__ import annotations

import fnmatch
import lzma
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator import proc
from orchestrator.build import apt, kconfig
from orchestrator.build.kconfig import Definition
from orchestrator.config.fragments import SHIPPED, Wish, flat, wanted
from orchestrator.errors import InfraError
from orchestrator.linux import holds_for
from orchestrator.model import Arch
from orchestrator.store import Store

RULES = SHIPPED / "mm/debian.toml"
UNSAID = "-"  # an exception's value: nothing is said of the option
COMMON = "common"  # the file with what all arches have alike
_HEAD = """\
# SPDX-License-Identifier: GPL-2.0-or-later
# Made by `kmatrix kconfig --update` from Debian's own configs: debian.toml says what is taken. Not to be edited.
#: wished
"""


@dataclass(frozen=True)
class Version:
    """One of Debian's kernels: its series (6.1), the suite that it is in, and the spec of versions nearest to it."""

    linux: str
    suite: str
    holds: str
    without: tuple[str, ...] = ()  # arches that it is not for


@dataclass(frozen=True)
class Exempt:
    """Globs over options, without CONFIG_; value: what we have, or UNSAID; "": not taken; arches: () all."""

    why: str
    options: tuple[str, ...]
    value: str = ""
    arches: tuple[str, ...] = ()

    def covers(self, option: str, arch: str) -> bool:
        """Is it about this option of this arch?"""
        return (not self.arches or arch in self.arches) and any(fnmatch.fnmatchcase(option, o) for o in self.options)


@dataclass(frozen=True)
class Rules:
    """debian.toml."""

    scope: tuple[str, ...]
    beyond: tuple[str, ...]
    builtin: tuple[str, ...]
    also: tuple[str, ...]
    versions: tuple[Version, ...]
    exceptions: tuple[Exempt, ...]

    def takes(self, its: Definition) -> bool:
        """Is the option one that we have as Debian has it?"""
        within = its.file.startswith(self.scope) and not any(
            fnmatch.fnmatchcase(its.file, f"{one}*") for one in self.beyond
        )
        return within or its.option in self.also

    def exception(self, option: str, arch: str) -> Exempt | None:
        """The first that covers it."""
        return next((one for one in self.exceptions if one.covers(option, arch)), None)

    def of(self, arch: str) -> tuple[Version, ...]:
        """Debian's kernels for an arch, oldest first."""
        return tuple(version for version in self.versions if arch not in version.without)

    def nearest(self, linux: str, arch: str) -> Version:
        """Debian's kernel that is nearest to this version; where it is not for this arch, its first that is."""
        near = next(version for version in self.versions if holds_for(version.holds, linux))
        return near if near in self.of(arch) else self.of(arch)[0]


@dataclass(frozen=True)
class Difference:
    """An option within the scope whose value is not Debian's. why: "" if no exception explains it."""

    option: str
    debian: str
    ours: str
    why: str
    prompt: bool = True


def rules() -> Rules:
    """debian.toml as it is shipped."""
    table = tomllib.loads(RULES.read_text())
    return Rules(
        scope=tuple(table["scope"]),
        beyond=tuple(table["beyond"]),
        builtin=tuple(table["builtin"]),
        also=tuple(table["also"]),
        versions=tuple(Version(**_tuples(one)) for one in table["version"]),
        exceptions=tuple(Exempt(**_tuples(one)) for one in table["exception"]),
    )


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


async def fetch(store: Store, version: Version, arch: Arch) -> dict[str, str]:
    """{CONFIG_X: value} of Debian's kernel of an arch, as released. InfraError if the mirror has none.

    Security updates hardly touch a config, and mirrors of ports often lag behind with them.
    """
    package = f"linux-config-{version.linux}"
    folder = await apt.fetch(store, version.suite, arch.debian_arch, [package], dependencies=False, security=False)
    with store.scratch() as scratch:
        done = await proc.run(["dpkg-deb", "-x", str(next(folder.glob("*.deb"))), str(scratch)])
        # The plain one of several flavours (cloud, rt, 16k) has the shortest name.
        found = sorted(scratch.rglob(f"config.{arch.debian_arch}_none_*.xz"), key=lambda path: (len(path.name), path))
        if done.code or not found:
            raise InfraError(f"{package} of {arch.debian_arch} has no config", kind="fetch", log=done.output)
        return kconfig.options(lzma.decompress(found[0].read_bytes()).decode().splitlines())


def wishes(its: Rules, definitions: Iterable[Definition], debian: Mapping[str, str], arch: str) -> list[Wish]:
    """What a .config of this arch must say to be as Debian's within the scope, exceptions made. Pure."""
    found: dict[str, Wish] = {}
    for one in definitions:
        option, name = one.option, f"CONFIG_{one.option}"
        exception = its.exception(option, arch)
        if not one.prompt:
            continue
        if exception and exception.value:
            if exception.value != UNSAID:
                found[name] = Wish(name, exception.value, essential=False)
        elif its.takes(one) and name in debian:
            value = debian[name]
            within = one.file.startswith(its.builtin)
            found[name] = Wish(name, "y" if value == "m" and within else value, essential=False)
    return sorted(found.values(), key=lambda wish: wish.option)


def differences(
    its: Rules, definitions: Iterable[Definition], debian: Mapping[str, str], ours: Mapping[str, str], arch: str
) -> list[Difference]:
    """Options within the scope that are not as Debian has them; y for its m is the same. Pure."""
    rows: dict[str, Difference] = {}
    for one in definitions:
        name = f"CONFIG_{one.option}"
        theirs, mine = debian.get(name, "n"), ours.get(name, "n")
        alike = theirs == mine or (theirs, mine) == ("m", "y")
        if its.takes(one) and not alike:
            exception = its.exception(one.option, arch)
            why = exception.why if exception else "" if one.prompt else "set by others that are off or not built"
            prompt = one.prompt or (name in rows and rows[name].prompt)
            rows[name] = Difference(name, theirs, mine, why, prompt)
    return sorted(rows.values(), key=lambda row: row.option)


def shipped(arch: str, linux: str) -> list[Wish]:
    """What images/kconfig/mm/ has of a Linux as it is."""
    lines = [line for name in (COMMON, arch) for line in flat(RULES.parent / f"{name}.config", arch)]
    return sorted(wanted(lines, linux).wishes, key=lambda wish: wish.option)


def fragments(found: Mapping[str, Mapping[Version, Collection[Wish]]], versions: Sequence[Version]) -> dict[str, str]:
    """{common, or arch: text of its fragment} of {arch: {version: wishes}}. Pure.

    A line that does not hold for every version that Debian has of an arch says for which it does.
    """
    lines = {arch: _lines(table, [v for v in versions if v in table]) for arch, table in found.items()}
    shared = set.intersection(*map(set, lines.values())) if lines else set()
    texts = {arch: [line for line in its if line not in shared] for arch, its in lines.items()}
    first = next(iter(lines.values()), [])
    return {
        name: _HEAD + "\n".join(its) + "\n"
        for name, its in {COMMON: [line for line in first if line in shared], **texts}.items()
    }


def _lines(table: Mapping[Version, Collection[Wish]], versions: Sequence[Version]) -> list[str]:
    """Of one arch, by option."""
    held: dict[str, list[Version]] = {}
    for version in versions:
        for wish in table[version]:
            held.setdefault(wish.line, []).append(version)
    rows = sorted((line.removeprefix("# "), line, its) for line, its in held.items())
    return [line if its == list(versions) else f"{line}  #: linux {_spec(its, versions)}" for _, line, its in rows]


def _spec(held: Sequence[Version], versions: Sequence[Version]) -> str:
    """The versions that it holds for as one range; in the order of time they are neighbours, or the last wins."""
    first, last = held[0], held[-1]
    lower = "" if first == versions[0] else first.holds.partition(",")[0]
    upper = "" if last == versions[-1] else last.holds.rpartition(",")[2]
    return ",".join(filter(None, (lower, upper)))


def write(texts: Mapping[str, str], folder: Path = RULES.parent) -> None:
    """Into images/kconfig/mm/."""
    for name, text in texts.items():
        (folder / f"{name}.config").write_text(text)
