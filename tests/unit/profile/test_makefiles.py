# SPDX-License-Identifier: GPL-2.0-or-later
"""Which options a file of the source needs, by Makefiles as kernels have them."""

from __future__ import annotations

import pytest

from orchestrator.profile.makefiles import needs

FILES = {
    "Kbuild": "obj-y += init/ mm/ fs/ lib/ arch/$(SRCARCH)/\nobj-$(CONFIG_SAMPLES) += samples/\n",
    "Makefile": "drivers-y := drivers/\nlibs-y := lib/\n",
    "mm/Makefile": """\
# obj-$(CONFIG_COMMENT) += swapfile.o
mmu-y			:= nommu.o
mmu-$(CONFIG_MMU)	:= highmem.o memory.o \\
			   pgtable-generic.o
ifdef CONFIG_CROSS
mmu-$(CONFIG_MMU)	+= process_vm_access.o
endif
obj-y := filemap.o $(mmu-y)
page-alloc-y := page_alloc.o
page-alloc-$(CONFIG_SHUFFLE) += shuffle.o
obj-y += page-alloc.o
obj-$(CONFIG_SWAP)	+= page_io.o swapfile.o
ifdef CONFIG_SWAP
obj-$(CONFIG_MEMCG) += swap_cgroup.o
else ifeq ($(CONFIG_TINY),y)
obj-y += tiny.o
else
obj-y += none.o
endif
ifneq ($(CONFIG_KASAN),)
obj-y += kasan.o
endif
obj-m += module.o
obj-$(CONFIG_DAMON) += damon/
CFLAGS_init-mm.o += $(call cc-disable-warning, override-init)
""",
    "mm/damon/Makefile": "obj-y := core.o\nobj-$(CONFIG_DAMON_VADDR) += vaddr.o\n",
    "mm/damon/vaddr.c": "",
    "fs/Makefile": "obj-$(CONFIG_XFS_FS) += xfs/\nobj-y += inline/deep.o\n",
    "fs/xfs/Makefile": "obj-$(CONFIG_XFS_FS) += xfs.o\nxfs-y += $(addprefix libxfs/, \\\n\txfs_ag.o xfs_alloc.o)\n",
    "lib/Makefile": "lib-y := ctype.o\n",
    "arch/x86/Kbuild": "obj-y += kernel/\n",
    "arch/x86/Makefile": "drivers-$(CONFIG_PM) += arch/x86/power/\n",
    "arch/x86/kernel/Makefile": "obj-y += head_$(BITS).o\n",
    "arch/x86/power/Makefile": "obj-$(CONFIG_PM_SLEEP) += cpu.o\n",
    "arch/x86/boot/Makefile": "obj-y := misc.o\n",
    "drivers/Makefile": "obj-$(CONFIG_ZRAM) += zram/\n",
    "drivers/zram/Makefile": "zram-objs := zram_drv.o\nobj-$(CONFIG_ZRAM) += zram.o\n",
    "samples/Makefile": "obj-$(CONFIG_SAMPLE_A) += a.o\n",
}


@pytest.mark.parametrize(
    ("file", "options", "lacking"),
    [
        ("mm/filemap.c", {}, ()),
        ("mm/swapfile.c", {}, ("CONFIG_SWAP",)),
        ("mm/swapfile.c", {"CONFIG_SWAP": "y"}, ()),
        ("mm/swapfile.c", {"CONFIG_SWAP": "m"}, ("CONFIG_SWAP",)),
        ("mm/memory.c", {}, ("CONFIG_MMU",)),
        ("mm/nommu.c", {}, ()),
        ("mm/nommu.c", {"CONFIG_MMU": "y"}, ("CONFIG_MMU=n",)),
        ("mm/pgtable-generic.c", {"CONFIG_MMU": "y"}, ()),
        ("mm/process_vm_access.c", {"CONFIG_MMU": "y"}, ("CONFIG_CROSS",)),
        ("mm/shuffle.c", {}, ("CONFIG_SHUFFLE",)),
        ("mm/page_alloc.c", {}, ()),
        ("mm/swap_cgroup.c", {}, ("CONFIG_SWAP", "CONFIG_MEMCG")),
        ("mm/tiny.c", {}, ("CONFIG_TINY",)),
        ("mm/none.c", {"CONFIG_TINY": "y"}, ("CONFIG_TINY=n",)),
        ("mm/kasan.c", {}, ("CONFIG_KASAN",)),
        ("mm/module.c", {}, None),
        ("mm/damon/core.c", {}, ("CONFIG_DAMON",)),
        ("mm/damon/vaddr.c", {}, ("CONFIG_DAMON", "CONFIG_DAMON_VADDR")),
        ("mm/damon/vaddr.h", {"CONFIG_DAMON": "y"}, ("CONFIG_DAMON_VADDR",)),
        ("mm/damon/other.h", {}, None),
        ("fs/xfs/libxfs/xfs_alloc.c", {}, ("CONFIG_XFS_FS",)),
        ("fs/inline/deep.c", {}, ()),
        ("lib/ctype.c", {}, ()),
        ("arch/x86/kernel/head_64.S", {}, ()),
        ("arch/x86/power/cpu.c", {}, ("CONFIG_PM", "CONFIG_PM_SLEEP")),
        ("arch/x86/boot/misc.c", {}, None),
        ("drivers/zram/zram_drv.c", {}, ("CONFIG_ZRAM",)),
        ("samples/a.c", {}, ("CONFIG_SAMPLES", "CONFIG_SAMPLE_A")),
        ("virt/kvm/kvm_main.c", {}, ("CONFIG_KVM",)),
        ("tools/vm/slabinfo.c", {}, None),
        ("top.c", {}, None),
    ],
)
def test_options_from_the_top_down(file: str, options: dict[str, str], lacking: tuple[str, ...] | None) -> None:
    assert needs(file, FILES.get, options) == lacking
