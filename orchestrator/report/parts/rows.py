# SPDX-License-Identifier: GPL-2.0-or-later
"""What every table shows: one row per arch, workload and metric, as text. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.analyse import costs
from orchestrator.analyse.contract import CellRow, ClaimRow, ComparisonRow, MatrixReport
from orchestrator.analyse.expect import kernels_of
from orchestrator.analyse.identical import absent, left_out, spared
from orchestrator.analyse.inference import POWER
from orchestrator.analyse.matrix import without_account
from orchestrator.analyse.reach import silent
from orchestrator.analyse.verdicts import ALPHA
from orchestrator.collectors import known as collectors
from orchestrator.model import COSTS, Bound, Reason, Verdict
from orchestrator.registry import figure
from orchestrator.report.parts import chosen, findings, reach, static, suite, taken
from orchestrator.report.parts.change import change_lines
from orchestrator.report.parts.costs import MEMORY_NOTE
from orchestrator.report.parts.words import listed

BOUNDS = {Bound.AT_LEAST.value: "at least ", Bound.AT_MOST.value: "at most "}
WORDS = {Verdict.AS_EXPECTED.value: "as expected", Verdict.NOT_AS_EXPECTED.value: "NOT as expected"}
SHORT = {
    Reason.TOO_FEW_BOOTS.value: "cannot decide: too few boots",
    Reason.STATISTIC_FAILED.value: "unclear: the statistic failed",
}
PLAIN = (Reason.BEYOND_NOISE, Reason.NO_DIFFERENCE)  # reasons that a verdict says by itself
NOTE = (
    "Emulated instructions are not cycles: time under the instruction clock is an instruction count "
    "(1 ns = 1 instruction). Spread is (max - min) / median over all counted passes; "
    "floor: the change that noise alone makes."
)
COSTS_NOTE = (
    "What hardware pays more for, as atomics, and lines of code (of 64 bytes, that run at least every second time) "
    "are told by the bytes that were executed; they compare within one architecture only."
)


VARYING = (
    "Not exact, so boots are the unit: rank-sum test, Holm's correction over the matrix (of matrices without a "
    f"change, at most {ALPHA:.0%} give any false verdict); "
    f"could have seen: the smallest change found with power {POWER}:"
)


def note(report: MatrixReport) -> str:
    """What a reader of the tables must know."""
    notes = {
        NOTE: True,
        COSTS_NOTE: any(map(costs.told, report["cells"])),
        MEMORY_NOTE: costs.of_memory(report),
    }
    return " ".join(text for text, there in notes.items() if there)


@dataclass(frozen=True)
class Row:
    """One line of a table; values are per unit of work."""

    arch: str
    workload: str
    metric: str  # with its unit: time ns/page
    short: str  # without the unit of work: time ns
    base: str
    new: str
    base_text: str
    new_text: str
    change: str
    verdict: str
    tone: str  # good, bad or plain


def pairs(report: MatrixReport) -> list[tuple[str, str]]:
    """(base, new) kernels that were compared, in order."""
    return list(dict.fromkeys((row["base"], row["new"]) for row in report["comparisons"]))


def rows(report: MatrixReport) -> list[Row]:
    """One row per comparison; its verdict is the expectation's where there is one. No costs that did not move."""
    shown = suite.shown(report)
    mine = [row for row in report["comparisons"] if row["metric"] not in COSTS or _key(row) in shown]
    return [_row(row, report) for row in mine]


def told(report: MatrixReport) -> list[Row]:
    """Without those that say nothing among many."""
    shown = suite.shown(report)
    return [_row(row, report) for row in report["comparisons"] if _key(row) in shown]


def _key(row: ComparisonRow) -> tuple[str, str, str, str]:
    """As suite.shown() has it."""
    return row["base"], row["new"], row["workload"], row["metric"]


