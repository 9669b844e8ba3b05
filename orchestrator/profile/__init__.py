# SPDX-License-Identifier: GPL-2.0-or-later
"""Where instructions went: counts by address, symbols, and the account by function. Pure."""
