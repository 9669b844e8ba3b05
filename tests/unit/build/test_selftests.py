# SPDX-License-Identifier: GPL-2.0-or-later
"""What make printed of tests that cannot be made, and which changes make others."""

import asyncio
from pathlib import Path

import pytest

from orchestrator.build.selftests import _as_shown, concerns, missing

LOG = """s390x-linux-gnu-gcc -Wall memfd_secret.c -lrt -lpthread -lcap -o /b/selftests/memfd_secret
memfd_secret.c:16:10: fatal error: sys/capability.h: No such file or directory
   16 | #include <sys/capability.h>
compilation terminated.
make: *** [../lib.mk:155: /b/selftests/memfd_secret] Error 1
/usr/lib/gcc-cross/s390x-linux-gnu/12/../../../../bin/ld: cannot find -lnuma: No such file or directory
collect2: error: ld returned 1 exit status
make: *** [../lib.mk:155: /b/selftests/migration] Error 1
make: Target 'all' not remade because of errors.
make: *** [Makefile:159: all] Error 2
"""


def test_each_is_named_with_its_first_error() -> None:
    assert missing(LOG) == {
        "memfd_secret": "sys/capability.h: No such file or directory",
        "migration": "cannot find -lnuma: No such file or directory",
    }


@pytest.mark.parametrize(
    ("file", "does"),
    [
        ("tools/testing/selftests/vm/mremap_test.c", True),
        ("include/uapi/linux/mman.h", True),
        ("arch/x86/include/uapi/asm/mman.h", True),
        ("mm/gup_test.h", True),
        ("include/linux/mm.h", False),
        ("mm/mremap.c", False),
    ],
)
def test_a_patch_of_the_kernel_alone_shares_the_base_s_programs(file: str, does: bool) -> None:
    assert concerns(file) is does


def test_its_own_folder_can_be_written_and_is_as_the_patches_leave_it(tmp_path: Path) -> None:
    pristine, new, changed = tmp_path / "mm", tmp_path / "folders/1", tmp_path / "files/cow.c"
    for path, text in (
        (pristine / "cow.c", "old"),
        (pristine / "vm.h", "header"),
        (new / "t.c", "new"),
        (changed, "x"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    seen = Path("/source/tools/mm")
    shown = {Path("/pristine"): Path("/source"), new: seen / "more", changed: seen / "cow.c"}
    asyncio.run(_as_shown(pristine, shown, seen, tmp_path / "copy"))
    found = {str(path.relative_to(tmp_path / "copy")): path.read_text() for path in (tmp_path / "copy").rglob("*.*")}
    assert found == {"cow.c": "x", "vm.h": "header", "more/t.c": "new"}
    assert (pristine / "cow.c").read_text() == "old"