def _row(row: ComparisonRow, report: MatrixReport) -> Row:
    collector = collectors()[row["metric"]]
    unit = next(c["unit"] for c in report["cells"] if c["workload"] == row["workload"])
    shown = f"{row['shown_unit']}/{unit}" if row["shown_unit"] else f"per {unit}"
    once = measured_once(report, row)
    verdict, tone = _verdict(row["verdict"].replace("_", " "), judged(row, report))
    if verdict == Verdict.UNCLEAR:
        verdict = SHORT.get(row["reason"], verdict)
    if row["reason"] == Reason.IDENTICAL:
        verdict = verdict.replace(Verdict.SAME, "same kernel", 1)
    if row["reason"] == Reason.NOT_COMPARABLE:
        verdict, tone = row["why"], "bad"
    return Row(
        arch=row["arch"],
        workload=row["workload"],
        metric=f"{collector.title} {shown}",
        short=f"{collector.title} {row['shown_unit']}".strip(),
        base=row["base"],
        new=row["new"],
        base_text=value(row["per_unit_base"], collector.digits, row["spread_base"], row["base_value"], once),
        new_text=value(row["per_unit_new"], collector.digits, row["spread_new"], row["new_value"], once),
        change=change(row) + floor(row),
        verdict=verdict,
        tone=tone,
    )


def measured_once(report: MatrixReport, row: ComparisonRow) -> bool:
    """One counted pass on both sides: there is no spread to tell."""
    wanted = {f"{row['arch']}/{kernel}/{row['workload']}" for kernel in (row["base"], row["new"])}
    cells = [cell for cell in report["cells"] if cell["id"] in wanted and not spared(cell)]
    return all(sum(map(len, cell["metrics"][row["metric"]]["boots"])) == 1 for cell in cells)


def judged(row: ComparisonRow, report: MatrixReport) -> set[str]:
    """What the expectations that bear on a comparison say: none, one verdict, or both."""
    return {
        e["verdict"]
        for e in report["expectations"]
        if (e["arch"], e["workload"], e["metric"]) == (row["arch"], row["workload"], row["metric"])
        and {row["base"], row["new"]}.issuperset(kernels_of(e))
        and (e["new"] == row["new"] or e["verdict"] != Verdict.AS_EXPECTED)  # of the base alone excuses nothing
    }


def _verdict(own: str, judged: set[str]) -> tuple[str, str]:
    own = reach.verdict(own)
    if Verdict.NOT_AS_EXPECTED in judged:
        return f"{own}, {WORDS[Verdict.NOT_AS_EXPECTED]}", "bad"
    tone = {Verdict.BETTER.value: "good", Verdict.WORSE.value: "bad"}.get(own, "plain")
    if Verdict.AS_EXPECTED in judged:
        word = WORDS[Verdict.AS_EXPECTED]
        return (word if own == Verdict.UNCLEAR else f"{own}, {word}"), "good"
    return own, tone


def value(number: float, digits: int, spread: float, whole: float, once: bool = False) -> str:
    """7922.3 ±0.0012%: half the spread to either side; ±3 a pass around 0; nothing when measured once."""
    text = figure(number, digits)
    if once:
        return text
    if spread == 0:
        return f"{text} ±0"
    return f"{text} ±{percent(spread / 2) if whole else f'{spread / 2:g} a pass'}"


def percent(share: float) -> str:
    """Two digits that count: 0.0012%, 1.9%."""
    return f"{share * 100:.2g}%" if share < 0.1 else f"{share * 100:.0f}%"


def change(row: ComparisonRow) -> str:
    """-15.10%, +0.013%, or the difference itself where there was nothing before; 0 for the same."""
    share = row["change"]
    if row["base_value"] == row["new_value"]:
        return "0"
    if share is None:
        return figure(row["per_unit_new"] - row["per_unit_base"], 3, "+")
    if row["verdict"] == Verdict.SAME and abs(share) * 100 < 0.005:
        return "0"
    return f"{share * 100:+.2f}%" if abs(share) >= 0.001 else f"{share * 100:+.2g}%"


def floor(row: ComparisonRow) -> str:
    """The noise floor beside a change: (floor 0.005%); empty where there was nothing to know it by."""
    if row["detectable"] is None and row["noise"] == 0:
        return ""
    if row["noise"] == 0:
        return " (floor 0)"
    return f" (floor {relative(row['noise'], row['base_value'])})"


