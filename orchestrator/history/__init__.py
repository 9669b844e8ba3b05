# SPDX-License-Identifier: GPL-2.0-or-later
"""What was measured over time: every run is recorded when it ends, and lines are drawn through what may be joined."""
