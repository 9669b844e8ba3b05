# SPDX-License-Identifier: GPL-2.0-or-later
"""Executors: where builds and boots take place. One file each; local is this machine."""
