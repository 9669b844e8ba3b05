# SPDX-License-Identifier: GPL-2.0-or-later
"""What a report says of a config that followed a patch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.model import CellResult, Failure
from orchestrator.report import html, kcidb, mail, markdown, terminal
from orchestrator.report.parts.needed import needed_lines, options_of, titled
from orchestrator.report.parts.reach import by_arch, sentence
from orchestrator.runs.run import Run
from tests.unit.analyse.test_needed import WITH, broken, needed, passing, report
from tests.unit.conftest import NEW, cell

OWN = ("patched", "patched+CONFIG_NEW")


def does_not_compile(kernel: str) -> CellResult:
    where = f"s390x/{kernel} does not compile: mm/swapfile.c:7:2: error: no"
    return replace(broken(kernel), failure=Failure("compile", where, "the whole log: x", "mm/swapfile.c:7"))


def test_kernels_that_have_an_option_are_named_with_it() -> None:
    kernels = "unpatched+CONFIG_SWAP and patched+CONFIG_SWAP"
    assert needed_lines(report(*passing())) == [
        f"CONFIG_SWAP is on in {kernels} on s390x: their figures are of that config"
    ]
    two = report(*passing(), rows=[needed(), needed("CONFIG_ZSWAP")])
    assert needed_lines(two)[0].startswith("CONFIG_SWAP and CONFIG_ZSWAP are on in")
    own = report(cell("s390x", OWN[1], NEW), rows=[needed("CONFIG_NEW", OWN, own=True)], pairs=[OWN])
    assert needed_lines(own) == [
        "CONFIG_NEW, which the change adds, is on in patched+CONFIG_NEW alone on s390x: it is compared with patched"
    ]


def test_what_cannot_be_had_is_named_with_the_reason() -> None:
    lost = needed("CONFIG_X", (None, None), "depends on PCI, which is not there")
    both = report(rows=[lost, {**lost, "arch": "x86_64"}], pairs=[])
    said = "CONFIG_X cannot be had on s390x and x86_64: depends on PCI, which is not there"
    assert needed_lines(both) == [said]
    for render in (terminal.RENDER, markdown.RENDER, mail.RENDER, html.RENDER):
        assert said in " ".join(render(Run(both)).split())


def test_what_does_not_compile_with_it_is_told_with_its_line() -> None:
    lines = needed_lines(report(cell("s390x", WITH[0], NEW), does_not_compile(WITH[1])))
    assert lines[1:] == ["with CONFIG_SWAP it does not compile on s390x: mm/swapfile.c:7:2: error: no"]


def test_of_a_base_that_fails_with_it_the_change_is_not_blamed() -> None:
    lines = needed_lines(report(does_not_compile(WITH[0]), does_not_compile(WITH[1])))
    assert lines[1:] == [
        "with CONFIG_SWAP unpatched itself does not compile on s390x: mm/swapfile.c:7:2: error: no: "
        "that says nothing of the change"
    ]


@pytest.mark.parametrize("render", [terminal.RENDER, markdown.RENDER, mail.RENDER, html.RENDER])
def test_figures_are_told_to_be_of_that_config(render: type[str]) -> None:
    text = " ".join(render(Run(report(*passing()))).split())
    assert "CONFIG_SWAP is on in unpatched+CONFIG_SWAP and patched+CONFIG_SWAP" in text
    assert "the changed line ran." in text


def test_tables_have_short_heads_and_the_options_above() -> None:
    found = report(*passing())
    assert titled(found, *WITH) == (", with CONFIG_SWAP", "unpatched", "patched")
    assert titled(found, "unpatched", "patched") == ("", "unpatched", "patched")
    text = terminal.RENDER(Run(found))
    assert "shmem-write, per page, with CONFIG_SWAP" in text and max(map(len, text.splitlines())) <= 120


def test_options_of_a_changes_own_kernel_are_its_bases_too() -> None:
    own = (WITH[1], "patched+CONFIG_SWAP+CONFIG_NEW")
    found = report(*passing(), cell("s390x", own[1], NEW), rows=[needed(), needed("CONFIG_NEW", own, own=True)])
    assert options_of(found, "s390x", own[1]) == ["CONFIG_SWAP", "CONFIG_NEW"]
    assert options_of(found, "s390x", WITH[1]) == ["CONFIG_SWAP"] and options_of(found, "s390x", "patched") == []
    assert titled(found, *own) == (", with CONFIG_SWAP and CONFIG_NEW", WITH[1], "with CONFIG_NEW")


def test_what_ran_is_told_over_all_and_by_config() -> None:
    found = report(*passing())
    assert sentence(found) == "the changed line ran"
    assert by_arch(found) == [
        "s390x, unpatched to patched: of the changed lines 1 not built",
        "s390x, unpatched+CONFIG_SWAP to patched+CONFIG_SWAP: of the changed lines 1 ran",
    ]


def test_a_mail_keeps_to_its_width_and_databases_take_the_names() -> None:
    text = mail.RENDER(Run(report(*passing())))
    assert max(map(len, text.splitlines())) <= 75 and "with CONFIG_SWAP" in text
    assert "patched+CONFIG_SWAP" in kcidb.RENDER(Run(report(*passing())))
