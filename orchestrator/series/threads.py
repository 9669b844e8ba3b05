# SPDX-License-Identifier: GPL-2.0-or-later
"""Letters as series: which belong together, which are versions of one another, and what a version took over. Pure.

As b4 does it, except where it errs: a series that another person answers with is another series, and a part beyond
the last one is no part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from orchestrator.errors import ConfigError
from orchestrator.series.letters import Letter

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
WHOLE = "give one whole series"


@dataclass(frozen=True)
class Version:
    """One version of a series: its parts by number, those without in their order, and its cover letter.

    taken_over: parts that it did not repeat, by number, with the version that they are of. beyond: 6/5.
    """

    parts: tuple[Letter, ...]
    cover: Letter | None = None
    taken_over: dict[int, str] = field(default_factory=dict)
    beyond: tuple[Letter, ...] = ()

    @property
    def first(self) -> Letter:
        """What it is known by."""
        return self.cover or self.parts[0]

    @property
    def letters(self) -> tuple[Letter, ...]:
        return (*([self.cover] if self.cover else ()), *self.parts)

    @property
    def number(self) -> tuple[int, int]:
        """(2, 0) of v2."""
        return max(letter.subject.version for letter in self.letters)

    @property
    def total(self) -> int:
        """How many parts it says that it has; 0 if it does not say."""
        return max((letter.subject.total for letter in self.letters), default=0)

    @property
    def missing(self) -> list[int]:
        """Numbers of parts that are not there."""
        have = {letter.subject.number for letter in self.parts}
        return [number for number in range(1, self.total + 1) if number not in have]

    @property
    def sent(self) -> datetime:
        """When the last of it was."""
        return max((letter.date or _LONG_AGO for letter in self.letters), default=_LONG_AGO)

    @property
    def resend(self) -> bool:
        return any(letter.subject.resend for letter in self.letters)

    @property
    def files(self) -> set[int]:
        """Which of those that were given it is in."""
        return {letter.file for letter in self.letters}

    @property
    def titles(self) -> set[str]:
        return {letter.subject.title.lower() for letter in self.letters}


@dataclass(frozen=True)
class Lineage:
    """Versions of one series, the newest last."""

    versions: tuple[Version, ...]

    @property
    def newest(self) -> Version:
        return self.versions[-1]

    @property
    def files(self) -> set[int]:
        """Which of those that were given it is in."""
        return {file for version in self.versions for file in version.files}


@dataclass(frozen=True)
class Threads:
    """All that is in the files: series, and letters with patches that only answer one."""

    lineages: tuple[Lineage, ...]
    answers: tuple[Letter, ...]


def assembled(letters: Sequence[Letter]) -> Threads:
    """ConfigError for a part that is there twice, and not the same."""
    once = _once(letters)
    mine, answers = _candidates(once)
    thread = _Thread(once)
    versions = [version for group in _groups(mine) for version in thread.versions(group)]
    versions = [version for version in versions if version.parts]
    return Threads(tuple(_lineages(versions, thread)), tuple(answers))


def _once(letters: Sequence[Letter]) -> list[Letter]:
    """A mail that came by two lists, or was saved twice, is one."""
    seen: dict[object, Letter] = {}
    for letter in letters:
        seen.setdefault(letter.id or (letter.subject, letter.text, letter.address), letter)
    return list(seen.values())


def _candidates(letters: Sequence[Letter]) -> tuple[list[Letter], list[Letter]]:
    """Patches and cover letters; and of files that have some, what only answers them."""
    mine: list[Letter] = []
    answers: list[Letter] = []
    for file in dict.fromkeys(letter.file for letter in letters):
        its = [letter for letter in letters if letter.file == file]
        tagged = [letter for letter in its if letter.subject.tagged]
        if any(letter.patches for letter in tagged) or not any(letter.patches for letter in its):  # a cover letter
            mine += tagged
            answers += [letter for letter in its if not letter.subject.tagged]
        else:
            plain = [letter for letter in its if letter.patches and not letter.subject.reply]
            mine += plain or [letter for letter in its if letter.patches]
            answers += [letter for letter in its if letter.patches and letter.subject.reply and plain]
    return mine, answers


def _groups(letters: Sequence[Letter]) -> Iterator[list[Letter]]:
    """Those that may be parts of one version."""
    groups: dict[object, list[Letter]] = {}
    for letter in letters:
        its = letter.subject
        key = (its.version, its.total, its.words, its.resend) if its.tagged else (letter.file, its.reply)
        groups.setdefault(key, []).append(letter)
    yield from groups.values()


def same_person(one: Letter, other: Letter) -> bool:
    """By address, or by name: people have several addresses."""
    if one.address == other.address:
        return True
    return bool(one.name and one.name.lower() == other.name.lower())


class _Thread:
    """Who answers whom."""

    def __init__(self, letters: Iterable[Letter]) -> None:
        self._known = {letter.id: letter for letter in letters if letter.id}

    def root(self, letter: Letter) -> str:
        """Id of the mail that its thread began with, as far as that is known."""
        seen = {letter.id}
        while letter.parents:
            oldest = letter.parents[-1]
            if oldest in seen or oldest not in self._known:
                return oldest
            seen.add(oldest)
            letter = self._known[oldest]
        return letter.id

    def above(self, letter: Letter) -> Iterator[Letter]:
        """All that it answers, as far as it is there."""
        todo, seen = list(letter.parents), {letter.id}
        while todo:
            name = todo.pop(0)
            if name in self._known and name not in seen:
                yield self._known[name]
                todo += self._known[name].parents
            seen.add(name)

    def versions(self, group: Sequence[Letter]) -> list[Version]:
        """Of letters of the same version, total and tags: one, unless several people or threads have such."""
        if not any(letter.subject.total for letter in group):
            single = [_version([letter]) for letter in group if letter.id]
            plain = [letter for letter in group if not letter.id]
            return [*single, *([_version(plain)] if plain else [])]
        parts = [letter for letter in group if letter.subject.number <= letter.subject.total] or list(group)
        threads: dict[str, list[Letter]] = {}
        for letter in parts:
            threads.setdefault(self.root(letter), []).append(letter)
        apart = [part for its in threads.values() for part in _by_person(its)]
        joined = _joined(apart)
        for letter in group if len(parts) < len(group) else ():
            if letter not in parts:  # 6/5
                mine = next((its for its in joined if self.root(its[0]) == self.root(letter)), joined[0])
                mine.append(letter)
        return [_version(its) for its in joined]

    def linked(self, one: Version, other: Version) -> bool:
        roots = {self.root(letter) for letter in one.letters} & {self.root(letter) for letter in other.letters}
        return bool(roots - {""})

    def repeats(self, newer: Version) -> bool:
        """Each part of it answers the same part of an earlier version, so what it lacks is as before."""
        return all(any(_same_place(letter, above) for above in self.above(letter)) for letter in newer.parts)


def _same_place(letter: Letter, above: Letter) -> bool:
    one, other = letter.subject, above.subject
    return (one.number, one.total) == (other.number, other.total) and other.version < one.version


def _by_person(letters: Sequence[Letter]) -> list[list[Letter]]:
    """Of one thread: as they are, unless the same number is there of several people."""
    numbers = Counter(letter.subject.number for letter in letters)
    if max(numbers.values()) == 1:
        return [list(letters)]
    people: list[list[Letter]] = []
    for letter in letters:
        mine = next((its for its in people if same_person(its[0], letter)), None)
        if mine is None:
            people.append([letter])
        else:
            mine.append(letter)
    return [group for its in people for group in _rounds(its)]


def _rounds(letters: Sequence[Letter]) -> list[list[Letter]]:
    """Of one person: a part whose number was there before begins a new round, that its subjects do not tell of."""
    rounds: list[list[Letter]] = [[]]
    for letter in sorted(letters, key=_date):
        before = next((its for its in rounds[-1] if its.subject.number == letter.subject.number), None)
        if before and _date(before) < _date(letter):
            rounds.append([])
        rounds[-1].append(letter)
    return rounds


def _joined(apart: Sequence[list[Letter]]) -> list[list[Letter]]:
    """Parts that one person sent without threading them, put together."""
    joined: list[list[Letter]] = []
    for its in apart:
        numbers = {letter.subject.number for letter in its}
        for whole in joined if not any(letter.parents for letter in its) else ():
            loose = not any(letter.parents for letter in whole)
            taken = {letter.subject.number for letter in whole}
            if loose and same_person(whole[0], its[0]) and not taken & numbers:
                whole += its
                break
        else:
            joined.append(list(its))
    return joined


def _version(letters: Sequence[Letter]) -> Version:
    covers = sorted((letter for letter in letters if letter.subject.cover), key=_date)
    parts = [letter for letter in letters if not letter.subject.cover]
    beyond = [letter for letter in parts if letter.subject.number > letter.subject.total]
    if len(beyond) == len(parts):  # that is what was given
        beyond = []
    kept: dict[int, Letter] = {}
    loose: list[Letter] = []
    for letter in parts:
        number = letter.subject.number
        if letter in beyond:
            continue
        if not number:
            loose.append(letter)
        elif number in kept:
            raise ConfigError(f"patch {number}/{letter.subject.total} is there more than once", hint=WHOLE)
        else:
            kept[number] = letter
    numbered = [kept[number] for number in sorted(kept)]
    return Version((*numbered, *loose), covers[-1] if covers else None, beyond=tuple(beyond))


def _date(letter: Letter) -> datetime:
    return letter.date or _LONG_AGO


def _lineages(versions: Sequence[Version], thread: _Thread) -> Iterator[Lineage]:
    groups: list[list[Version]] = []
    for version in versions:
        related = [its for its in groups if any(_related(version, other, thread) for other in its)]
        groups = [its for its in groups if not any(its is one for one in related)]
        groups.append([*(other for its in related for other in its), version])
    for its in groups:
        yield Lineage(tuple(_filled(sorted(its, key=_age), thread)))


def _age(version: Version) -> tuple[tuple[int, int], datetime, bool]:
    return (version.number, version.sent, version.resend)


def _related(one: Version, other: Version, thread: _Thread) -> bool:
    """Two versions of one series: of one person, about the same thing."""
    older, newer = sorted((one, other), key=_age)
    if not older.first.subject.tagged:  # whoever names files without tags means all of them
        return False
    if not same_person(older.first, newer.first) or older.first.subject.releases != newer.first.subject.releases:
        return False
    if older.titles & newer.titles:
        return True
    if older.number == newer.number:
        return False
    changes = {letter.change_id for letter in older.letters} & {letter.change_id for letter in newer.letters}
    unthreaded = not any(letter.id for letter in (*older.letters, *newer.letters))
    together = unthreaded and bool(older.files & newer.files)
    return bool(changes - {""}) or together or (thread.linked(older, newer) and older.sent <= newer.sent)


def _filled(versions: Sequence[Version], thread: _Thread) -> Iterator[Version]:
    """Oldest first; each with what it lacks of the one before, where it was sent as a part of that."""
    before: Version | None = None
    for version in versions:
        if before and version.missing and before.total == version.total:
            again = before.number == version.number or version.number[1]  # a resend, or v2.1
            if again or thread.repeats(version):
                version = _with(version, before)
        yield version
        before = version


def _with(version: Version, before: Version) -> Version:
    have = {letter.subject.number: letter for letter in before.parts}
    more = {number: have[number] for number in version.missing if number in have}
    older = {number: letter for number, letter in more.items() if letter.subject.version < version.number}
    over = {number: letter.subject.named or "v1" for number, letter in older.items()}
    parts = sorted((*version.parts, *more.values()), key=lambda letter: letter.subject.number)
    return replace(version, parts=tuple(parts), cover=version.cover or before.cover, taken_over=over)
