# SPDX-License-Identifier: GPL-2.0-or-later
"""The pytest plugin without a guest: ids, marker, options, and what a test is told when there is no kernel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.paths import ROOT

pytest_plugins = ["pytester"]

MATRIX = """\
arches: [aarch64, s390x]
workloads: []
sources:
  ready: {image: 'Image-{arch}', system_map: 'System.map-{arch}'}
kernels:
  old: {source: ready}
  new: {source: ready}
kconfig: []
profiles:
  more: {kernels: {newer: {source: ready}}}
"""
ONE = "def test_one(guest): pass\n"
ALL = ["aarch64/old", "aarch64/new", "s390x/old", "s390x/new"]


@pytest.fixture
def folder(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A test folder with a matrix.yaml, and an empty cache."""
    (pytester.path / "matrix.yaml").write_text(MATRIX)
    monkeypatch.setenv("KMATRIX_CACHE", str(pytester.path / "cache"))
    return pytester


def collected(folder: pytest.Pytester, *arguments: str) -> tuple[list[str], pytest.RunResult]:
    """What the first test of each row is parametrised with: the part in brackets."""
    done = folder.runpytest("--collect-only", "-q", *arguments)
    return [row.partition("::")[2] for row in done.outlines if "::" in row], done


def ids(names: list[str], test: str = "test_one") -> list[str]:
    return [f"{test}[{name}]" for name in names]


def test_a_test_is_collected_once_for_each_arch_and_kernel_and_nothing_is_started(folder: pytest.Pytester) -> None:
    folder.makepyfile(ONE)
    names, done = collected(folder)
    assert names == ids(ALL) and done.ret == 0
    assert not (folder.path / "cache").exists()


@pytest.mark.parametrize(
    ("globs", "wanted"),
    [
        ('"*/new"', ["aarch64/new", "s390x/new"]),
        ('"s390x"', ["s390x/old", "s390x/new"]),
        ('"s390x/*"', ["s390x/old", "s390x/new"]),
        ('"s390x/new", "aarch64/*ld"', ["aarch64/old", "s390x/new"]),
        ("", ALL),
        ('"*/new", shared=True', ["aarch64/new", "s390x/new"]),
    ],
)
def test_the_markers_globs_choose(folder: pytest.Pytester, globs: str, wanted: list[str]) -> None:
    folder.makepyfile(f"import pytest\n@pytest.mark.kmatrix({globs})\n{ONE}")
    assert collected(folder, "--strict-markers")[0] == ids(wanted)


def test_the_nearest_marker_counts(folder: pytest.Pytester) -> None:
    folder.makepyfile(
        """
        import pytest
        pytestmark = pytest.mark.kmatrix("*/new")
        def test_one(guest): pass
        @pytest.mark.kmatrix("s390x/old")
        def test_two(guest): pass
        """
    )
    assert collected(folder)[0] == [*ids(["aarch64/new", "s390x/new"]), *ids(["s390x/old"], "test_two")]


def test_tests_that_share_a_guest_stand_together(folder: pytest.Pytester) -> None:
    folder.makepyfile(
        """
        import pytest
        pytestmark = pytest.mark.kmatrix("*/new", shared=True)
        def test_one(guest): pass
        def test_two(guest): pass
        """
    )
    assert collected(folder)[0] == [
        f"{test}[{arch}/new]" for arch in ("aarch64", "s390x") for test in ("test_one", "test_two")
    ]


def test_a_glob_that_matches_nothing_is_an_error_that_lists_what_there_is(folder: pytest.Pytester) -> None:
    folder.makepyfile(f'import pytest\n@pytest.mark.kmatrix("riscv64/*")\n{ONE}')
    done = folder.runpytest()
    assert done.ret == pytest.ExitCode.INTERRUPTED
    done.stdout.fnmatch_lines(["*error: @pytest.mark.kmatrix 'riscv64/[*]' matches no kernel", "*aarch64/old", "*"])
    done.stdout.no_fnmatch_line("*Traceback*")
    done.stdout.no_fnmatch_line("*orchestrator/*")


