# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that start workers on clusters that are there: what they start is a command of ours."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from orchestrator import executors
from orchestrator.cli import app
from orchestrator.executors import machines

JOBS = Path(executors.__file__).parent / "jobs"


def parsed(words: list[str]) -> dict[str, Any]:
    """As the command line would be understood; click's own error for one that is not."""
    name, verb, *rest = words
    assert name == "kmatrix"
    group: Any = typer.main.get_command(app)
    context = group.make_context(name, [verb])
    found = group.get_command(context, verb)
    its: dict[str, Any] = found.make_context(verb, rest, parent=context).params
    return its


def test_a_deployment_starts_workers() -> None:
    its = yaml.safe_load((JOBS / "kubernetes.yaml").read_text())
    pod = its["spec"]["template"]
    (worker,) = pod["spec"]["containers"]
    assert its["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"]
    assert parsed(worker["command"])["file"] == Path("/join/join.json")
    mounts = {mount["name"]: mount["mountPath"] for mount in worker["volumeMounts"]}
    assert mounts["join"] == "/join" and {"name": "KMATRIX_CACHE", "value": mounts["cache"]} in worker["env"]
    assert {volume["name"] for volume in pod["spec"]["volumes"]} == set(mounts)
    assert pod["spec"]["automountServiceAccountToken"] is False


def test_a_job_of_slurm_starts_a_worker() -> None:
    text = (JOBS / "slurm.sh").read_text()
    assert re.findall(r"^exec (kmatrix worker) ", text, re.M) == ["kmatrix worker"]
    assert re.search(r"^#SBATCH --requeue$", text, re.M)


def test_a_worker_takes_what_its_container_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "cores", lambda: 64)
    monkeypatch.setattr(machines, "memory_mib", lambda: 500_000)
    monkeypatch.setattr("dask.system.CPU_COUNT", 8)
    monkeypatch.setattr("distributed.system.MEMORY_LIMIT", 10_000 << 20)
    assert machines.room(1) == (8, 9000)
    assert machines.room(3) == (2, 3000) and machines.room(20) == (1, 450)
