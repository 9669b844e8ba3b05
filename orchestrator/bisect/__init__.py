# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of several changes in a row moved a figure: of a git tree's commits, or of a series' patches."""