@pytest.mark.parametrize(("words", "named"), [("7", "7"), ('"*/new", share=True', "'share'")])
def test_a_marker_that_is_misspelt_is_told(folder: pytest.Pytester, words: str, named: str) -> None:
    folder.makepyfile(f"import pytest\n@pytest.mark.kmatrix({words})\n{ONE}")
    done = folder.runpytest()
    assert done.ret == pytest.ExitCode.INTERRUPTED
    done.stdout.fnmatch_lines([f"*the marker kmatrix takes globs and shared=True, not {named}"])


def test_select_takes_tests_away_and_leaves_those_without_a_guest(folder: pytest.Pytester) -> None:
    folder.makepyfile(f'import pytest\n@pytest.mark.kmatrix("*/new")\n{ONE}\ndef test_plain(): pass\n')
    names, done = collected(folder, "--kmatrix-select", "s390x", "--kmatrix-select", "*/old")
    assert names == [*ids(["s390x/new"]), "test_plain"]
    done.stdout.fnmatch_lines(["2/3 tests collected (1 deselected)*"])


def test_a_select_that_leaves_nothing_is_no_success(folder: pytest.Pytester) -> None:
    folder.makepyfile(f'import pytest\n@pytest.mark.kmatrix("*/new")\n{ONE}')
    assert folder.runpytest("--kmatrix-select", "*/old").ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_select_that_matches_nothing_is_a_usage_error(folder: pytest.Pytester) -> None:
    folder.makepyfile(ONE)
    done = folder.runpytest("--kmatrix-select", "mips/*")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["ERROR: error: --kmatrix-select 'mips/[*]' matches no kernel", "*", "*s390x/new"])


def test_k_selects_by_id(folder: pytest.Pytester) -> None:
    folder.makepyfile(ONE)
    assert collected(folder, "-k", "s390x/new")[0] == ids(["s390x/new"])


def test_a_preset_changes_the_matrix(folder: pytest.Pytester) -> None:
    folder.makepyfile(ONE)
    for option in ("--kmatrix-preset", "--kmatrix-profile"):
        assert "test_one[s390x/newer]" in collected(folder, option, "more")[0]
    done = folder.runpytest("--kmatrix-preset", "mroe")
    done.stdout.fnmatch_lines(["*unknown preset 'mroe'; Did you mean more[?] known: more"])
    assert done.ret == pytest.ExitCode.INTERRUPTED


def test_the_nearest_matrix_file_counts(folder: pytest.Pytester) -> None:
    inner = folder.mkdir("inner")
    (inner / "matrix.yaml").write_text(MATRIX.replace("[aarch64, s390x]", "[x86_64]"))
    (inner / "test_inner.py").write_text(ONE)
    (folder.mkdir("beside") / "test_beside.py").write_text(ONE)
    assert collected(folder)[0] == [*ids(ALL), *ids(["x86_64/old", "x86_64/new"])]
    assert collected(folder, "--kmatrix-select", "x86_64/new")[0] == ids(["x86_64/new"])  # of either file


def test_the_ini_file_names_the_matrix_and_the_option_another(folder: pytest.Pytester) -> None:
    for name, arch in (("ini", "x86_64"), ("option", "s390x")):
        (folder.mkdir(name) / "kernels.yaml").write_text(MATRIX.replace("[aarch64, s390x]", f"[{arch}]"))
    folder.makeini("[pytest]\nkmatrix_config = ini/kernels.yaml\n")
    path = folder.mkdir("tests") / "test_it.py"
    path.write_text(ONE)
    assert collected(folder)[0] == ids(["x86_64/old", "x86_64/new"])
    assert collected(folder, "--kmatrix-config", "option/kernels.yaml")[0] == ids(["s390x/old", "s390x/new"])


