# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest fixture in use: here, and in pytest runs of others, whose kernels break, hang and do not compile."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest

from orchestrator.errors import BuildError, TimedOut
from orchestrator.testing import Guest
from tests.boot.conftest import SMALL, Kmatrix, alive, children, emulators, small_path, until

HELLO = """\
#include <stdio.h>
#include <sys/utsname.h>
int main(void)
{
	struct utsname name;
	uname(&name);
	printf("%s %s\\n", name.machine, name.release);
	fprintf(stderr, "grüße\\n");
	return 3;
}
"""
MAPS_SHMEM = """\
#include <sys/mman.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	volatile char *p = mmap(0, 8 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (argc > 1)
		sleep(1);
	for (int page = 0; page < 2048; page++)
		p[page * 4096L] = 1;
	return 0;
}
"""
BROKEN = """\
  oopses: {source: debian-6.1, patches: [patches/oopses.patch]}
  panics: {source: debian-6.1, patches: [patches/panics.patch]}
  no-apply: {source: debian-6.1, patches: [patches/no-apply.patch]}
"""
TEXT = SMALL.replace("measure:", f"{BROKEN}measure:")
ONE = 'import pytest\n@pytest.mark.kmatrix("*/{}")\ndef test_one(guest):\n    {}\n'


@pytest.mark.kmatrix("*/patched")
def test_a_guest_is_what_its_id_says_and_sealed_off(guest: Guest) -> None:
    assert guest.run("uname -m").stdout.strip() == guest.arch
    assert guest.run("uname -r").stdout.startswith(guest.linux) and guest.kernel == "patched"
    assert guest.run("grep -c ^processor /proc/cpuinfo").stdout == "1\n"  # and memory: as matrix.yaml has them
    assert 900_000 < int(guest.run("awk '/MemTotal/ { print $2 }' /proc/meminfo").stdout) < 1024 * 1024
    route = guest.run("ip route")
    assert route.code == 0 and "10.0.2.0/24" in route.stdout and "default" not in route.stdout
    assert "kmatrix: ready" in guest.console
    told = "Speculative Return Stack Overflow"  # what this CPU has, and no microcode: Debian's kernel warns of it
    lines = [line for line in guest.console.splitlines() if told not in line]
    for word in ("WARNING", "BUG", "module", "taint", "Call trace", "Call Trace"):
        assert not [line for line in lines if word in line]


@pytest.mark.kmatrix("*/patched", shared=True)
def test_a_guest_reaches_no_port_of_the_host(guest: Guest) -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
        tried = guest.run(f"echo hello | nc -w 3 10.0.2.2 {port}", timeout=60)
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert tried.code != 0 and "applet not found" not in tried.stderr, tried


@pytest.mark.kmatrix("*/patched", shared=True)
def test_a_c_file_runs_in_the_guest(guest: Guest, tmp_path: Path) -> None:
    (tmp_path / "hello.c").write_text(HELLO)
    done = guest.run(guest.compile(tmp_path / "hello.c"))
    machine, release = done.stdout.split()
    assert (done.code, machine, done.stderr) == (3, guest.arch, "grüße\n") and release.startswith(guest.linux)
    guest.run("touch /tmp/left-behind")


@pytest.mark.kmatrix("*/patched", shared=True)
def test_the_guest_of_the_test_before_when_shared(guest: Guest, tmp_path: Path) -> None:
    (tmp_path / "script").write_text("#!/bin/sh\ncat\n")
    guest.push(tmp_path / "script", "/tmp/script")
    assert guest.run('ls /tmp/left-behind && echo "it\'s" | /tmp/script').stdout == "/tmp/left-behind\nit's\n"


@pytest.mark.kmatrix("*/patched", shared=True)
def test_what_a_guest_prints_while_the_test_does_other_things_is_read(guest: Guest) -> None:
    loop = 'for n in $(seq 1 400); do echo "<3>number $n of what is read" >/dev/kmsg; done'
    guest.run(f"(sleep 1; {loop}; touch /tmp/printed) >/dev/null 2>&1 &")
    time.sleep(4)  # nothing is called meanwhile; what nobody reads, QEMU drops or makes the guest wait for
    until(lambda: guest.run("ls /tmp/printed").code == 0)
    numbers = [int(row.split()[-5]) for row in guest.console.splitlines() if row.endswith(" of what is read")]
    assert numbers == list(range(1, 401))


