# SPDX-License-Identifier: GPL-2.0-or-later
"""matrix.yaml to Matrix: all mistakes at once, each with its line."""

from __future__ import annotations

import copy
import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from orchestrator import arches
from orchestrator.config import fragments, suites, workloads
from orchestrator.config import sources as kinds
from orchestrator.config.emulators import from_folder
from orchestrator.config.overrides import with_cpus
from orchestrator.config.plan import runs_on
from orchestrator.config.schema import ClaimSpec, KernelSpec, MatrixSpec, NightlySpec
from orchestrator.errors import ConfigError
from orchestrator.model import (
    LEAN,
    Arch,
    Claim,
    Comparison,
    Config,
    Kernel,
    Limits,
    Matrix,
    Measure,
    Nightly,
    Source,
    Workload,
)
from orchestrator.paths import GUEST_TOOLS, ROOT
from orchestrator.registry import counted, unknown
from orchestrator.store import text_of

T = TypeVar("T")
NAMED = "name the file with --config"
USUAL = "standard"  # of a file that names none
_BOOTS = "CONFIG_BINFMT_ELF=y"  # no kernel starts a program without it
_SAFE_NAME = re.compile(r"\w[\w.+-]*")
Location = Sequence[str | int]


class _Problems:
    """Collects 'file:line: what' rows; line numbers come from the YAML nodes."""

    def __init__(self, path: Path, tree: Any) -> None:
        self.path, self.tree = path, tree
        self.rows: list[tuple[int, str]] = []

    def add(self, location: Location, message: str) -> None:
        dotted = ".".join(str(part) for part in location)
        self.rows.append((self._line(location), f"{dotted}: {message}" if dotted else message))

    def _line(self, location: Location) -> int:
        node: Any = self.tree
        line = 1
        for part in location:
            try:
                line = (node.lc.key if hasattr(node, "keys") else node.lc.item)(part)[0] + 1
                node = node[part]
            except (KeyError, IndexError, AttributeError, TypeError):
                break
        return line

    def named(self, what: str, location: Location, name: str, known: dict[str, T]) -> T | None:
        """known[name], or None and a row that lists the known names."""
        if name not in known:
            self.add(location, unknown(what, name, known))
            return None
        return known[name]

    def file(self, location: Location, name: str, base: Path) -> Path | None:
        """The file, relative to matrix.yaml's folder or else to the project; None and a row if not there."""
        places = [(folder / Path(name).expanduser()).resolve() for folder in (base, ROOT)]
        for path in places:
            if path.exists():
                return path
        self.add(location, f"no such file: {places[0]}")
        return None

    def stop(self) -> None:
        """Raise ConfigError when there is any row."""
        if self.rows:
            rows = [f"{self.path}:{line}: {text}" for line, text in sorted(self.rows)]
            raise ConfigError("\n".join(rows), hint=f"{counted(len(rows), 'error')}; nothing was started")


def load(path: Path, preset: str = "", chosen: Sequence[str] = (), installed: bool = False) -> Matrix:
    """Read and resolve matrix.yaml. Raises ConfigError with every mistake, file:line: what."""
    return from_text(text_of(path, NAMED), path, preset, chosen, installed)


def presets(path: Path) -> list[str]:
    """Names of the presets of a file that loads."""
    tree = YAML(typ="safe").load(text_of(path, NAMED)) or {}
    return list(tree.get("presets") or tree.get("profiles") or {})


def from_text(text: str, path: Path, preset: str = "", chosen: Sequence[str] = (), installed: bool = False) -> Matrix:
    """As load, of a text; paths in it are relative to path's folder. chosen workloads replace the file's; installed:
    emulators that are, whatever the file names."""
    try:
        tree = YAML().load(StringIO(text))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}:{line}: {error.problem}") from error
    except YAMLError as error:
        raise ConfigError(f"{path}:1: {error}") from error
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # The reader's own, for what is YAML and no value: a list as a key, a number of 5,000 digits, [ 1,000 times.
        raise ConfigError(
            f"{path}: not to be read as YAML: {(str(error).splitlines() or [repr(error)])[0]}"
        ) from error
    problems = _Problems(path, tree)
    _rename_old_keys(tree, problems)
    if preset:
        problems.tree = tree = _with_preset(tree, preset, problems)
    spec = _validate(tree, problems)
    spec = spec.model_copy(update={"qemu": ""}) if installed else spec
    matrix = _resolve(spec, problems, path.parent)
    problems.stop()
    return _with_workloads(matrix, chosen, path.parent) if chosen else matrix