def test_without_a_matrix_file_a_test_says_how_to_name_one(folder: pytest.Pytester) -> None:
    (folder.path / "matrix.yaml").unlink()
    folder.makepyfile(ONE)
    done = folder.runpytest("--rootdir", str(folder.path))
    assert done.ret == pytest.ExitCode.INTERRUPTED
    done.stdout.fnmatch_lines([f"error: no matrix.yaml in {folder.path} or above it", "next: *--kmatrix-config*"])
    done = folder.runpytest("--kmatrix-config", "none.yaml")
    done.stdout.fnmatch_lines([f"error: {folder.path}/none.yaml: No such file or directory"])


def test_a_wrong_matrix_file_is_told_with_its_lines(folder: pytest.Pytester) -> None:
    (folder.path / "matrix.yaml").write_text(MATRIX.replace("aarch64", "arm64").replace("kconfig", "konfig"))
    folder.makepyfile(ONE)
    done = folder.runpytest()
    done.stdout.fnmatch_lines(
        ["error: *matrix.yaml:1: arches.0: unknown arch 'arm64'*", "*matrix.yaml:8: konfig: unknown key*"]
    )
    done.stdout.no_fnmatch_line("*Traceback*")


def test_a_guest_fixture_of_the_users_own_is_left_alone(folder: pytest.Pytester) -> None:
    folder.makepyfile(f"import pytest\n@pytest.fixture\ndef guest(): return 1\n{ONE}")
    assert collected(folder)[0] == ["test_one"]


def test_a_kernel_that_is_not_there_is_each_tests_error_in_words(folder: pytest.Pytester) -> None:
    folder.makepyfile(f'import pytest\npytestmark = pytest.mark.kmatrix("s390x/new")\n{ONE}def test_two(guest): pass')
    done = folder.runpytest("-p", "no:cacheprovider")
    done.assert_outcomes(errors=2)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    wanted = ["*ERROR at setup of test_*", f"error: no such file: {folder.path}/Image-s390x", "next: *"]
    done.stdout.fnmatch_lines(wanted * 2)
    done.stdout.no_fnmatch_line("*During handling*")
    done.stdout.no_fnmatch_line("*Traceback*")
    done.stdout.no_fnmatch_line("*orchestrator/*")


def test_a_host_that_lacks_tools_is_an_error_that_names_the_doctor(
    folder: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    folder.makepyfile(ONE)
    done = folder.runpytest("--kmatrix-select", "s390x/new")
    done.assert_outcomes(errors=1, deselected=3)
    done.stdout.fnmatch_lines(["error: missing on this host: *", "next: *kmatrix doctor*"])


def test_a_run_without_guests_loads_nothing_of_kmatrix(folder: pytest.Pytester) -> None:
    folder.makepyfile(
        """
        import sys
        def test_light(request):
            assert request.config.pluginmanager.has_plugin("kmatrix")
            heavy = {"asyncio", "paramiko", "fabric", "pydantic", "ruamel", "scipy", "rich", "typer", "jinja2"}
            assert not heavy & set(sys.modules)
        """
    )
    folder.runpytest_subprocess().assert_outcomes(passed=1)


def test_the_command_needs_no_pytest() -> None:
    code = "import sys; sys.modules['pytest'] = None; from orchestrator.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "plan"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "6 builds" in done.stdout, done.stderr


def test_fixture_marker_and_options_are_documented(folder: pytest.Pytester) -> None:
    folder.runpytest("--fixtures").stdout.fnmatch_lines(["guest -- *", "*A guest of each arch and kernel*"])
    folder.runpytest("--markers").stdout.fnmatch_lines(["@pytest.mark.kmatrix([*]globs, shared=False): *"])
    done = folder.runpytest("--help")
    for option in ("--kmatrix-select", "--kmatrix-config", "--kmatrix-preset", "kmatrix_config"):
        done.stdout.fnmatch_lines([f"*{option}*"])


def test_the_plugin_is_what_this_folder_has() -> None:
    """An installed copy of another version would be tested instead."""
    plugin = sys.modules["orchestrator.pytest_plugin"]
    assert Path(str(plugin.__file__)).parents[1] == ROOT
