# SPDX-License-Identifier: GPL-2.0-or-later
"""ppc64le: a logical partition of an IBM Power server, radix page tables."""

from orchestrator.model import Arch, Costs, Marks, Memory, Registers

ARCH = Arch(
    name="ppc64le",
    uname="ppc64le",
    qemu="qemu-system-ppc64",
    # Firmware of QEMU's own, which takes no time. Emulation has no guards against speculation: none are asked for.
    machine="pseries,x-vof=on,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off",
    cpu={"tcg": "power9_v2.0", "kvm": "host"},
    console="hvc0",
    net="virtio-net-pci,romfile=",
    rng="virtio-rng-pci",
    disk="virtio-blk-pci",
    kernel_arch="powerpc",
    srcarch="powerpc",
    image_target="vmlinux",
    image="vmlinux",
    debian_arch="ppc64el",
    snapshots=False,  # QEMU 7.2 saves no timer that is running: a guest that goes on never wakes up
    guest_suite="bookworm",
    cross_prefix="powerpc64le-linux-gnu-",
    elf=(2, 1, 21),
    cmdline="mitigations=off",
    marks=Marks(
        ("2000804e",), ("2400004c", "a400004c"), ("exc_*_hardware_interrupt", "exc_*_decrementer"),
        calls=("01000048/030000fc", "2104804e"), enters=("exc_virt_*", "exc_real_*"),
    ),
    costs=Costs(
        "PPC", ("64", "LITTLE_ENDIAN"),
        {
            "atomics": r"st[bdhqw]cx\. .*",  # of a load-and-reserve and its store one
            "barriers": r"sync|[hl]wsync|ptesync|eieio",
            "tlb_flushes": r"tlbiel? .*|tlbia|tlbsync|slb(ia|ie|ieg|mte|sync).*",
            "serialising": r"isync|h?rfid|rfscv|mtspr .*",
            "mode_switches": r"mtmsrd? .*",
            "system_calls": r"scv?\b.*",
        },
        unknown={"a400004c": "rfscv", "01000044": "scv 0"},
        exceptions=(
            "exc_*_data_access", "exc_*_data_access_slb", "exc_*_instruction_access", "exc_*_instruction_access_slb",
            "exc_*_alignment", "exc_*_program_check", "exc_*_fp_unavailable", "exc_*_altivec_unavailable",
            "exc_*_vsx_unavailable", "exc_*_facility_unavailable",
        ),
    ),
    memory=Memory(silent=r"(dcbz\w*) .*"),
    registers=Registers(pc=r"NIP ([0-9a-f]{16})", idle=("plpar_hcall*", "pseries_lpar_idle", "*_cede_processor")),
    kconfig=(
        "CONFIG_PPC64=y",
        "CONFIG_CPU_LITTLE_ENDIAN=y",
        "CONFIG_PPC_BOOK3S_64=y",
        "CONFIG_PPC_PSERIES=y",
        "# CONFIG_PPC_POWERNV is not set",
        "CONFIG_PPC_RADIX_MMU=y",
        "CONFIG_PPC_4K_PAGES=y",
        "CONFIG_HVC_CONSOLE=y",
        "CONFIG_PCI=y",
        "CONFIG_PCI_MSI=y",
        "CONFIG_VIRTIO_PCI=y",
        "CONFIG_ALTIVEC=y",
        "CONFIG_VSX=y",
    ),
)  # fmt: skip
