# SPDX-License-Identifier: GPL-2.0-or-later
"""python -m orchestrator is kmatrix."""

from orchestrator.cli import main

main()
