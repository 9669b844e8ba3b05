# SPDX-License-Identifier: GPL-2.0-or-later
"""A boot of a cell to its result: guest, gate, snapshots, counted passes, retries, the profiled pass."""
