# SPDX-License-Identifier: GPL-2.0-or-later
"""JUnit, KTAP, KCIDB and b4's checks: valid, and as many cases as there are."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass
from xml.etree import ElementTree as xml

import pytest
from kcidb_io import schema

from orchestrator.report import b4check, junit, kcidb, ktap
from orchestrator.runs.run import Run
from tests.unit import conftest as reports


def count(name: str) -> int:
    report = reports.ALL[name]()
    return len(report["cells"]) + len(report["comparisons"]) + len(report["expectations"])


@pytest.mark.parametrize("name", reports.ALL)
def test_junit_counts_what_it_holds(name: str) -> None:
    root = xml.fromstring(junit.RENDER(Run(reports.ALL[name]())))
    every = root.findall("testsuite/testcase")
    assert len(every) == int(root.attrib["tests"]) == count(name)
    for suite in (root, *root.findall("testsuite")):
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[attribute]) == len(list(suite.iter(tag)))
    assert len({(case.attrib["classname"], case.attrib["name"]) for case in every}) == len(every)


def test_junit_tells_failure_error_and_skipped_apart() -> None:
    root = xml.fromstring(junit.RENDER(Run(reports.testbed())))
    ended = {f"{c.attrib['classname']} {c.attrib['name']}": c[0].tag for c in root.iter("testcase")}
    assert ended == {
        "kmatrix.x86_64.shmem-write.cell unpatched": "error",
        "kmatrix.x86_64.shmem-write.cell patched": "failure",
        "kmatrix.s390x.shmem-write.cell patched": "skipped",
    }
    broke = next(xml.fromstring(junit.RENDER(Run(reports.broken()))).iter("failure"))
    assert "<script>alert(1)</script>" in (broke.text or "") and broke.attrib["type"] == "panic"
    assert "look at the console" in broke.attrib["message"]
    worse = list(xml.fromstring(junit.RENDER(Run(reports.worse()))).iter("failure"))
    assert len(worse) == 3 and all(failure.attrib["message"].startswith("worse: ") for failure in worse)
    doubtful = xml.fromstring(junit.RENDER(Run(reports.doubtful())))
    assert doubtful.attrib["failures"] == "0" and doubtful.attrib["skipped"] == "4"


@dataclass
class Tap:
    """A test as KTAP tells it."""

    name: str
    ok: bool
    own: list[Tap]


def read_ktap(lines: list[str], depth: int = 0) -> list[Tap]:
    """Takes one level's lines off the front. AssertionError for what KTAP does not allow."""
    indent, planned = "  " * depth, -1
    found: list[Tap] = []
    own: list[Tap] = []
    assert lines.pop(0) == f"{indent}KTAP version 1"
    while len(found) != planned:
        if lines[0] == f"{indent}  KTAP version 1":
            own = read_ktap(lines, depth + 1)
        text = lines.pop(0).removeprefix(indent)
        assert text[0] != " ", text
        if plan := re.fullmatch(r"1\.\.(\d+)", text):
            assert planned < 0
            planned = int(plan[1])
        elif result := re.fullmatch(r"(not )?ok (\d+) ([^#]*?)(?: # (?:SKIP|ERROR)\b.*)?", text):
            assert int(result[2]) == len(found) + 1 and planned > 0
            found.append(Tap(result[3], not result[1], own))
            own = []
        else:
            assert text.startswith("# "), text
    return found


@pytest.mark.parametrize("name", reports.ALL)
def test_ktap_nests_as_its_document_says(name: str) -> None:
    lines = ktap.RENDER(Run(reports.ALL[name]())).splitlines()
    top = read_ktap(lines)
    assert lines == []
    workloads = [workload for arch in top for workload in arch.own]
    assert sum(len(workload.own) for workload in workloads) == count(name)
    assert all(parent.ok == all(test.ok for test in parent.own) for parent in (*top, *workloads))


