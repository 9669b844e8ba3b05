# SPDX-License-Identifier: GPL-2.0-or-later
"""aarch64: QEMU's virt board."""

from orchestrator.model import Arch, Costs, Marks, Memory, Registers

ARCH = Arch(
    name="aarch64",
    uname="aarch64",
    qemu="qemu-system-aarch64",
    machine="virt",
    cpu={"tcg": "neoverse-n1", "kvm": "host"},
    console="ttyAMA0",
    net="virtio-net-pci,romfile=",
    rng="virtio-rng-pci",
    disk="virtio-blk-pci",
    numa=(
        "-object", "memory-backend-ram,id=m0,size={half}M",
        "-object", "memory-backend-ram,id=m1,size={half}M",
        "-numa", "node,nodeid=0,cpus=0-{last},memdev=m0",
        "-numa", "node,nodeid=1,memdev=m1",
    ),
    kernel_arch="arm64",
    srcarch="arm64",
    image_target="Image",
    image="arch/arm64/boot/Image",
    debian_arch="arm64",
    cross_prefix="aarch64-linux-gnu-",
    elf=(2, 1, 183),
    compiles=1070,
    cmdline="earlycon",
    devices=("pvpanic-pci",),
    marks=Marks(
        ("c0035fd6",), ("e0039fd6",), ("el1h_64_irq", "el0t_64_irq"),
        calls=("00000094/000000fc", "00003fd6/1ffcffff"), enters=("vectors", "__bp_harden_el1_vectors"),
    ),
    costs=Costs(
        "ARM64", ("LITTLE_ENDIAN",),
        {
            # Of a load-exclusive and its store the store counts.
            "atomics": r"(casp?|swp|(ld|st)(add|clr|set|eor|[su]max|[su]min))(a|l|al)?[bh]? .*|stl?x[pr][bh]? .*",
            "barriers": r"dmb .*|dsb .*|sb|(ldap?r|ldlar|stll?r)[bh]? .*",
            "tlb_flushes": r"tlbi .*|msr ttbr[01]_el1, .*",
            "mode_switches": r"msr (daif\w*|pan|tco|ssbs|spsel|uao|dit), .*",
            "serialising": r"isb.*|eret|msr .*|ic .*|at .*|dc (?!zva).*",
            "system_calls": r"svc .*",
        },
        exceptions=("el0t_64_sync", "el1h_64_sync"), shared="el0t_64_sync",
    ),
    memory=Memory(
        hidden=(
            "hidden=20740bd5/e0ffffff:s.24-5.-.=64", "registers=x", "zero=31", "kernel=0xff00000000000000",
        ),
        silent=r"(dc zva), .*",
    ),
    registers=Registers(pc=r"PC=([0-9a-f]{16})", user=r"EL0t", idle=("cpu_do_idle",)),
    kconfig=(
        "CONFIG_SERIAL_AMBA_PL011=y",
        "CONFIG_SERIAL_AMBA_PL011_CONSOLE=y",
        "CONFIG_PCI=y",
        "CONFIG_PCI_HOST_GENERIC=y",
        "CONFIG_VIRTIO_PCI=y",
        "CONFIG_PVPANIC=y",
        "CONFIG_PVPANIC_PCI=y",
    ),
)  # fmt: skip
