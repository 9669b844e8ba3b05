# SPDX-License-Identifier: GPL-2.0-or-later
"""Accounts of instructions: by function, line and call path, of one cell and of two side by side. Pure."""
