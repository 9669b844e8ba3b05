# SPDX-License-Identifier: GPL-2.0-or-later
"""The pytest plugin: the `guest` fixture and the marker `kmatrix`, which says in which kernels a test runs.

    @pytest.mark.kmatrix("*/patched")
    def test_it_boots(guest):
        assert guest.run("uname -m").stdout.strip() == guest.arch

pytest loads this file in every run, of whatever project: it imports what it needs when a test asks for a guest.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.errors import ConfigError, KmatrixError

if TYPE_CHECKING:
    from orchestrator.testing import Guest, Lab, Target

CONFIG = "matrix.yaml"
TARGET = "_kmatrix_target"  # the fixture that is parametrised
LINES = 30  # of the console in a failure's report
MARKER = (
    "kmatrix(*globs, shared=False): run the test in guests whose ARCH/KERNEL matches any of the globs, "
    "as for `kmatrix run --select`; shared: one guest for all tests of the module that say so"
)
loaded_key = pytest.StashKey[dict[Path, "tuple[Target, ...] | KmatrixError"]]()
guest_key = pytest.StashKey["Guest"]()
passed_key = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The command line's options, and the one of pytest.ini."""
    group = parser.getgroup("kmatrix", "guests with kernels of a matrix file (kmatrix)")
    group.addoption(
        "--kmatrix-select", action="append", default=[], metavar="GLOB",
        help="only in guests whose ARCH/KERNEL matches; repeatable",
    )  # fmt: skip
    group.addoption("--kmatrix-config", metavar="PATH", help="the matrix file; default: see kmatrix_config")
    group.addoption("--kmatrix-preset", default="", metavar="NAME", help="a preset of the matrix file")
    group.addoption(
        "--kmatrix-unsandboxed", action="store_true",
        help="build and boot patches without bubblewrap: you trust them",
    )  # fmt: skip
    group.addoption(
        "--kmatrix-executor", default=os.environ.get("KMATRIX_EXECUTOR", ""), metavar="WHERE",
        help="where kernels are built: local; dask; or a file that kmatrix scheduler wrote. Guests are here",
    )  # fmt: skip
    group.addoption("--kmatrix-profile", dest="kmatrix_preset", help=argparse.SUPPRESS)  # its name of before
    usual = "the nearest matrix.yaml in the test file's folder and above it"
    parser.addini("kmatrix_config", f"the matrix file, relative to the ini file; default: {usual}", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Nothing is read yet."""
    config.addinivalue_line("markers", MARKER)
    config.stash[loaded_key] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each kernel that its marker names."""
    if TARGET not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("kmatrix")
    with _as_failure():
        targets = _marked(_targets(metafunc.config, metafunc.definition.path), marker)
    ids = [target.build.id for target in targets]
    metafunc.parametrize(TARGET, targets, ids=ids, indirect=True, scope="module" if _shared(marker) else "function")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """--kmatrix-select takes tests away, as -k does; it must match a kernel of the matrices in use."""
    globs: list[str] = config.getoption("kmatrix_select")
    used = {item: target for item in items if (target := _target_of(item))}
    if not globs or not used:
        return
    from orchestrator.testing import chosen

    known = [target for found in config.stash[loaded_key].values() if isinstance(found, tuple) for target in found]
    try:
        kept = set(chosen(known, globs, "--kmatrix-select"))
    except KmatrixError as error:
        raise pytest.UsageError(_text(error)) from None
    gone = [item for item, target in used.items() if target not in kept]
    config.hook.pytest_deselected(items=gone)
    items[:] = [item for item in items if item not in set(gone)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure's report has the guest's last words, and what kmatrix knows beyond the message."""
    report = yield
    if report.when == "call":
        item.stash[passed_key] = report.passed
    if not report.failed:
        return report
    guest = item.stash.get(guest_key, None)
    last = "\n".join(guest.console.splitlines()[-LINES:]) if guest else ""
    if call.excinfo and isinstance(error := call.excinfo.value, KmatrixError):
        report.sections.append(("kmatrix", _more(error, last)))
    if guest:
        report.sections.append((f"Guest console {guest.arch}/{guest.kernel}", last))
    return report


@pytest.fixture
def guest(request: pytest.FixtureRequest, _kmatrix_target: Target) -> Iterator[Guest]:
    """A guest of each arch and kernel of matrix.yaml, or of those that the marker kmatrix names.

    arch, kernel, linux, console; run(command, timeout) -> code, stdout, stderr; push(local, remote);
    compile(c_file) -> its path in the guest; verify(). A kernel that breaks fails the test.
    """
    marker = request.node.get_closest_marker("kmatrix")
    booted: Guest = request.getfixturevalue("_kmatrix_shared" if _shared(marker) else "_kmatrix_own")
    request.node.stash[guest_key] = booted
    yield booted
    passed, before = request.node.stash.get(passed_key, False), list(booted.told)
    with _as_failure(unless=[] if passed else before):  # of a test that has failed with it
        booted.verify(answers=passed)


@pytest.fixture
def _kmatrix_own(_kmatrix_target: Target, _kmatrix_lab: Lab) -> Iterator[Guest]:
    with _as_failure(), _kmatrix_lab.guest(_kmatrix_target) as booted:
        yield booted


@pytest.fixture(scope="module")
def _kmatrix_shared(_kmatrix_target: Target, _kmatrix_lab: Lab) -> Iterator[Guest]:
    with _as_failure(), _kmatrix_lab.guest(_kmatrix_target) as booted:
        yield booted


@pytest.fixture(scope="session")
def _kmatrix_target(request: pytest.FixtureRequest) -> Target:
    target: Target = request.param
    return target


@pytest.fixture(scope="session")
def _kmatrix_lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    from orchestrator.executors import chosen
    from orchestrator.store import Store
    from orchestrator.testing import Lab

    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    capture = request.config.pluginmanager.get_plugin("capturemanager")

    def tell(line: str) -> None:
        if reporter and capture:  # a worker of pytest-xdist has none
            with capture.global_and_fixture_disabled():
                reporter.ensure_newline()
                reporter.write_line(line)

    option = request.config.getoption
    executor = option("--kmatrix-executor")
    with _as_failure():
        chosen.prepared(executor)
    return Lab(Store(), tmp_path_factory.mktemp, tell, option("--kmatrix-unsandboxed"), executor)


def _targets(config: pytest.Config, test_file: Path) -> tuple[Target, ...]:
    """Of the matrix file that counts for a test; read once, and so is what is wrong with it."""
    from orchestrator.testing import targets

    path = _matrix_file(config, test_file)
    loaded = config.stash[loaded_key]
    if path not in loaded:
        try:
            loaded[path] = targets(path, config.getoption("kmatrix_preset"))
        except KmatrixError as error:
            loaded[path] = error
    found = loaded[path]
    if isinstance(found, KmatrixError):
        raise found
    return found


def _matrix_file(config: pytest.Config, test_file: Path) -> Path:
    """The option's, the ini file's, or the nearest one above the test file, up to pytest's rootdir."""
    if option := config.getoption("kmatrix_config"):
        return Path(config.invocation_params.dir / option).resolve()
    if ini := config.getini("kmatrix_config"):
        base = config.inipath.parent if config.inipath else config.rootpath
        return Path(base / str(ini)).resolve()
    for folder in test_file.parents:
        if (folder / CONFIG).is_file():
            return folder / CONFIG
        if folder == config.rootpath:
            break
    hint = "name one with --kmatrix-config, or kmatrix_config in pytest.ini"
    raise ConfigError(f"no {CONFIG} in {test_file.parent} or above it", hint=hint)


def _marked(among: Sequence[Target], marker: pytest.Mark | None) -> Sequence[Target]:
    """What the marker's globs match."""
    from orchestrator.testing import chosen

    if marker is None:
        return among
    wrong = [glob for glob in marker.args if not isinstance(glob, str)] + [k for k in marker.kwargs if k != "shared"]
    if wrong:
        raise ConfigError(f"the marker kmatrix takes globs and shared=True, not {wrong[0]!r}", hint=MARKER)
    return chosen(among, marker.args, "@pytest.mark.kmatrix")


def _shared(marker: pytest.Mark | None) -> bool:
    return bool(marker and marker.kwargs.get("shared"))


def _target_of(item: pytest.Item) -> Target | None:
    callspec = getattr(item, "callspec", None)
    return callspec.params.get(TARGET) if callspec else None


@contextmanager
def _as_failure(unless: Sequence[KmatrixError] = ()) -> Iterator[None]:
    """An error is told in words, no traceback of ours; not at all if it is one of these."""
    try:
        yield
    except KmatrixError as error:
        if error not in unless:
            raise pytest.fail.Exception(_text(error), pytrace=False) from None


def _text(error: KmatrixError) -> str:
    """Message, log, next step: as the command prints them."""
    return "\n".join(part for part in (f"error: {error.message}", _more(error)) if part)


def _more(error: KmatrixError, known: str = "") -> str:
    """Log and next step; not the log if that is known already."""
    log = error.log.strip("\n")
    hint = f"next: {error.hint}" if error.hint else ""
    return "\n".join(part for part in (log if log not in known else "", hint) if part)
