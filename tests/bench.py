# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the time goes: the figures that the README quotes, measured here and now.

python tests/bench.py           warm: the caches as they are (filled first if need be)
python tests/bench.py --cold    also from nothing, in a cache of its own (about 10 minutes on 2 cores)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[1]
PATCH = """\
--- a/mm/memory.c
+++ b/mm/memory.c
@@ -{line},3 +{line},4 @@
 {before}
+	barrier(); /* {unique} */
 {middle}
 {after}
"""


def kmatrix(*arguments: str | Path, env: dict[str, str] | None = None) -> tuple[float, list[dict[str, Any]]]:
    """Seconds and events of a command that must succeed."""
    start = time.monotonic()
    command = [sys.executable, "-m", "orchestrator", *map(str, arguments), "--json"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "KMATRIX_HISTORY": "none", **(env or {})},
    )
    seconds = time.monotonic() - start
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout[-2000:]}{done.stderr}")
    return seconds, [json.loads(row) for row in done.stdout.splitlines()]


def row(what: str, seconds: float, target: float, note: str = "") -> None:
    """One figure, its target beside it."""
    print(f"{what:<58} {seconds:7.1f} s   (target {target:.0f} s) {note}", flush=True)


def stages(events: list[dict[str, Any]], stage: str) -> dict[str, float]:
    """{subject: seconds} of a stage's ends."""
    return {e["subject"]: e["seconds"] for e in events if e["kind"] == "done" and e["stage"] == stage}


def one_line_patch(folder: Path) -> Path:
    """A patch that no cache has seen: one line into the shared write fault."""
    source = next(Path(p) for p in sorted(cache().glob("sources/*/mm/memory.c")))
    lines = source.read_text().splitlines()
    at = next(i for i, text in enumerate(lines) if "fpin = maybe_unlock_mmap_for_io(vmf, NULL);" in text)
    text = PATCH.format(
        line=at + 1, before=lines[at], middle=lines[at + 1], after=lines[at + 2], unique=time.time_ns()
    )
    path = folder / "one-line.patch"
    path.write_text(text)
    return path


def cache() -> Path:
    """The cache that the command uses."""
    from orchestrator.store import cache_root

    return cache_root()


def run(folder: Path, name: str, env: dict[str, str] | None = None) -> tuple[float, list[dict[str, Any]]]:
    """The shipped matrix into a folder of its own."""
    return kmatrix("run", "--fresh", "--out", folder / name, env=env)


def results(folder: Path, run_name: str, arch: str = "*") -> list[dict[str, Any]]:
    """All boots of a run."""
    return [json.loads(p.read_text()) for p in sorted(folder.glob(f"{run_name}/cells/{arch}/*/*/boot-*/result.json"))]


def warm(folder: Path) -> None:
    """The figures of caches that are filled."""
    run(folder, "fill")
    seconds, events = run(folder, "warm")
    cells = len({e["subject"] for e in events if e["kind"] == "cell"})
    built = f"{len(stages(events, 'build'))} builds"
    row(f"kmatrix run, nothing changed: {cells} cells x 2 boots", seconds, 45, built)
    for arch in json.loads((folder / "warm/host.json").read_text())["qemu"]:
        boots = results(folder, "warm", arch)
        row(f"  {arch}: from snapshot to result (median)", median(sum(b["seconds"].values()) for b in boots), 12)
    least = least_possible(folder, seconds)
    row("  the counted instructions alone, at the emulator's speed", least, seconds, f"{least / seconds:.0%} of it")
    boot_times(folder)
    rebuild(folder)


def least_possible(folder: Path, seconds: float) -> float:
    """Seconds that the warm run's counted passes take on all cores if nothing else is done.

    The emulator's speed is what a further pass in a running guest costs: three passes against one.
    """
    kmatrix("run", "--fresh", "--boots", "1", "--passes", "3", "--out", folder / "three")
    speeds: dict[str, float] = {}
    total = 0.0
    for one in results(folder, "warm"):
        same = (b for b in results(folder, "three") if (b["kernel_key"], b["number"]) == (one["kernel_key"], 0))
        if one["number"] or not (three := next(same, None)):
            continue
        cost = (three["seconds"]["measure"] - one["seconds"]["measure"]) / 2
        count = one["passes"][one["warmup"]]["values"]["time"] * 1000  # instructions: 1 ns each
        speeds[one["command"][0]] = count / cost / 1e6
        total += 2 * cost
    for program, speed in speeds.items():
        print(
            f"    {program}: {speed:.0f} million instructions a second, the guest's whole pass around them included"
        )
    return total / (os.cpu_count() or 1)


def boot_times(folder: Path) -> None:
    """Without snapshots: each guest boots."""
    matrix = folder / "boots.yaml"
    text = (ROOT / "matrix.yaml").read_text().replace("images/", f"{ROOT}/images/")
    matrix.write_text(text.replace("  boots: 2 ", "  snapshots: false\n  boots: 2 "))
    kmatrix("run", "--fresh", "--config", matrix, "--select", "*/patched", "--boots", "1", "--out", folder / "boots")
    for path in sorted((folder / "boots/cells").iterdir()):
        (boot,) = results(folder, "boots", path.name)
        row(f"{path.name}: boot to SSH ready", boot["seconds"]["boot"] + boot["seconds"]["login"], 3)


def rebuild(folder: Path) -> None:
    """One line of a patch changed: all that is not to be built again is not."""
    path = one_line_patch(folder)
    matrix = folder / "matrix.yaml"
    text = (ROOT / "matrix.yaml").read_text().replace("images/", f"{ROOT}/images/")
    text = text.replace("  patched:\n", f"  bench:\n    source: debian-6.1\n    patches: [{path}]\n  patched:\n", 1)
    matrix.write_text(text)
    seconds, events = kmatrix("build", "--config", matrix, "--select", "*/bench")
    row("a one-line change in mm/memory.c: three kernels rebuilt", seconds, 60)
    for subject, part in stages(events, "build").items():
        row(f"  {subject}", part, 20)


def cold(folder: Path) -> None:
    """From an empty cache."""
    seconds, events = run(folder, "cold", {"KMATRIX_CACHE": str(folder / "cache")})
    row("kmatrix run, nothing there yet", seconds, 480)
    for subject, part in stages(events, "build").items():
        row(f"  build {subject}", part, 150)
    first = next(e["time"] for e in events if e["kind"] == "cell")
    row("  first cell's result after", first - events[0]["time"], 300)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="kmatrix-bench-") as name:
        if "--cold" in sys.argv:
            cold(Path(name))
        warm(Path(name))
