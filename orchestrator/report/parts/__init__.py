# SPDX-License-Identifier: GPL-2.0-or-later
"""What the formats are put together from; no format itself."""
