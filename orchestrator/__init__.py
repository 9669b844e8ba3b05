# SPDX-License-Identifier: GPL-2.0-or-later
"""kmatrix: what a kernel patch changes, on every architecture, in exact numbers."""

__version__ = "0.17.0"
