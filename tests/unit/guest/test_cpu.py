# SPDX-License-Identifier: GPL-2.0-or-later
"""CPU models that QEMU does not take, or not all of; in the words of a QEMU that is not one."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator import arches
from orchestrator.errors import ConfigError
from orchestrator.guest import cpu
from orchestrator.model import Arch

QEMU = """\
#!/bin/sh
name=${0##*/}
echo "$name: warning: the machine has no cap-cfpc" >&2
echo "QEMU 7.2 monitor"
for word in "$@"; do last=$this; this=$word; test "$last" = -cpu && model=$word; done
case $model in
    small)
        echo "$name: warning: TCG does not support: erms [bit 9]" >&2
        echo "$name: warning: TCG does not support: fsrm [bit 4]" >&2 ;;
    none) echo "$name: unable to find CPU model 'none'" >&2; exit 1 ;;
    dies) exit 127 ;;
esac
read line && test "$line" = quit
"""


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Arch:
    (tmp_path / "qemu-x").write_text(QEMU)
    (tmp_path / "qemu-x").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return replace(arches.known()["s390x"], qemu="qemu-x")


def asked(*those: Arch) -> dict[str, list[str]]:
    return asyncio.run(cpu.check(those, "tcg"))


def with_model(arch: Arch, name: str, model: str) -> Arch:
    return replace(arch, name=name, cpu={"tcg": model, "kvm": "host"})


def test_what_is_not_emulated_is_told_once(one: Arch) -> None:
    assert asked(with_model(one, "a", "fine"), with_model(one, "b", "small")) == {
        "a": [], "b": ["TCG does not support: erms [bit 9], fsrm [bit 4]"],
    }  # fmt: skip


def test_every_model_that_is_refused_is_told_in_qemus_words_and_what_to_do(one: Arch) -> None:
    with pytest.raises(ConfigError) as caught:
        asked(with_model(one, "a", "none"), with_model(one, "b", "small"), with_model(one, "c", "none"))
    said = "qemu-x does not start with the CPU none: unable to find CPU model 'none'"
    assert caught.value.message.splitlines() == [said, said]
    assert "qemu-x -cpu help" in caught.value.hint and caught.value.exit_code == 2


def test_what_is_no_answer_is_left_to_the_boots(one: Arch) -> None:
    """A QEMU that is not there, or that ends without a word: an arch's own failure, told with its cells."""
    assert asked(with_model(one, "a", "dies"), replace(one, name="b", qemu="qemu-nowhere")) == {"a": [], "b": []}
