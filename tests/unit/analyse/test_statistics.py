# SPDX-License-Identifier: GPL-2.0-or-later
"""The statistics: against oracles, against noise without a change, and where they must keep silent."""

import itertools
import math
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from orchestrator.analyse import inference
from orchestrator.analyse.compare import compare
from orchestrator.analyse.contract import CellRow, ComparisonRow, MatrixReport, MetricRow
from orchestrator.analyse.inference import (
    StatisticFailed,
    boots_needed,
    detectable,
    halves,
    holm,
    least_p,
    rank_test,
)
from orchestrator.analyse.verdicts import ALPHA
from orchestrator.report import known as formats
from orchestrator.report.parts.rows import floor
from orchestrator.runs.run import Run

Values = list[list[float]]
SPOKEN = {"better", "worse"}
RUNS = 1000
# Three standard errors of a rate of ALPHA over so many runs: the seeds are fixed, so this is passed or not once.
SLACK = 3 * math.sqrt(ALPHA * (1 - ALPHA) / RUNS)


def cell(kernel: str, metrics: dict[str, Values], exact: bool = False, **other: Any) -> CellRow:
    row: Any = {
        "id": f"x86_64/{kernel}/w", "arch": "x86_64", "kernel": kernel, "workload": "w", "status": "passed",
        "failure": None, "accel": "tcg", "clock": "icount" if exact else "wall", "exact": exact, "qemu": "7.2",
        "cpu": "max", "linux": "6.1", "kernel_key": kernel, "workload_sha256": "s", "units": 1, "unit": "page",
        "metrics": {name: MetricRow(unit="us", boots=boots, warmup=[]) for name, boots in metrics.items()},
        "vmstat": {}, "notes": [],
    }  # fmt: skip
    return row | other  # type: ignore[no-any-return]


def one(base: Values, new: Values, metric: str = "time", exact: bool = False) -> ComparisonRow:
    """A matrix of one comparison."""
    return compare([(cell("base", {metric: base}, exact), cell("new", {metric: new}, exact))])[0]


def boots(*values: float) -> Values:
    """One pass a boot."""
    return [[value] for value in values]


# Against oracles.


def enumerated(base: list[float], new: list[float]) -> float:
    """The two-sided p by counting every labelling: independent of scipy, of ranks and of formulas."""
    pool = base + new

    def wins(chosen: tuple[int, ...]) -> float:
        others = [pool[i] for i in range(len(pool)) if i not in chosen]
        return sum((pool[i] > other) + 0.5 * (pool[i] == other) for i in chosen for other in others)

    seen = wins(tuple(range(len(base))))
    all_wins = [wins(chosen) for chosen in itertools.combinations(range(len(pool)), len(base))]
    low, high = sum(w <= seen for w in all_wins), sum(w >= seen for w in all_wins)
    return min(1.0, 2 * min(low, high) / len(all_wins))


@pytest.mark.parametrize(
    ("base", "new", "ties"),
    [(1, 4, False), *((base, new, ties) for base, new in [(2, 2), (4, 4), (5, 5), (3, 6)] for ties in (False, True))],
)
def test_p_is_what_counting_all_labellings_gives(base: int, new: int, ties: bool) -> None:
    rng = np.random.default_rng(base * 10 + new)
    for _ in range(5):
        values = (rng.integers(0, 4, base + new) if ties else rng.normal(size=base + new)).tolist()
        got = rank_test(values[:base], values[base:]).p
        assert got == pytest.approx(enumerated(values[:base], values[base:]), abs=1e-12)


# Two-sided critical values of U at 0.05 and 0.01: S. Siegel, Nonparametric Statistics for the Behavioral
# Sciences (1956), table K; after H. B. Mann and D. R. Whitney, Ann. Math. Statist. 18 (1947) 50-60.
@pytest.mark.parametrize(
    ("count", "level", "critical"),
    [(4, 0.05, 0), (5, 0.05, 2), (6, 0.05, 5), (7, 0.05, 8), (8, 0.05, 13), (9, 0.05, 17), (10, 0.05, 23),
     (5, 0.01, 0), (6, 0.01, 2), (7, 0.01, 4), (8, 0.01, 7), (10, 0.01, 16), (3, 0.05, -1)],
)  # fmt: skip
def test_critical_values_of_the_tables(count: int, level: float, critical: int) -> None:
    assert inference._critical(count, count, level) == critical


