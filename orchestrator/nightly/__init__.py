# SPDX-License-Identifier: GPL-2.0-or-later
"""Every night: what changed is measured, held against the nights before, and told."""

from pathlib import Path

DATA = Path(__file__).parent / "data"  # a folder of files for each thing that can start it
