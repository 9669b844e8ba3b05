# SPDX-License-Identifier: GPL-2.0-or-later
"""Patches that a series was made upon, looked for where it was found itself: in the same mbox, in the same folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from orchestrator import proc
from orchestrator.errors import ConfigError, ToolMissing
from orchestrator.series import diff, mbox
from orchestrator.series.author import Author
from orchestrator.series.author import prerequisites as named_in
from orchestrator.series.letters import Patch, letters
from orchestrator.series.series import Origin, Series
from orchestrator.series.threads import Version

SUFFIXES = (".patch", ".diff", ".mbox", ".mbx", ".eml", ".gz")
MOST = 1000  # mails that are looked at
LARGEST = 16 << 20  # bytes of a file that is looked at


@dataclass(frozen=True)
class Found:
    """series: without what is a prerequisite of its other parts, which is not left out either; patches: those, in
    order; missing: what else is named, as the mail names it."""

    series: Series
    patches: tuple[Patch, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Mail:
    patch: Patch
    id: str
    answers: tuple[str, ...]  # Message-Ids of mails before it in its thread

    @property
    def with_ids(self) -> Patch:
        """The patch as a mail that can be found by its id again."""
        head = f"Message-Id: <{self.id}>\n" if self.id else ""
        head += f"References: {' '.join(f'<{name}>' for name in reversed(self.answers))}\n" if self.answers else ""
        first, _, rest = self.patch.text.partition("\n")
        return replace(self.patch, text=f"{first}\n{head}{rest}") if first.startswith("Subject: ") else self.patch


async def found(author: Author, series: Series, files: Sequence[Path]) -> Found:
    """What of the prerequisites that the author names is in the files, or beside them. patch-ids say exactly which
    patches in which order; Message-Ids are asked where there are none."""
    if not author.patch_ids and not author.messages:
        return Found(series)
    mails = list(islice(_mails(files), MOST))
    mine = await _patch_ids([patch.text for patch in series.patches])
    theirs = await _patch_ids([mail.patch.text for mail in mails])
    if author.patch_ids:
        table = {name: mail.patch for name, mail in zip(theirs, mails, strict=True) if name}
        table |= dict(zip(mine, series.patches, strict=True))
        got = {name: table[name] for name in author.patch_ids if name in table}
        missing = [f"prerequisite-patch-id {name}" for name in author.patch_ids if name not in table]
    else:
        got, missing = _by_message(author.messages, mails, theirs, _that_name(series, mine))
    if set(mine) <= set(got):  # a series that names itself
        return Found(series)
    return Found(await _without(series, mine, set(got)), tuple(got.values()), tuple(missing))


async def on_top(versions: Sequence[Version]) -> int:
    """Of several series the one, by its number from 1, that names all others as its prerequisites; 0 for none."""
    ids = [set(await _patch_ids([patch.text for part in its.parts for patch in part.patches])) for its in versions]
    found = []
    for place, version in enumerate(versions):
        patch_ids, messages = map(set, named_in(letter.text for letter in version.letters))
        others = [at for at in range(len(versions)) if at != place]
        if all(ids[at] <= patch_ids or {part.id for part in versions[at].letters} & messages for at in others):
            found.append(place + 1)
    return found[0] if len(found) == 1 else 0


async def _without(series: Series, ids: Sequence[str], first: set[str]) -> Series:
    """Without what is applied first, of its patches and of what it left out; ids: of its patches."""
    origins = []
    for its, here in _parts(series):
        left = [series.patches[place] for place in here if ids[place] not in first]
        if left:
            gone = its.parts - len(left)
            title = left[0].title if gone and its.title == series.patches[here[0]].title else its.title
            origins.append(replace(its, title=title, parts=len(left), total=its.total - gone))
    rest = [its for its in series.rest if not set(await _patch_ids([patch.text for patch in its.patches])) <= first]
    patches = tuple(patch for patch, name in zip(series.patches, ids, strict=True) if name not in first)
    return replace(series, patches=patches, origins=tuple(origins), rest=tuple(rest))


def _that_name(series: Series, ids: Sequence[str]) -> set[str]:
    """Ids of the patches of those of its series that name prerequisites: they are none, whatever mail they answer."""
    found = set[str]()
    for its, here in _parts(series):
        if any(named_in([its.cover, *(series.patches[place].text for place in here)])):
            found |= {ids[place] for place in here}
    return found


def _parts(series: Series) -> Iterator[tuple[Origin, range]]:
    """Where the patches of each of its series are."""
    at = 0
    for its in series.origins:
        yield its, range(at, at + its.parts)
        at += its.parts


def _by_message(
    names: Sequence[str], mails: Sequence[_Mail], ids: Sequence[str], own: set[str]
) -> tuple[dict[str, Patch], list[str]]:
    """The patches of each named thread, in order, by their ids; without the own ones of the series that names it."""
    got: dict[str, Patch] = {}
    missing = []
    for name in names:
        its = [
            (mail.with_ids, patch_id)
            for mail, patch_id in zip(mails, ids, strict=True)
            if patch_id and patch_id not in own and name in (mail.id, *mail.answers)
        ]
        missing += [] if its else [f"prerequisite-message-id {name}"]
        got |= {patch_id: patch for patch, patch_id in sorted(its, key=lambda it: it[0].number)}
    return got, missing


def _mails(files: Sequence[Path]) -> Iterator[_Mail]:
    """Patches in the files, and in others of their folders."""
    places = [file.resolve() for file in files if file.is_file()]
    beside = [path for folder in dict.fromkeys(file.parent for file in places) for path in _patches_in(folder)]
    for path in dict.fromkeys([*places, *beside]):
        try:
            its = letters(mbox.content(path, ""))
        except ConfigError:
            continue  # it is none of the files that were named, or was told of already
        for letter in its:
            if not letter.subject.reply:
                yield from (_Mail(patch, letter.id, letter.parents) for patch in letter.patches)


def _patches_in(folder: Path) -> list[Path]:
    """By their names; none of a folder that cannot be listed."""
    try:
        paths = [path for path in sorted(folder.iterdir()) if path.suffix in SUFFIXES]
        return [path for path in paths if path.is_file() and path.stat().st_size <= LARGEST]
    except OSError:
        return []


async def _patch_ids(texts: Sequence[str]) -> list[str]:
    """As git patch-id --stable makes them; "" for a text without a diff, and for all where there is no git."""
    if not texts:
        return []
    stream = "".join(f"From {place:040x} Mon Sep 17 00:00:00 2001\n{diff.bare(t)}\n" for place, t in enumerate(texts))
    try:
        done = await proc.run(["git", "patch-id", "--stable"], input=stream.encode(errors="surrogateescape"))
    except ToolMissing:
        return [""] * len(texts)
    table: Mapping[int, str] = {
        int(place, 16): name for name, _, place in (row.partition(" ") for row in done.output.splitlines()) if place
    }
    return [table.get(place, "") for place in range(len(texts))]
