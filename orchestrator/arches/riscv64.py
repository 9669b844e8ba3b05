# SPDX-License-Identifier: GPL-2.0-or-later
"""riscv64: QEMU's virt board."""

from orchestrator.model import Arch, Costs, Marks, Memory, Registers

ARCH = Arch(
    name="riscv64",
    uname="riscv64",
    qemu="qemu-system-riscv64",
    machine="virt",
    # With Sstc the kernel sets its timer by itself; without, the firmware's instructions would be in every tick.
    cpu={
        "tcg": "rv64,sstc=on,zba=on,zbb=on,zbc=on,zbs=on,h=off,v=off,svpbmt=off,svnapot=off,svinval=off",
        "kvm": "host",
    },
    console="ttyS0",
    net="virtio-net-pci,romfile=",
    rng="virtio-rng-pci",
    disk="virtio-blk-pci",
    kernel_arch="riscv",
    srcarch="riscv",
    image_target="Image",
    image="arch/riscv/boot/Image",
    debian_arch="riscv64",
    snapshots=False,  # QEMU 7.2 saves no timer that is running: a guest that goes on never wakes up
    guest_suite="trixie",
    cross_prefix="riscv64-linux-gnu-",
    elf=(2, 1, 243),
    cmdline="earlycon",
    devices=("pvpanic-pci",),
    marks=Marks(
        ("8280", "67800000"), ("73002010",), ("generic_handle_arch_irq", "do_irq"),
        calls=("ef00/ff0f", "e700/ff0f", "0290/7ff0"), outside={"firmware": (0x80000000, 0x80200000)},
        enters=("handle_exception", "_restore_kernel_tpsp", "_save_context", "skip_context_tracking"),
    ),
    costs=Costs(
        "RISCV", ("RISCV64", "RISCVC"),
        {
            "atomics": r"amo.* .*|sc\.[dw].* .*",  # of a load-reserved and its store one
            "tlb_flushes": r"sfence\.vma.*|(csrw|csrrw\w*) .*satp.*",
            "barriers": r"fence(?! w, unknown).*",  # that is a pause
            "serialising": r"[ms]ret|csr\w+ (?!.*\bsstatus\b).*",
            "mode_switches": r"csr\w+ .*\bsstatus\b.*",
            "system_calls": r"ecall",
        },
        exceptions=("do_page_fault", "do_trap_insn_*", "do_trap_load_*", "do_trap_store_*", "do_trap_break"),
    ),
    memory=Memory(),
    registers=Registers(pc=r"\bpc +([0-9a-f]{16})", idle=("arch_cpu_idle",)),
    kconfig=(
        "CONFIG_MMU=y",
        "CONFIG_FPU=y",
        "CONFIG_SIFIVE_PLIC=y",
        "CONFIG_SERIAL_8250=y",
        "CONFIG_SERIAL_8250_CONSOLE=y",
        "CONFIG_SERIAL_OF_PLATFORM=y",
        "CONFIG_PCI=y",
        "CONFIG_PCI_HOST_GENERIC=y",
        "CONFIG_VIRTIO_PCI=y",
        "CONFIG_PVPANIC=y",
        "CONFIG_PVPANIC_PCI=y",
    ),
)  # fmt: skip
