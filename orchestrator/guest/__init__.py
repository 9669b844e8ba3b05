# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests: command line, life cycle over QMP, console, shell."""
