# SPDX-License-Identifier: GPL-2.0-or-later
"""JUnit XML, as CI systems read it: one suite per arch; cells, comparisons and expectations are its cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree as xml

from orchestrator.report import PLAIN, Telling
from orchestrator.report.parts import taken
from orchestrator.report.parts.cases import Case, Outcome, cases, grouped, xml_text
from orchestrator.runs.run import Run

_TAGS = {Outcome.FAILED: "failure", Outcome.ERROR: "error", Outcome.SKIPPED: "skipped"}


def RENDER(run: Run, telling: Telling = PLAIN) -> str:
    """The file's text."""
    every = cases(run.report)
    root = xml.Element("testsuites", {"name": "kmatrix", **_counts(every)})
    for arch, mine in grouped(every, lambda case: case.arch).items():
        suite = xml.SubElement(root, "testsuite", {"name": xml_text(arch), **_counts(mine)})
        if said := taken.lines(run.report):
            entries = xml.SubElement(suite, "properties")
            for line in said:
                xml.SubElement(entries, "property", name="kmatrix.patch", value=xml_text(line))
        for case in mine:
            _add(suite, case)
    xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def _counts(found: Sequence[Case]) -> dict[str, str]:
    ended = Counter(case.outcome for case in found)
    return {
        "tests": str(len(found)),
        "failures": str(ended[Outcome.FAILED]),
        "errors": str(ended[Outcome.ERROR]),
        "skipped": str(ended[Outcome.SKIPPED]),
    }


def _add(suite: xml.Element, case: Case) -> None:
    place = f"kmatrix.{case.arch}.{case.workload}.{case.kind}"
    entry = xml.SubElement(suite, "testcase", classname=xml_text(place), name=xml_text(case.name))
    if case.outcome is Outcome.PASSED:
        if case.message:
            xml.SubElement(entry, "system-out").text = xml_text(case.message)
        return
    why = xml.SubElement(entry, _TAGS[case.outcome], message=xml_text(case.message))
    if case.outcome is not Outcome.SKIPPED:
        why.set("type", xml_text(case.what))
        why.text = xml_text(case.log) or None