def relative(size: float, whole: float) -> str:
    """percent of the whole, or the size itself where there is none."""
    return percent(size / abs(whole)) if whole else f"{size:.2g} a pass"


def undecided(row: ComparisonRow) -> bool:
    """The run could not tell; a metric that only tells, and moved, is no such case."""
    return row["verdict"] == Verdict.UNCLEAR and row["reason"] != Reason.MOVED


def claims(report: MatrixReport) -> list[tuple[str, str, str, str]]:
    """(id, what was claimed, verdict with its count, tone) of each claim; what is beyond reach is told with it."""
    words = {**WORDS, Verdict.MISSING.value: "not answered", Verdict.OUT_OF_REACH.value: "out of reach"}
    return [
        (
            row["id"],
            row["text"] + (f" [{row['beyond']}]" if row["beyond"] else ""),
            words[row["verdict"]] + _reached(row) + (f" ({row['held']} of {row['judged']})" if row["judged"] else ""),
            {Verdict.AS_EXPECTED.value: "good", Verdict.NOT_AS_EXPECTED.value: "bad"}.get(row["verdict"], "plain"),
        )
        for row in report["claims"]
    ]


def _reached(row: ClaimRow) -> str:
    """What holds of a claim that goes beyond what can be measured here holds for the rest of it alone."""
    return ", as far as reached" if row["beyond"] and row["verdict"] == Verdict.AS_EXPECTED else ""


def limits(report: MatrixReport) -> list[str]:
    """What a test said, and of what: time of shmem-write on x86_64, a to b: p = 0.0022 ...; could have seen 1.2%.

    Comparisons of a workload of which the same is said share a line.
    """
    said: dict[tuple[str, str], dict[str, list[ComparisonRow]]] = {}
    for row in report["comparisons"]:
        if row["p"] is not None or row["reason"] in SHORT:
            said.setdefault((row["workload"], _limit(row)), {}).setdefault(row["metric"], []).append(row)
    lines = []
    for (workload, words), metrics in said.items():
        places: dict[str, list[str]] = {}
        for metric, found in metrics.items():
            places.setdefault(_where(found), []).append(metric)
        lines += [f"{', '.join(names)} of {workload} {where}: {words}" for where, names in places.items()]
    return lines


def _where(found: list[ComparisonRow]) -> str:
    """on x86_64, s390x, a to b, b to c."""
    groups: dict[str, list[str]] = {}
    for row in found:
        groups.setdefault(f"{row['base']} to {row['new']}", []).append(row["arch"])
    same: dict[str, list[str]] = {}
    for pair, arches in groups.items():
        same.setdefault(", ".join(dict.fromkeys(arches)), []).append(pair)
    return "; ".join(f"on {arches}, {', '.join(pairs)}" for arches, pairs in same.items())


def _limit(row: ComparisonRow) -> str:
    if row["detectable"] is None or row["p"] is None or row["p_corrected"] is None:
        return row["why"]
    seen = relative(row["detectable"], row["base_value"])
    why = "" if row["reason"] in PLAIN else f"; {row['why']}"
    return f"p = {row['p']:.2g}, corrected {row['p_corrected']:.2g}; could have seen {seen}{why}"


def failures(report: MatrixReport) -> list[CellRow]:
    """Cells that did not pass, but for those that are left out for a reason."""
    return [cell for cell in report["cells"] if cell["failure"] and not left_out(cell)]


def lacking(report: MatrixReport) -> list[str]:
    """mseal on x86_64 and s390x: not there: this kernel has no mseal(); a line for each reason."""
    groups: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for cell in filter(absent, report["cells"]):
        names, arches = groups.setdefault((cell["failure"] or {}).get("message", ""), ({}, {}))
        names[cell["workload"]] = arches[cell["arch"]] = None
    return [f"{listed(names)} on {listed(arches)}: not there: {why}" for why, (names, arches) in groups.items()]