def test_a_guest_starts_no_subtest_and_gives_no_directive() -> None:
    text = ktap.RENDER(Run(reports.broken()))
    assert [line.strip() for line in text.splitlines() if re.match(r" *# Subtest: ", line)] == [
        "# Subtest: aarch64", "# Subtest: shmem-write", "# Subtest: s390x", "# Subtest: shmem-write",
    ]  # fmt: skip
    assert re.search(r"^    # \| \[ +1\.0+\] Kernel panic", text, re.M)
    assert re.search(r"^    not ok 1 cell unpatched # ERROR ", ktap.RENDER(Run(reports.testbed())), re.M)


@pytest.mark.parametrize("name", reports.ALL)
def test_kcidb_is_valid(name: str) -> None:
    value = json.loads(kcidb.RENDER(Run(reports.ALL[name]())))
    schema.LATEST.validate(value)  # raises for what is not
    builds, checkouts = {b["id"] for b in value["builds"]}, {c["id"] for c in value["checkouts"]}
    assert all(test["build_id"] in builds or test["status"] == "MISS" for test in value["tests"])
    assert all(build["checkout_id"] in checkouts for build in value["builds"])
    ids = [entry["id"] for kind in ("checkouts", "builds", "tests") for entry in value[kind]]
    assert len(set(ids)) == len(ids)


def test_kcidb_says_who_failed() -> None:
    value = json.loads(kcidb.RENDER(Run(reports.broken())))
    shas = "".join(f"{sha}\n" for sha in ("ab" * 32, "cd" * 32))
    hashes = {c["comment"]: c["patchset_hash"] for c in value["checkouts"]}
    assert hashes == {"unpatched": "", "patched": hashlib.sha256(shas.encode()).hexdigest()}
    assert all(build["status"] == "PASS" for build in value["builds"])
    assert Counter(t["status"] for t in value["tests"] if t["path"] == "kmatrix.shmem-write") == {
        "PASS": 3,
        "FAIL": 1,
    }
    times = [t["number"] for t in value["tests"] if t["path"] == "kmatrix.shmem-write.time"]
    assert {"value": 469352.0, "unit": "us"} in times and len(times) == 3
    lost = json.loads(kcidb.RENDER(Run(reports.testbed())))
    failed = [build for build in lost["builds"] if build["status"] == "FAIL"]
    assert [build["architecture"] for build in failed] == ["x86_64"] and "Kernel panic" in failed[0]["log_excerpt"]
    assert [c["valid"] for c in lost["checkouts"] if c["comment"] == "patched"] == [False]
    assert {test["status"] for test in lost["tests"]} == {"MISS"}
    changed = json.loads(kcidb.RENDER(Run(reports.worse())))["tests"]
    assert sum(t["status"] == "FAIL" and t["path"].endswith(".change") for t in changed) == 3


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("good", {"kmatrix-aarch64": "pass", "kmatrix-s390x": "pass"}),
        ("worse", {"kmatrix-s390x": "fail"}),
        ("broken", {"kmatrix-aarch64": "pass", "kmatrix-s390x": "fail"}),
        ("testbed", {"kmatrix-x86_64": "fail", "kmatrix-s390x": "warn"}),
        ("doubtful", {"kmatrix-s390x": "warn"}),
        ("one_arch", {"kmatrix-x86_64": "pass", "kmatrix-aarch64": "pass", "kmatrix-s390x": "fail"}),
        ("unbuilt", {"kmatrix-aarch64": "warn", "kmatrix-s390x": "warn"}),
    ],
)
def test_b4_gets_a_column_an_architecture(name: str, said: dict[str, str]) -> None:
    found = json.loads(b4check.RENDER(Run(reports.ALL[name]())))
    assert {entry["tool"]: entry["status"] for entry in found} == said
    for entry in found:
        assert set(entry) == {"tool", "status", "summary", "details"}
        assert "\n" not in entry["summary"] and "Tested-by" not in entry["details"]
