# SPDX-License-Identifier: GPL-2.0-or-later
"""From cells to comparisons, expectations and the matrix. Pure: no clock, disk or network."""
