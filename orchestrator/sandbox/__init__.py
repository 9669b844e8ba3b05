# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs sealed off: builds, and the QEMU of a guest, of what nobody vouches for."""