@pytest.mark.kmatrix("aarch64/patched")
def test_a_timeout_leaves_the_guest_usable(guest: Guest, tmp_path: Path) -> None:
    with pytest.raises(TimedOut, match=r"the guest did not finish 'sleep 60' within 0\.5 s"):
        guest.run("sleep 60", timeout=0.5)
    assert guest.run("ls /tmp/left-behind").code == 1  # a guest of its own
    (tmp_path / "wrong.c").write_text("int main(void) { return no_such_name; }\n")
    with pytest.raises(BuildError, match=r"wrong does not compile for aarch64: .*no_such_name"):
        guest.compile(tmp_path / "wrong.c")


def test_an_oops_fails_the_test_and_shows_the_console(kmatrix: Kmatrix) -> None:
    (kmatrix.folder / "maps.c").write_text(MAPS_SHMEM)
    body = 'p = guest.compile("maps.c")\n    guest.run(p)\n    assert False, "not reached"'
    done = kmatrix.pytest(TEXT, ONE.format("oopses", body))
    assert done.code == 1 and "1 failed" in done.out and "1 error" not in done.out, done.out + done.err
    assert "KernelBroke: the kernel broke: Unable to handle kernel" in done.out and "not reached" not in done.err
    last = done.out.partition("Guest console aarch64/oopses")[2]
    assert "shmem_fault" in last and "Kernel panic - not syncing: Oops: Fatal exception" in last
    console = Path(done.out.partition("the whole console is in ")[2].split()[0])
    assert "kmatrix: ready" in console.read_text() and "shmem_fault" in console.read_text()
    for internal in ("orchestrator/", "asyncio/", "Traceback", "During handling"):
        assert internal not in done.out


def test_an_oops_that_nobody_waits_for_fails_the_test_all_the_same(kmatrix: Kmatrix) -> None:
    """In the background, while the test does other things; or swallowed by the test."""
    (kmatrix.folder / "maps.c").write_text(MAPS_SHMEM)
    swallowed = "try:\n        guest.run(p)\n    except Exception:\n        pass"
    behind = 'guest.run(f"{p} later >/dev/null 2>&1 &")\n    import time; time.sleep(6)'
    second = ONE.format("oopses", f'p = guest.compile("maps.c")\n    {behind}').partition("\n")[2]
    tests = ONE.format("oopses", f'p = guest.compile("maps.c")\n    {swallowed}') + second.replace("_one", "_two")
    done = kmatrix.pytest(TEXT, tests)
    assert done.code == 1 and "2 passed, 2 errors" in done.out, done.out + done.err
    for test in ("test_one", "test_two"):
        told = done.out.partition(f"ERROR at teardown of {test}[aarch64/oopses]")[2]
        assert told.splitlines()[1].startswith("error: the kernel broke: Unable to handle kernel")
        assert "Guest console aarch64/oopses" in told


def test_a_shared_guest_that_broke_fails_the_test_that_broke_it_and_those_after(kmatrix: Kmatrix) -> None:
    (kmatrix.folder / "maps.c").write_text(MAPS_SHMEM)
    tests = """\
        import pytest
        pytestmark = pytest.mark.kmatrix("*/oopses", shared=True)
        def test_good(guest): assert guest.run("true").code == 0
        def test_breaks(guest): guest.run(guest.compile("maps.c"))
        def test_after(guest): guest.run("true")
        """
    done = kmatrix.pytest(TEXT, "\n".join(row.strip() for row in tests.splitlines()), "-rA")
    assert done.code == 1 and "PASSED test_it.py::test_good[aarch64/oopses]" in done.out, done.out + done.err
    for test in ("test_breaks", "test_after"):
        assert f"FAILED test_it.py::{test}[aarch64/oopses]" in done.out
    assert "2 failed, 1 passed in" in done.out and done.out.count(": KernelBroke\n") == 2


def test_a_guest_that_does_not_boot_is_an_error_in_words(kmatrix: Kmatrix) -> None:
    done = kmatrix.pytest(TEXT, ONE.format("panics", "pass"))
    assert done.code == 1 and "1 error" in done.out, done.out + done.err
    assert "error: the kernel broke: Kernel panic - not syncing: kmatrix test: panic at boot" in done.out
    assert "Call trace:" in done.out and "next: the whole console is in" in done.out
    assert "Traceback" not in done.out and "orchestrator/" not in done.out and "During handling" not in done.out


