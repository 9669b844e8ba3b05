# SPDX-License-Identifier: GPL-2.0-or-later
"""Every night: what changed is measured, held against the nights before, and told."""