def named_or_absolute(words: Sequence[str], path: Path) -> tuple[str, ...]:
    """Names of workloads as they are, paths so that they say the same from any folder. path: of matrix.yaml."""
    table = _known_workloads(path.parent)
    split = [workloads.split(word) for word in words]
    names = [name if name in table else str(Path(name).expanduser().absolute()) for name, *_ in split]
    return tuple(shlex.join([name, *args]) for name, (_, *args) in zip(names, split, strict=True))


def of_suites(words: Sequence[str], path: Path) -> list[str]:
    """Workloads of suites. path: of matrix.yaml. ConfigError for a word that is none."""
    return suites.expand(words, _known_workloads(path.parent))


def _known_workloads(base: Path) -> dict[str, Path]:
    return workloads.known(GUEST_TOOLS) | workloads.known(base / "guest-tools")


def _with_workloads(matrix: Matrix, words: Sequence[str], base: Path) -> Matrix:
    """These workloads instead; claims that they say nothing of are left out. ConfigError if one can run nowhere."""
    chosen = workloads.choose(words, _known_workloads(base))
    homeless = [w for w in chosen if not any(runs_on(w, arch) for arch in matrix.arches)]
    if homeless:
        names = ", ".join(arch.name for arch in matrix.arches)
        made_for = {w.name: ", ".join(w.own.arches) for w in homeless if w.own}
        rows = [f"{name} is a program for {its}; the matrix has only {names}" for name, its in made_for.items()]
        raise ConfigError("\n".join(rows), hint="add the arch to the matrix file")
    told = {name for w in chosen for e in w.expectations for name in e.claim.replace(",", " ").split()}
    claims = tuple(claim for claim in matrix.claims if told & {claim.id, *claim.same_as})
    return replace(matrix, workloads=chosen, claims=claims)


def _rename_old_keys(tree: Any, problems: _Problems) -> None:
    """profiles: is what presets: was called before."""
    if not hasattr(tree, "keys") or "profiles" not in tree:
        return
    if "presets" in tree:
        problems.add(("profiles",), "is the old name of presets: give one of them")
        problems.stop()
    tree.insert(list(tree).index("profiles"), "presets", tree["profiles"])
    tree.lc.data["presets"] = tree.lc.data["profiles"]
    del tree["profiles"]


def _with_preset(tree: Any, name: str, problems: _Problems) -> Any:
    """The file as the preset changes it: its keys replace the file's; entries of tables are added."""
    table = tree.get("presets") if hasattr(tree, "keys") else None
    changes = problems.named("preset", (), name, dict(table or {}))
    problems.stop()
    merged = copy.deepcopy(tree)
    for key, value in dict(changes or {}).items():
        if hasattr(merged.get(key), "keys") and hasattr(value, "keys"):
            merged[key].update(value)
        else:
            merged[key] = value
    return merged


def _validate(tree: Any, problems: _Problems) -> MatrixSpec:
    try:
        return MatrixSpec.model_validate(tree)
    except ValidationError as error:
        for row in error.errors():
            message = str(row["msg"]).removeprefix("Value error, ")
            if row["type"] == "extra_forbidden":
                message = _unknown_key(row["loc"])
            problems.add(row["loc"], message)
        extra = [row["loc"] for row in error.errors() if row["type"] == "extra_forbidden"]
        if len(extra) < error.error_count():
            problems.stop()
        try:
            return MatrixSpec.model_validate(_without(tree, extra))  # to find what else is wrong
        except ValidationError:  # what is lacking now was misspelt
            problems.stop()
            raise


def _without(tree: Any, locations: Iterable[Location]) -> Any:
    """A copy of the tree without these keys."""
    copied = copy.deepcopy(tree)
    for location in locations:
        node = copied
        for part in location[:-1]:
            node = node[part]
        del node[location[-1]]
    return copied


