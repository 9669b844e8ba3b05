# SPDX-License-Identifier: GPL-2.0-or-later
"""What checkpatch.pl prints, as it was printed."""

from orchestrator.build.style import checkpatch
from orchestrator.build.variants import Said

TEXT = """mm/msync.c:66: ERROR:SPACING: spaces required around that '=' (ctx:VxV)
mm/msync.c:67: WARNING:LONG_LINE: line length of 123 exceeds 100 columns
:130: WARNING:COMMIT_LOG_LONG_LINE: Possible unwrapped commit description (prefer a maximum 75 chars per line)
mm/userfaultfd.c:136: ERROR:MISSING_SIGN_OFF: Missing Signed-off-by: line(s)
No typos will be found - file '/source/scripts/spelling.txt': No such file or directory
"""


def test_each_has_its_place_and_what_is_about_the_letter_the_patch_s_name() -> None:
    one = "ERROR: spaces required around that '=' (ctx:VxV) (SPACING)"
    other = "WARNING: line length of 123 exceeds 100 columns (LONG_LINE)"
    assert checkpatch(TEXT, "0001.patch")[:2] == (
        Said("warning", "mm/msync.c", 66, one),
        Said("warning", "mm/msync.c", 67, other),
    )
    assert [(said.file, said.line) for said in checkpatch(TEXT, "0001.patch")[2:]] == [("0001.patch", 0)] * 2


def test_the_same_said_twice_is_said_once() -> None:
    assert len(checkpatch(TEXT + TEXT, "0001.patch")) == 4