def test_a_textbook_example() -> None:
    """Siegel (1956), p. 119: U = 9 of 4 and 5 animals has a one-sided probability of .452 (his table J, U = 9)."""
    assert rank_test([110, 70, 53, 51], [78, 64, 75, 45, 82]).p == pytest.approx(2 * 0.452, abs=0.001)


def test_holm_by_hand() -> None:
    # Sorted: .005 x 4 = .02; .01 x 3 = .03; .03 x 2 = .06; .04 x 1 = .04, but not below the one before: .06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0] and holm([]) == []


def test_boots_that_are_needed() -> None:
    assert least_p(4, 4) == 2 / 70 and least_p(1, 1) == 1
    assert [boots_needed(ALPHA / family) for family in (1, 2, 6, 7, 23, 24, 85)] == [4, 5, 5, 6, 6, 7, 7]


def test_the_noise_floor_by_hand() -> None:
    # Halves of 0, 1, 10, 11: centres .5 and 10.5, or 5 and 6, or 5.5 and 5.5.
    assert halves([0, 1, 10, 11]) == 10
    assert halves([5]) == 0 and halves([5, 8]) == 3
    assert halves(list(range(40))) == halves(list(range(40)))


# Without a change: the promise.


def normal(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.normal(size=count)


def heavy(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.standard_t(1.5, size=count)


def bimodal(rng: np.random.Generator, count: int) -> np.ndarray:
    return 5 * rng.integers(0, 2, count) + rng.normal(size=count) / 10


def skewed(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.exponential(size=count) ** 2


def drifting(rng: np.random.Generator, count: int) -> np.ndarray:
    """The host gets slower all the while; the order of boots is ABBA."""
    return np.arange(count) + rng.normal(size=count)


def coarse(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.integers(-1, 2, count).astype(float)


def order(count: int) -> tuple[list[int], list[int]]:
    """The places of base's and new's boots in time."""
    base = [2 * i + i % 2 for i in range(count)]
    return base, [place for place in range(2 * count) if place not in base]


def simulated(shape: Callable[..., np.ndarray], noise: float, count: int, effect: float = 0.0) -> Iterator[str]:
    """RUNS verdicts of matrices with one comparison; noise and effect relative; two passes a boot."""
    rng = np.random.default_rng(1)
    base, new = order(count)
    for _ in range(RUNS):
        day = 1e5 * (1 + noise * shape(rng, 2 * count))
        passes = day[:, None] + 1e5 * noise * rng.normal(size=(2 * count, 2)) / 10
        yield one(passes[base].tolist(), (passes[new] * (1 + effect)).tolist())["verdict"]


@pytest.mark.parametrize(
    ("shape", "noise", "count"),
    [(normal, 0.0001, 4), (normal, 0.01, 6), (normal, 0.2, 8), (heavy, 0.01, 5), (bimodal, 0.01, 4),
     (bimodal, 0.05, 7), (skewed, 0.03, 6), (coarse, 0.01, 4), (drifting, 0.01, 6), (normal, 0.01, 2)],
)  # fmt: skip
def test_false_verdicts_are_no_more_than_promised(shape: Callable[..., np.ndarray], noise: float, count: int) -> None:
    false = sum(verdict in SPOKEN for verdict in simulated(shape, noise, count)) / RUNS
    print(f"{shape.__name__} {noise} {count}: {false:.1%}")
    assert false <= ALPHA + SLACK
    assert count >= 4 or false == 0


@pytest.mark.parametrize("rate", [0.7, 30.0])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_counters_that_vary_promise_the_same(rate: float, count: int) -> None:
    """Poisson counts that all passes of a boot share: the worst case for "it repeats, so it is exact"."""
    rng = np.random.default_rng(2)
    draws = rng.poisson(rate, size=(200, 2, count)).astype(float)
    rows = [one([[v] * 2 for v in a], [[v] * 2 for v in b], "majflt") for a, b in draws.tolist()]
    false = sum(row["verdict"] in SPOKEN for row in rows) / len(rows)
    print(f"poisson {rate} {count}: {false:.1%}")
    assert false <= ALPHA


def test_the_promise_is_for_the_whole_matrix() -> None:
    rng, matrices = np.random.default_rng(3), 100
    false = 0
    for _ in range(matrices):
        values = rng.standard_t(2, size=(10, 2, 6, 1)) + 1000
        pairs = [(cell("base", {"time": a}), cell("new", {"time": b})) for a, b in values.tolist()]
        false += any(row["verdict"] in SPOKEN for row in compare(pairs))
    print(f"matrices of 10: {false / matrices:.1%}")
    assert false / matrices <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / matrices)


# With a change.


def test_a_real_change_is_found() -> None:
    found = list(itertools.islice(simulated(normal, 0.01, 6, effect=0.05), 200))
    assert found.count("worse") >= 190 and "better" not in found


def test_the_detectable_effect_is_found_as_often_as_it_says() -> None:
    effect = 0.01 * detectable(6, 6, ALPHA)
    found = sum(verdict == "worse" for verdict in simulated(normal, 0.01, 6, effect)) / RUNS
    print(f"detectable {effect:.2%}: {found:.1%}")
    assert found == pytest.approx(inference.POWER, abs=0.04)
    assert detectable(6, 6, 0.001) == math.inf


SLOW = boots(100.3, 101.1, 99.6, 100.8, 99.9, 100.5)
FAST = boots(95.2, 94.6, 95.9, 95.0, 94.8, 95.4)


def test_the_other_way_round_is_the_other_verdict() -> None:
    there, back = one(SLOW, FAST), one(FAST, SLOW)
    assert (there["verdict"], back["verdict"]) == ("better", "worse")
    assert there["p"] == back["p"] == pytest.approx(2 / 924)
    flip = {"better": "worse", "worse": "better"}
    rng = np.random.default_rng(4)
    for shift in np.linspace(0, 4, 20):
        base, new = rng.normal(100, 1, (5, 2)).tolist(), rng.normal(100 - shift, 1, (5, 2)).tolist()
        there, back = one(base, new), one(new, base)
        assert back["verdict"] == flip.get(there["verdict"], there["verdict"]) and back["p"] == there["p"]


def test_neither_way_is_better() -> None:
    row = one(SLOW, FAST, "minflt")
    assert row["verdict"] == "unclear" and row["p_corrected"] == pytest.approx(2 / 924)


# Where it must keep silent.


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("metric", ["time", "pgfault"])
def test_what_is_no_number_gives_no_verdict(bad: float, exact: bool, metric: str) -> None:
    for broken in ([*FAST[:5], [bad]], [[bad]] * 6, [*FAST[:5], [95.0, bad]], [[], []]):
        for base, new in ((SLOW, broken), (broken, SLOW), (broken, broken)):
            row = one(base, new, metric, exact)
            assert row["verdict"] == "unclear" and row["why"].startswith("the statistic failed")
            assert row["p"] is None and row["detectable"] is None


def test_a_clock_that_stands_still_gives_no_verdict() -> None:
    for new in (95.0, 100.0):
        row = one([[100.0]] * 6, [[new]] * 6)
        assert row["verdict"] == "unclear" and "no boot differs" in row["why"]


def _warns(*_: object, **__: object) -> None:
    warnings.warn("precision lost", RuntimeWarning, stacklevel=1)


def _raises(*_: object, **__: object) -> None:
    raise ZeroDivisionError("by zero")


def _no_number(*_: object, **__: object) -> tuple[float, float]:
    return math.nan, math.nan


@pytest.mark.parametrize("scipy", [_warns, _raises, _no_number])
def test_a_failed_statistic_is_no_verdict_and_says_so(
    scipy: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "_mann_whitney", scipy)
    with pytest.raises(StatisticFailed):
        rank_test([1, 2], [3, 4])
    row = one(SLOW, FAST)
    assert row["verdict"] == "unclear" and row["why"].startswith("the statistic failed: ") and row["p"] is None


def test_too_few_boots_are_an_answer_of_their_own() -> None:
    row = one(SLOW[:2], FAST[:2])
    assert row["verdict"] == "unclear" and row["detectable"] is None
    assert row["why"] == "cannot decide with so few boots: 2 and 2 boots; 4 each would be needed"
    for few in (FAST[:1], SLOW[:1]):
        assert one(SLOW[:1], few)["why"].startswith("cannot decide")
    three = compare([(cell("base", {"time": SLOW[:4]}), cell("new", {"time": FAST[:4]}))] * 3)
    assert {row["why"] for row in three} == {"cannot decide with so few boots: 4 and 4 boots; 5 each would be needed"}


def test_what_is_missing_counts_for_the_correction() -> None:
    pair = (cell("base", {"time": SLOW[:4]}), cell("new", {"time": FAST[:4]}))
    assert compare([pair])[0]["verdict"] == "better"
    lost = (pair[0], cell("new", {}, status="skipped"))
    assert compare([pair, lost, lost])[0]["why"].startswith("cannot decide")


def test_no_difference_shown_says_what_could_have_been_seen() -> None:
    quiet = one(boots(1000, 1001, 999, 1000.5, 999.5), boots(1000.2, 1001.2, 998.8, 1000.6, 999.1))
    assert quiet["verdict"] == "same" and quiet["detectable"] is not None and 1 < quiet["detectable"] < 10
    assert quiet["why"].startswith("no difference shown; this run could have seen 0.")
    noisy = one(boots(1000, 1100, 900, 1050, 950), boots(1020, 1120, 880, 1060, 910))
    assert noisy["verdict"] == "unclear" and noisy["why"].startswith("no difference shown; this run could")


def test_a_counter_that_repeats_is_exact_when_boots_enough_show_it() -> None:
    two, one_fault = [[2.0, 2.0]], [[1.0, 1.0]]
    row = one(two * 3, one_fault * 3, "pgfault")
    assert row["verdict"] == "better" and row["p"] is None
    assert one(two * 3, two * 3, "pgfault")["verdict"] == "same"
    assert one(two * 2, one_fault * 2, "pgfault")["why"].endswith("2 and 2 boots; 3 each would be needed")


# The exact path.


def test_one_instruction_is_seen_and_a_comment_is_not() -> None:
    base = [[7933000.0, 7933100.0], [7933050.0, 7933150.0]]
    more = [[value + 1000 for value in boot] for boot in base]
    less = [[value + 20 for value in boot] for boot in base]
    assert one(base, more, exact=True)["verdict"] == "worse"
    assert one(more, base, exact=True)["verdict"] == "better"
    same = one(base, less, exact=True)
    assert same["verdict"] == "same" and same["p"] is None and same["detectable"] == same["noise"] > 0


def uniform(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.uniform(-1.7, 1.7, count)


@pytest.mark.parametrize("shape", [normal, uniform, skewed, heavy])
@pytest.mark.parametrize("ppm", [3, 20, 40, 100, 1000])
@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_exact_figures_that_do_not_repeat_give_few_false_verdicts(
    shape: Callable[..., np.ndarray], ppm: int, count: int
) -> None:
    rng = np.random.default_rng(5)
    values = 1e6 + ppm * shape(rng, RUNS * 2 * count).reshape(RUNS, 2, count, 1)
    false = sum(one(a, b, exact=True)["verdict"] in SPOKEN for a, b in values.tolist()) / RUNS
    print(f"{shape.__name__} {ppm} ppm {count}: {false:.1%}")
    assert false <= 0.03 + 3 * math.sqrt(0.03 * 0.97 / RUNS)


def test_a_change_far_beyond_what_does_not_repeat_is_told() -> None:
    base, new = boots(3326.5, 3327.1), boots(2826.9, 2826.2)
    row = one(base, new, exact=True)
    assert row["verdict"] == "better" and row["noise"] == pytest.approx(7)
    assert one(base, boots(3325.7, 3325.5), exact=True)["verdict"] == "same"
    counted = one(boots(1000, 1003), boots(1008, 1009), "pgfault", exact=True)
    assert counted["verdict"] == "unclear" and counted["noise"] == 30
    assert "could have seen 3%" in counted["why"], "so much may have been missed"


def test_the_noise_of_single_boots_is_not_known() -> None:
    row = one(boots(100.0), boots(70.0))
    assert row["why"].startswith("cannot decide") and row["noise"] == 0 and row["detectable"] is None
    assert floor(row) == ""


def test_scipy_is_only_imported_for_what_varies() -> None:
    code = (
        "import sys, orchestrator.cli, orchestrator.runs.record; "
        "from orchestrator.analyse.verdicts import Case, exact; "
        "from orchestrator.collectors import known; exact(Case([[1.0]], [[2.0]], known()['time']));"
        "assert not {'scipy', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_what_reports_say_of_it() -> None:
    cells = [cell("base", {"time": SLOW}), cell("new", {"time": FAST})]
    few = [cell(c["kernel"], {"time": c["metrics"]["time"]["boots"][:2]}, arch="s390x") for c in cells]
    report = MatrixReport(
        schema=1, host={}, kernels={}, measure={"boots": 6, "passes": 1, "clock": "wall"}, cells=[*cells, *few],
        comparisons=compare([(cells[0], cells[1]), (few[0], few[1])]), expectations=[], claims=[], notes={},
    )  # fmt: skip
    for name in ("terminal", "markdown"):
        text = " ".join(formats()[name](Run(report)).split())
        assert "-5.28% (floor 0.9%)" in text and "too few boots" in text
        assert "p = 0.0022, corrected 0.0043; could have seen" in text
