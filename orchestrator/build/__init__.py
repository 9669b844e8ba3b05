# SPDX-License-Identifier: GPL-2.0-or-later
"""From sources to bootable things: kernels, guest tools, the guest image."""
