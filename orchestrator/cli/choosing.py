# SPDX-License-Identifier: GPL-2.0-or-later
"""A check chooses its workloads: those of the library that run what the patch changes, and some that do not."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator import library
from orchestrator.analyse.choose import AS_CONTROL, CONTROLS, Choice, Function, choose, named
from orchestrator.analyse.contract import NotChosenRow
from orchestrator.build import sourcediff
from orchestrator.build.kernel import Builder
from orchestrator.cli.console import note
from orchestrator.cli.following import PATCHED, UNPATCHED, cost
from orchestrator.config.sources import buildable
from orchestrator.engine import Manner, finish, grown, this_command
from orchestrator.errors import BuildError, InfraError
from orchestrator.library import Known
from orchestrator.measure import changing
from orchestrator.measure.host import cores
from orchestrator.model import Kernel, Matrix, Side
from orchestrator.profile.changed import Changed, changed
from orchestrator.profile.reach import change
from orchestrator.report.parts.chosen import chosen_lines
from orchestrator.runs import copies, of_check
from orchestrator.runs.folder import RunFolder
from orchestrator.runs.record import Request
from orchestrator.runs.run import Run


@dataclass(frozen=True)
class Chosen:
    """matrix: with the workloads that are known to be wanted; changed: what the patch changes, by its text. pending:
    what more there is to be measured is known when both kernels are built."""

    matrix: Matrix
    changed: Changed
    known: Mapping[str, Known]
    pending: bool


def _kernel(matrix: Matrix, name: str) -> Kernel:
    return next(kernel for kernel in matrix.kernels if kernel.name == name)


def first(folder: RunFolder, matrix: Matrix, manner: Manner) -> Chosen:
    """By the text of the patch, and what is known of its base: before anything is built."""
    builder = Builder.of(matrix, manner.jobs or cores(), unsandboxed=manner.unsandboxed)
    its, known = finish(_looked(matrix, builder), this_command())
    choice = _choice(its, known, {arch: named(its.functions, one.cover) for arch, one in known.items()})
    pending = bool(its.outside) or len(known) < len(matrix.arches)
    if not choice.workloads:  # nothing is known yet, of this base
        choice = replace(choice, workloads=AS_CONTROL[:CONTROLS])
    _keep(folder, choice, known, manner, final=not pending)
    return Chosen(_with(matrix, choice.workloads), its, known, pending)


def _choice(its: Changed, known: Mapping[str, Known], wanted: Mapping[str, Sequence[Function]]) -> Choice:
    """wanted: by arch. Places of the change count where the accounts' lines are the base's own."""
    spots = its.spots if all(one.same_lines for one in known.values()) else ()
    return choose(wanted, {arch: one.cover for arch, one in known.items()}, spots)


async def _looked(matrix: Matrix, builder: Builder) -> tuple[Changed, dict[str, Known]]:
    """What the patch changes, as far as its text tells; what is known of the base."""
    base, new = _kernel(matrix, UNPATCHED), _kernel(matrix, PATCHED)
    if not buildable(new.source):
        return Changed(), {}
    tree = await builder.source(new.source)
    with builder.store.scratch() as scratch:
        try:
            found = await sourcediff.sources(tree.folder, base.patches, new.patches, scratch / "change")
        except BuildError:  # it does not apply, which is told elsewhere
            return Changed(), {}
    texts: dict[Side, Mapping[str, str | None]] = {Side.REMOVED: found.base, Side.ADDED: found.new}
    there = {side: {name: text for name, text in its.items() if text is not None} for side, its in texts.items()}
    its = changed(change(found.text, there[Side.REMOVED], there[Side.ADDED]), found.text, texts)
    return its, await library.known(matrix, base, builder)


def _with(matrix: Matrix, names: Sequence[str]) -> Matrix:
    every = library.all_of_it()
    return replace(matrix, workloads=tuple(every[name] for name in names if name in every))


def _keep(folder: RunFolder, choice: Choice, known: Mapping[str, Known], manner: Manner, final: bool) -> None:
    """Into the run's folder; and tell."""
    unrun = [f"{file}:{name}" for file, name in choice.unrun]
    account = next((one.told for one in known.values()), "")
    row = NotChosenRow(others=list(choice.others), unrun=unrun, account=account)
    of_check.CHOSEN.save(folder, list(choice.rows))
    of_check.NOT_CHOSEN.save(folder, row)
    lines = chosen_lines(choice.rows, row)
    if not final:
        lines.append("what else runs it is known when both kernels are built")
    _tell(manner, *lines)


def after(folder: RunFolder, chosen: Chosen, done: Run, manner: Manner) -> tuple[Run, Matrix] | None:
    """The run with workloads that only both kernels, or an account of the base, could name; None where there are no
    more."""
    matrix, known = chosen.matrix, dict(chosen.known)
    builder = Builder.of(matrix, manner.jobs or cores(), unsandboxed=manner.unsandboxed)
    differs = {row["arch"] for row in done.report.get("identical", ()) if row["how"] == "differs"}
    arches = [arch for arch in matrix.arches if arch.name in differs]
    if not chosen.pending or not arches:
        return None
    base = _kernel(matrix, UNPATCHED)
    if lacking := [arch for arch in arches if arch.name not in known]:
        took = cost(library.seconds(lacking, manner.jobs or cores()))
        _tell(manner, f"what the library runs of this base is not known yet, and is looked at once: {took}")
        more, why = library.find(matrix, base, lacking, manner)
        known |= more
        _tell(manner, *(f"{cell}: {text}" for cell, text in why.items()))
    wanted: dict[str, list[Function]] = {}
    for arch in arches:
        if arch.name not in known:
            continue
        its = known[arch.name].cover
        functions = named(chosen.changed.functions, its)
        if chosen.changed.outside:
            files = {spot.file for spot in chosen.changed.spots}
            functions += _differing(matrix, arch.name, builder, files, its.functions, manner)
        wanted[arch.name] = list(dict.fromkeys(functions))
    choice = _choice(chosen.changed, known, wanted)
    measured = [its.name for its in matrix.workloads]
    names = list(dict.fromkeys([*measured, *choice.workloads]))
    _keep(folder, choice, known, manner, final=True)
    if names == measured:
        return None
    whole = _with(matrix, names)
    globs = tuple(f"*/*/{name}" for name in names if name not in measured)
    return grown(folder, whole, Request(copies.place(folder), "", (), {}), globs, manner), whole


def _differing(
    matrix: Matrix,
    arch: str,
    builder: Builder,
    files: Collection[str],
    functions: Mapping[str, Mapping[str, object]],
    manner: Manner,
) -> list[Function]:
    """Functions of the account that have other instructions in the patched kernel. files: that it changes."""
    try:
        names = finish(changing.functions(matrix, arch, UNPATCHED, PATCHED, builder, files), this_command())
    except InfraError as error:
        _tell(manner, f"{arch}: not known which functions differ: {error.message}")
        return []
    return [(file, name) for file, its in functions.items() for name in its if name in names]


def _tell(manner: Manner, *lines: str) -> None:
    note("workloads", *lines, json=manner.json)