def test_a_kernel_that_does_not_build_is_told_with_the_reason_and_tried_once(kmatrix: Kmatrix) -> None:
    second = ONE.format("no-apply", "pass").partition("\n")[2].replace("_one", "_two")
    done = kmatrix.pytest(TEXT, ONE.format("no-apply", "pass") + second)
    assert done.code == 1 and "2 errors" in done.out, done.out + done.err
    report, _, _ = done.out.partition("short test summary info")  # which has the whole message where CI is set
    assert report.count("error: no-apply.patch does not apply: hunk #1 of mm/memory.c fails at line 3063") == 2
    assert done.out.count("kmatrix builds aarch64/no-apply") == 1 and "rebase the patch on this source" in done.out


def test_a_kernel_that_does_not_compile_is_told_with_the_compilers_words(kmatrix: Kmatrix) -> None:
    text = TEXT.replace("[aarch64]", "[s390x]").replace("no-apply", "s390-only")
    done = kmatrix.pytest(text, ONE.format("s390-only", "pass"))
    assert done.code == 1 and "1 error" in done.out, done.out + done.err
    assert "arch/s390/mm/fault.c:451" in done.out and "no_such_name" in done.out and "Traceback" not in done.out


def test_a_timeout_and_a_failed_assertion_show_the_console(kmatrix: Kmatrix) -> None:
    second = ONE.format("patched", 'assert guest.run("false").code == 0').partition("\n")[2].replace("_one", "_two")
    done = kmatrix.pytest(TEXT, ONE.format("patched", 'guest.run("sleep 60", timeout=2)') + second)
    assert done.code == 1 and "2 failed" in done.out and "error" not in done.out.splitlines()[-1], done.out
    assert "TimedOut: the guest did not finish 'sleep 60' within 2 s" in done.out
    assert done.out.count("Guest console aarch64/patched") == 2 and done.out.count("kmatrix: ready") >= 2


def test_a_host_without_the_emulator_is_an_error_not_a_skip(kmatrix: Kmatrix, tmp_path: Path) -> None:
    path = small_path(tmp_path / "bin", without="qemu-system-aarch64")
    done = kmatrix.pytest(TEXT, ONE.format("patched", "pass"), env={"PATH": path})
    assert done.code == 1 and "1 error" in done.out and "skipped" not in done.out, done.out + done.err
    assert "error: qemu-system-aarch64 is not installed" in done.out and "next: kmatrix doctor names" in done.out


def test_a_guest_that_hangs_after_the_test_is_an_error(kmatrix: Kmatrix) -> None:
    body = "import os, signal; guest._running.cpu_seconds(); os.kill(guest._running._pid, signal.SIGSTOP)"
    text = TEXT.replace("ready: 40, work: 60", "ready: 15, stop: 1")
    done = kmatrix.pytest(text, ONE.format("patched", body))
    assert done.code == 1 and "1 passed, 1 error" in done.out, done.out + done.err
    assert "error: the guest did not answer within 15 s" in done.out


@pytest.mark.parametrize(
    ("number", "when"),
    [
        (signal.SIGINT, "boot"),
        (signal.SIGTERM, "call"),
        (signal.SIGKILL, "between"),
        *(
            pytest.param(number, when, marks=pytest.mark.night)
            for number, whens in (
                (signal.SIGINT, ("call", "between")),
                (signal.SIGTERM, ("boot", "between")),
                (signal.SIGKILL, ("boot", "call")),
            )
            for when in whens
        ),
    ],
)
def test_an_ended_pytest_leaves_no_guest(kmatrix: Kmatrix, number: signal.Signals, when: str) -> None:
    body = "import time; time.sleep(100)" if when == "between" else 'guest.run("sleep 100")'
    process = kmatrix.start_pytest(TEXT, ONE.format("patched", body))
    until(lambda: emulators(process.pid))
    if when != "boot":
        console = until(lambda: list(kmatrix.folder.glob("tmp/*/console.log")))[0]
        until(lambda: "kmatrix: ready" in console.read_text())
        time.sleep(1)
    below = list(children(process.pid))
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    until(lambda: not any(alive(pid) for pid in below), 10)
    assert process.returncode == (2 if number is signal.SIGINT else -number), out