def _unknown_key(location: Location) -> str:
    """Walk the models along location to list the keys that are known there."""
    model: Any = MatrixSpec
    for part in location[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        if field is not None:
            inner = getattr(field.annotation, "__args__", (field.annotation,))
            model = inner[-1]
    return unknown("key", str(location[-1]), getattr(model, "model_fields", {}))


def _resolve(spec: MatrixSpec, problems: _Problems, base: Path) -> Matrix:
    known_arches = _arches(spec, problems, base)
    known_workloads = _known_workloads(base)
    sources = {
        name: kinds.parse(name, given.model_dump(), _Files(problems, ("sources", name), base))
        for name, given in spec.sources.items()
    }
    chosen_arches = _each(spec.arches, lambda i, n: problems.named("arch", ("arches", i), n, known_arches))
    configs = _Configs(problems, base, chosen_arches)
    kernels = {name: _kernel(name, k, sources, problems, base, configs) for name, k in spec.kernels.items()}
    kconfig = _kconfig(("kconfig",), spec.kconfig, problems, base)
    for i, pair in enumerate(spec.compare):
        problems.named("kernel", ("compare", i, "base"), pair.base, kernels)
        problems.named("kernel", ("compare", i, "new"), pair.new, kernels)
    chosen = _each(spec.workloads, lambda i, n: problems.named("workload", ("workloads", i), n, known_workloads))
    return Matrix(
        arches=chosen_arches,
        kernels=tuple(k for k in kernels.values() if k),
        workloads=tuple(w for folder in chosen if (w := _workload(folder, spec.judge, problems))),
        comparisons=tuple(Comparison(c.base, c.new) for c in spec.compare),
        measure=Measure(**spec.measure.model_dump()),
        limits=Limits(**spec.limits.model_dump()),
        config=configs.of(("config",), spec.config) if spec.config else configs.unnamed(kconfig),
        kconfig=kconfig,
        cache_gib=_cache_gib(spec, problems),
        ccache_gib=spec.ccache_gib,
        qemu=str(_folder(spec, base)) if spec.qemu else "",
        sources=tuple(sources.values()),
        nightly=_nightly(spec.nightly, sources, problems),
        claims=tuple(Claim(id=name, **{**c.model_dump(), **_tuples(c)}) for name, c in spec.claims.items()),
    )


def _arches(spec: MatrixSpec, problems: _Problems, base: Path) -> dict[str, Arch]:
    """All that there are, with the CPU models and the emulators that the file names."""
    table = arches.known()
    for name in spec.cpu:
        problems.named("arch", ("cpu", name), name, table)
    models = {name: given.model_dump(exclude_none=True) for name, given in spec.cpu.items()}
    return {name: with_cpus(_emulated(arch, spec, problems, base), models) for name, arch in table.items()}


def _folder(spec: MatrixSpec, base: Path) -> Path:
    return (base / Path(spec.qemu).expanduser()).resolve()


def _emulated(arch: Arch, spec: MatrixSpec, problems: _Problems, base: Path) -> Arch:
    """By the emulator of the file's folder, if it names one: each arch that is asked for has to be there."""
    if not spec.qemu:
        return arch
    folder = _folder(spec, base)
    found = from_folder(arch, folder)
    if found is None and arch.name in spec.arches:
        problems.add(("qemu",), f"{folder} has no {arch.qemu}, nor has its bin or usr/bin")
    return found or arch


def _nightly(spec: NightlySpec, sources: dict[str, Source], problems: _Problems) -> Nightly:
    names = _each(spec.sources, lambda i, n: problems.named("source", ("nightly", "sources", i), n, sources))
    seconds = float(spec.budget[:-1]) * {"s": 1, "m": 60, "h": 3600}[spec.budget[-1]]
    return Nightly(tuple(source.name for source in names), seconds, spec.keep.runs, spec.keep.days)


def _cache_gib(spec: MatrixSpec, problems: _Problems) -> float:
    """Of the whole file; the place that it had before counts, too."""
    old = spec.nightly.keep.cache_gib
    if spec.cache_gib is not None and old is not None:
        problems.add(("nightly", "keep", "cache_gib"), "is the old place of cache_gib: give one of them")
    return spec.cache_gib or old or Matrix.cache_gib


def _tuples(spec: ClaimSpec) -> dict[str, tuple[str, ...]]:
    return {"same_as": tuple(spec.same_as), "arches": tuple(spec.arches)}


def _each(names: Iterable[str], look_up: Callable[[int, str], T | None]) -> tuple[T, ...]:
    return tuple(x for i, name in enumerate(dict.fromkeys(names)) if (x := look_up(i, name)) is not None)


def _workload(folder: Path, judge: list[str] | None, problems: _Problems) -> Workload | None:
    try:
        loaded = workloads.load(folder)
        return loaded if judge is None or loaded.name in judge else replace(loaded, expectations=())
    except ConfigError as error:
        problems.add(("workloads",), error.message)
        return None


@dataclass(frozen=True)
class _Files:
    """Paths of one source. What is not there becomes a row of the problems."""

    problems: _Problems
    at: Location
    base: Path

    def existing(self, key: str, name: str) -> Path:
        return self.problems.file((*self.at, key), name, self.base) or Path(name)

    def absolute(self, name: str) -> Path:
        return (self.base / Path(name).expanduser()).resolve()


@dataclass(frozen=True)
class _Configs:
    """The configs that a matrix file names, for its arches. What is wrong with one becomes a row of the problems."""

    problems: _Problems
    base: Path
    arches: Sequence[Arch]

    def of(self, at: Location, name: str) -> Config:
        """A shipped config, or a file of the user's; {arch} in its name is replaced."""
        names = [arch.name for arch in self.arches]
        shipped = fragments.shipped()
        files = [Path(name.replace("{arch}", arch)).expanduser() for arch in names]
        if name not in shipped and not any((self.base / file).exists() for file in files):
            self.problems.add(at, unknown("config", name, shipped) + ", or a file of kconfig lines")
        elif name not in shipped:
            return self._file(at, name, names)
        return self._made(at, name, None, names) if name in shipped else Config(name, dict.fromkeys(names, ()))

    def _file(self, at: Location, name: str, names: list[str]) -> Config:
        path = (self.base / Path(name).expanduser()).resolve()
        return self._made(at, path.stem.replace("{arch}", "").strip("-_.") or path.parent.name, path, names)

    def _made(self, at: Location, name: str, path: Path | None, names: list[str]) -> Config:
        try:
            return fragments.named(name, path, names)
        except ConfigError as error:
            self.problems.add(at, error.message)
            return Config(name, dict.fromkeys(names, ()))

    def unnamed(self, kconfig: Sequence[str]) -> Config:
        """The usual one; of a file of before there were configs, whose kconfig: says all that a kernel has: lean."""
        if _BOOTS not in (line.partition("  #:")[0] for line in kconfig):
            return self.of(("config",), USUAL)
        name = f"#: name {LEAN}"
        folder = fragments.SHIPPED / LEAN
        rest = {arch.name: folder / f"{arch.name}.config" for arch in self.arches}
        lines = {arch: (name, *(fragments.flat(path, arch) if path.exists() else ())) for arch, path in rest.items()}
        return Config(LEAN, lines)


def _kernel(
    name: str, spec: KernelSpec, sources: dict[str, Source], problems: _Problems, base: Path, configs: _Configs
) -> Kernel | None:
    at = ("kernels", name)
    source = problems.named("source", (*at, "source"), spec.source, sources)
    named = _each(spec.patches, lambda i, n: problems.file((*at, "patches", i), n, base))
    patches = tuple(patch for path in named for patch in _series(path))
    for patch in patches:
        if not patch.is_file():
            problems.add((*at, "patches"), f"no such file: {patch}")
    if not _SAFE_NAME.fullmatch(name):
        problems.add(at, "a kernel's name is letters, digits, dot, dash, plus and underscore: it names a folder")
    if source is None:
        return None
    if not kinds.buildable(source) and (patches or spec.kconfig or spec.config):
        problems.add(at, f"a ready {source.kind} takes no patches, no config and no kconfig")
    config = configs.of((*at, "config"), spec.config) if spec.config else None
    return Kernel(name, source, patches, _kconfig((*at, "kconfig"), spec.kconfig, problems, base), config)


def _series(path: Path) -> list[Path]:
    """A file called series lists patches beside it, in order; any other file is a patch."""
    if path.name != "series":
        return [path]
    rows = (row.split("#")[0].strip() for row in text_of(path).splitlines())
    return [path.with_name(row) for row in rows if row]


def _kconfig(at: Location, entries: list[str], problems: _Problems, base: Path) -> tuple[str, ...]:
    """Lines of the fragments; an entry is a file or a CONFIG_ line itself."""
    lines: list[str] = []
    for i, entry in enumerate(entries):
        if entry.startswith(("CONFIG_", "#")):
            lines.append(entry)
        elif fragment := problems.file((*at, i), fragments.OLD.get(entry, entry), base):
            try:
                lines += [line for line in fragments.flat(fragment, "") if not line.startswith("#:")]
            except ConfigError as error:
                problems.add((*at, i), error.message)
    return tuple(lines)