def unexpected(report: MatrixReport, named: Callable[[str, str], str] = "{} {}".format) -> list[str]:
    """One line per expectation that does not hold; named makes a name of workload and metric.

    aarch64 shmem-write pgfault, patched: 2, expected 1 [C1]
    """
    lines = []
    for row in (e for e in report["expectations"] if e["verdict"] == Verdict.NOT_AS_EXPECTED):
        number = "{:+.2%}" if row["kind"] == Bound.CHANGE else "{:.4g}"
        measured = "nothing" if row["measured"] is None else number.format(row["measured"])
        bound = BOUNDS.get(row["kind"], "")
        claim = f" [{row['claim']}]" if row["claim"] else ""
        why = f" ({row['why']})" if "why" in row else ""
        lines.append(
            f"{row['arch']} {named(row['workload'], row['metric'])}, {' to '.join(kernels_of(row))}: "
            f"{measured}, expected {bound}{number.format(row['expected'])}{claim}{why}"
        )
    return lines


def unprofiled(report: MatrixReport) -> list[str]:
    """One line per reason: not profiled: s390x/patched/shmem-write: why."""
    places: dict[str, list[str]] = {}
    for row in report.get("unprofiled", ()):
        places.setdefault(row["why"], []).append(row["id"])
    return [f"not profiled: {', '.join(ids)}: {why}" for why, ids in places.items()]


def not_there(report: MatrixReport) -> list[str]:
    """One line per set of wished options: s390x/patched: not in this Linux or arch: CONFIG_A, CONFIG_B."""
    places: dict[tuple[str, ...], list[str]] = {}
    for build, info in report["kernels"].items():
        if lost := tuple(info.get("wished") or ()):
            places.setdefault(lost, []).append(build)
    return [
        f"{', '.join(builds)}: built without what this Linux does not have or take: {', '.join(options)}"
        for options, builds in places.items()
    ]


def footnotes(report: MatrixReport) -> list[tuple[str, str]]:
    """(line, tone) of what no table tells: which patch it was, what it was measured with, what of the change is
    there, and ran, what differs before anything runs, notes on workloads, what is not as expected, cells without an
    account."""
    again = [("to try again: kmatrix profile RUN", "plain")] if without_account(report) else []
    tone = "bad" if silent(report) else "plain"
    return [
        *((line, "plain") for line in taken.lines(report)),
        *((line, "plain") for line in chosen.of_report(report)),
        *change_lines(report),
        *((line, tone) for line in reach.lines(report)),
        *static.lines(report),
        *findings.lines(report),
        *((f"{name}: {note}", "plain") for name, note in report["notes"].items()),
        *((line, "plain") for line in lacking(report)),
        *((f"{WORDS[Verdict.NOT_AS_EXPECTED]}: {line}", "bad") for line in unexpected(report)),
        *((line, "bad") for line in unprofiled(report)),
        *((line, "plain") for line in not_there(report)),
        *again,
    ]


def summary(report: MatrixReport) -> str:
    """6 cells: 6 passed; 12 of 12 expectations hold."""
    total = len(report["cells"])
    states: dict[str, int] = {}
    for cell in report["cells"]:
        states[cell["status"]] = states.get(cell["status"], 0) + 1
    parts = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in states.items())
    held = sum(e["verdict"] == Verdict.AS_EXPECTED for e in report["expectations"])
    lost = sum(e["verdict"] == Verdict.MISSING for e in report["expectations"])
    claims = f"; {held} of {len(report['expectations'])} expectations hold" if report["expectations"] else ""
    claims += f", {lost} cannot be answered" if lost else ""
    return f"{total} cells: {parts}{claims}"


def setting(report: MatrixReport) -> str:
    """Linux 6.1.192 · config standard · clock icount · accel tcg · 2 boots x 2 passes."""
    linux = ", ".join(sorted({c["linux"] for c in report["cells"] if c["linux"]}))
    configs = ", ".join(sorted({c["config"] for c in report["cells"] if "config" in c}))
    accel = ", ".join(sorted({c["accel"] for c in report["cells"] if c["accel"]}))
    measure = report["measure"]
    clock = measure.get("clock", "")
    trust = " (wall times under TCG are indicative only)" if clock == "wall" and "tcg" in accel else ""
    config = f" · config {configs}" if configs else ""
    return (
        f"Linux {linux or '?'}{config} · clock {clock}{trust} · accel {accel or '?'} · "
        f"{measure.get('boots')} boots x {measure.get('passes')} passes"
    )
