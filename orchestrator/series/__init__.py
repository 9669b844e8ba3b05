# SPDX-License-Identifier: GPL-2.0-or-later
"""Patches come in: mboxes, series, diffs, git ranges and threads, and the source that they are for."""
