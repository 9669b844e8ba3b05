# SPDX-License-Identifier: GPL-2.0-or-later
"""Did the lines that a change touches run? Of each line, by one kernel of it on one architecture. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.model import Reach, Side
from orchestrator.profile.line_table import Executed, Spans, executions
from orchestrator.profile.statements import Source, read_assembly, read_c
from orchestrator.series import diff

_C, _ASSEMBLY = (".c", ".h"), (".S",)


@dataclass(frozen=True)
class ChangedLine:
    """line is its number in its own kernel's file."""

    file: str
    line: int
    side: Side
    text: str


@dataclass(frozen=True)
class Change:
    """What the sources of two kernels differ by. sources: {side: {file: what its text is}} of the files that can hold
    code, each as its own kernel has it."""

    lines: tuple[ChangedLine, ...] = ()
    sources: Mapping[Side, Mapping[str, Source]] = field(default_factory=dict)

    def interest(self, side: Side) -> dict[str, list[tuple[int, int]]]:
        """{file: (first, last) lines} that tell something of the changed lines: their functions and statements, and
        those that changed macros end up in. None of changes that are no code."""
        found: dict[str, dict[tuple[int, int], None]] = {}
        for line in self.lines:
            source = self.sources[side].get(line.file)
            if line.side is side and source and _statements(source, line.line):
                found.setdefault(line.file, {}).update(dict.fromkeys(_around(source, line.line)))
        return {file: list(spans) for file, spans in found.items()}


@dataclass(frozen=True)
class Ran:
    """A counted pass of a workload: what was executed in it, and its units of work."""

    executed: Executed
    units: int


def everything_built(file: str, line: int) -> str | None:
    """Nothing is known to be left out."""
    return None


@dataclass(frozen=True)
class Measured:
    """A kernel on an architecture. spans: of the lines of interest; boot: what ran before the counted passes, None if
    that is not known. lacks(file, line): the option that the line would need, "" where no option would do or none is
    known; None where it is built, or where nothing is known."""

    spans: Spans
    workloads: Mapping[str, Ran]
    boot: Executed | None = None
    lacks: Callable[[str, int], str | None] = everything_built


@dataclass(frozen=True)
class Reached:
    """workloads: executions per unit of work, of those in which it ran at all."""

    line: ChangedLine
    state: Reach
    option: str | None = None
    workloads: Mapping[str, float] = field(default_factory=dict)


def read(file: str, text: str) -> Source | None:
    """None of a file that holds no code: documentation, Kconfig, Makefiles, scripts."""
    if file.endswith(_C):
        return read_c(text)
    return read_assembly(text) if file.endswith(_ASSEMBLY) else None


def change(text: str, base: Mapping[str, str], new: Mapping[str, str]) -> Change:
    """text: a unified diff; base, new: {file: its text} of the files that it touches, as each kernel has them."""
    lines = [
        ChangedLine(hunk.file, line.new or line.old, Side.ADDED if line.new else Side.REMOVED, line.text)
        for hunk in diff.hunks(text)
        for line in hunk.lines
        if line.sign != " "
    ]
    texts = {Side.REMOVED: base, Side.ADDED: new}
    touched = {side: dict.fromkeys(line.file for line in lines if line.side is side) for side in Side}
    sources = {
        side: {file: source for file in files if (source := read(file, texts[side].get(file, "")))}
        for side, files in touched.items()
    }
    return Change(tuple(lines), sources)


def reach(its: Change, kernels: Mapping[Side, Measured]) -> list[Reached]:
    """Of every changed line, in the order of the diff."""
    return [_reached(line, its.sources[line.side].get(line.file), kernels[line.side]) for line in its.lines]


def _reached(line: ChangedLine, source: Source | None, kernel: Measured) -> Reached:
    numbers = _statements(source, line.line) if source else []
    if source is None or not numbers:
        return Reached(line, Reach.NOT_CODE)
    if (lacking := kernel.lacks(line.file, line.line)) is not None:
        return Reached(line, Reach.NOT_BUILT, lacking or None)  # what a compiler would make of it, nobody knows
    counter = _Counter(source, kernel.spans, line.file)
    if not counter.known(line.line, numbers):
        missing = _acts(source, line, numbers) and not _has_any(kernel.spans, line.file, source.function(line.line))
        return Reached(line, Reach.NOT_BUILT if missing else Reach.NOT_CODE)
    per_unit = {w: counter.of(line.line, numbers, ran.executed) / ran.units for w, ran in kernel.workloads.items()}
    if workloads := {name: count for name, count in per_unit.items() if count}:
        return Reached(line, Reach.RAN, None, workloads)
    before = kernel.boot is not None and counter.of(line.line, numbers, kernel.boot)
    return Reached(line, Reach.BOOT_ONLY if before else Reach.NOT_RUN)


