# SPDX-License-Identifier: GPL-2.0-or-later
"""What is asked for: matrix.yaml to Matrix and back, workloads and users' programs, and the plan of a run."""
