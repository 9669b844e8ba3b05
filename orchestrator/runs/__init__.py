# SPDX-License-Identifier: GPL-2.0-or-later
"""A run on disk: its folder, what it was asked for and made of, its results, and which run it is."""