def _statements(source: Source, line: int) -> list[int]:
    """Those with a token on the line; of a macro's line, those that its text ends up in."""
    macro = source.macro(line)
    return source.users(macro) if macro else list(source.at.get(line, ()))


def _acts(source: Source, line: ChangedLine, numbers: Iterable[int]) -> bool:
    """Is it code, as far as that can be seen without a compiler?"""
    inside = source.function(line.line) is not None or line.file.endswith(_ASSEMBLY)
    return inside and any(source.statements[number].acts for number in numbers)


def _has_any(spans: Spans, file: str, function: tuple[int, int] | None) -> bool:
    """Does the kernel have anything of the function?"""
    return function is None or any(function[0] <= line <= function[1] for line in spans.lines.get(file, {}))


@dataclass(frozen=True)
class _Counter:
    """How often lines of a file ran.

    A line without instructions has the count of its statement, which is that of its line that ran most. Of a
    statement without any, which the compiler has merged with others, it is what those around it say: what is done
    behind it for sure; what was done before it; or the head that it depends on, as often as its other branch did not
    run. Of a jump right behind its head that
    is how often the head ran and what follows it did not.

    What a condition leaves out that the compiler knows (IS_ENABLED(), a stub that returns 0) has no instructions
    either: so a head without any of its own says nothing of what depends on it, nor of what is behind a jump there,
    and what a head says holds for no call, which would have left some.
    """

    source: Source
    spans: Spans
    file: str

    def known(self, line: int, numbers: Iterable[int]) -> bool:
        """Is there any instruction that tells it?"""
        nothing = Executed(())
        return bool(self.spans.of(self.file, line)) or any(self._count(n, nothing) is not None for n in numbers)

    def of(self, line: int, numbers: Sequence[int], executed: Executed) -> int:
        """By what was executed."""
        if mine := self.spans.of(self.file, line):
            return min([executions(mine, executed), *self._at_most(numbers, executed)])
        return max((self._count(number, executed) or 0 for number in numbers), default=0)

    def _at_most(self, numbers: Sequence[int], executed: Executed) -> list[int]:
        """A jump alone on its line ran no more often than what was done before it: functions often have one end,
        which is on the line of any of their returns."""
        one, *more = numbers
        if more or not self.source.statements[one].jump:
            return []
        earlier = (self._own(other, executed) for other in self.source.before(one))
        return [count for count in earlier if count is not None][:1]

    def _own(self, number: int, executed: Executed) -> int | None:
        """None where it has no instruction."""
        found = (self.spans.of(self.file, line) for line in self.source.statements[number].lines)
        return max((executions(spans, executed) for spans in found if spans), default=None)

    def _count(self, number: int, executed: Executed) -> int | None:
        its = self.source.statements[number]
        if (own := self._own(number, executed)) is not None or not its.acts:
            return own
        if self._dropped(number):
            return None
        if (count := self._around(number, executed)) is not None:
            return count
        if its.labelled or its.calls or not self.source.conditional(its):
            return None
        head = self._own(its.parent, executed)
        if head is None or not its.jump:
            return head if head is None else max(head - self._instead(number, executed), 0)
        follows = (self._own(other, executed) for other in self.source.behind(its.parent))
        return max(head - next((count for count in follows if count is not None), 0), 0)

    def _instead(self, number: int, executed: Executed) -> int:
        """How often the head's other branch ran."""
        its = self.source.statements[number]
        others = (one for one in self.source.inside(its.parent) if self._branch(one, its.parent) != its.block)
        return max((self._own(other, executed) or 0 for other in others), default=0)

    def _branch(self, number: int, head: int) -> int:
        """The block right below the head that it is in."""
        while (its := self.source.statements[number]).parent != head:
            number = its.parent
        return its.block

    def _around(self, number: int, executed: Executed) -> int | None:
        """By what is done with it for sure. None where nothing of that has an instruction."""
        for other in self.source.behind(number):
            if (count := self._own(other, executed)) is not None:
                return count
        for other in self.source.before(number):
            if (count := self._own(other, executed)) is not None:
                return count
            if any(self.source.statements[inner].jump for inner in self.source.inside(other)):
                return None
        return None

    def _dropped(self, number: int) -> bool:
        """Is it a head without an instruction, in it or in anything that it decides about?"""
        inner = list(self.source.inside(number))
        return bool(inner) and not any(self._has_own(one) for one in (number, *inner))

    def _has_own(self, number: int) -> bool:
        return any(self.spans.of(self.file, line) for line in self.source.statements[number].lines)


def _around(source: Source, line: int) -> list[tuple[int, int]]:
    function = source.function(line)
    found = [source.statements[number].lines for number in _statements(source, line)]
    return [*((min(lines), max(lines)) for lines in found), *([function] if function else [])]
