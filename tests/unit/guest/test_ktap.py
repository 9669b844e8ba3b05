# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests of the kernel's own print, as it was printed."""

import pytest

from orchestrator.guest.ktap import outcomes

HARNESS = """TAP version 13
1..3
# Starting 3 tests from 1 test cases.
#  RUN           global.sense ...
#            OK  global.sense
ok 1 global.sense
not ok 2 global.mapped at 0x7f3a91c00000
ok 3 global.range # SKIP no huge pages
# FAILED: 1 / 3 tests passed.
"""


def test_a_harness_tells_of_each() -> None:
    assert outcomes(HARNESS, 1) == {
        "": "failed",
        "global.sense": "passed",
        "global.mapped at #": "failed",
        "global.range": "skipped",
    }


@pytest.mark.parametrize(
    ("status", "how"),
    [(0, "passed"), (4, "skipped"), (32, "skipped"), (1, "failed"), (-1, "failed"), (139, "failed")],
)
def test_without_lines_the_exit_status_tells(status: int, how: str) -> None:
    assert outcomes("5 pages moved\nok\n", status) == {"": how}


def test_two_of_one_name_are_two() -> None:
    assert outcomes("ok 1 - moved\nnot ok 2 - moved\n", 0) == {"": "passed", "moved": "passed", "moved (2)": "failed"}


def test_kunit_has_them_indented() -> None:
    text = "    # Subtest: damon\n    ok 1 damon_test_target\n    not ok 2 damon_test_regions\nnot ok 1 damon\n"
    assert outcomes(text, 0) == {
        "": "passed",
        "damon_test_target": "passed",
        "damon_test_regions": "failed",
        "damon": "failed",
    }


def test_what_is_expected_to_fail_does_not_fail() -> None:
    assert outcomes("not ok 1 pinned # XFAIL not yet\nok 2\n", 0) == {
        "": "passed",
        "pinned": "passed",
        "test 2": "passed",
    }


def test_times_and_addresses_are_no_names() -> None:
    first, second = (outcomes(f"ok 1 moved in {n} ns # at 0x{n}\n", 0) for n in (123456789, 987654321))
    assert first == second


def test_a_directive_before_the_name_is_none_of_it() -> None:
    """As ksft_test_result_skip() prints it."""
    assert outcomes("ok 3 # SKIP map huge pages\n", 0) == {"": "passed", "map huge pages": "skipped"}
    assert outcomes("ok 3 map huge pages # SKIP none\n", 0) == {"": "passed", "map huge pages": "skipped"}
