# SPDX-License-Identifier: GPL-2.0-or-later
"""x86_64: a q35 PC."""

from orchestrator.model import Arch, Costs, Marks, Memory, Registers

ARCH = Arch(
    name="x86_64",
    uname="x86_64",
    qemu="qemu-system-x86_64",
    machine="q35",
    # Without what an EPYC Rome has and QEMU 7.2 does not emulate, so that a later QEMU gives the guest the same. The
    # last two are not Rome's: with them a kernel clears and copies by bytes, and each would count as an instruction.
    cpu={
        "tcg": (
            "EPYC-Rome-v1,-rdseed,-sha-ni,-rdpid,-fxsr-opt,-misalignsse,-3dnowprefetch,-osvw,-topoext,"
            "-perfctr-core,-clzero,-xsaveerptr,-wbnoinvd,-ibpb,-amd-stibp,-nrip-save,-xsavec,-xsaves,-erms,-fsrm"
        ),
        "kvm": "host",
    },
    console="ttyS0",
    net="virtio-net-pci,romfile=",
    rng="virtio-rng-pci",
    disk="virtio-blk-pci",
    smp="{cpus},sockets={cpus}",  # without ACPI only the first CPU of a socket is found
    numa_cmdline="numa=fake=2",
    kernel_arch="x86_64",
    srcarch="x86",
    image_target="bzImage",
    image="arch/x86/boot/bzImage",
    debian_arch="amd64",
    cross_prefix="x86_64-linux-gnu-",
    elf=(2, 1, 62),
    compiles=1280,
    cmdline="earlycon=uart8250,io,0x3f8 no_timer_check",
    # Calibrating a clock: 10 s of host time, 100 ppm off. Watching it: twice a second, and not on servers of today.
    # A PIT that ticks by itself interrupts a third as often.
    cmdline_icount="nolapic_timer tsc_early_khz=1000000 tsc=reliable highres=off nohz=off",
    devices=("pvpanic-pci",),
    marks=Marks(
        ("c3",), ("48cf", "480f07"), ("asm_common_interrupt", "asm_sysvec_*"), stubs=("irq_entries_start",),
        calls=("e8", "2ee8", "ff10/ff38", "41ff10/ffff38"), enters=("asm_exc_*", "entry_SYSCALL_64"),
        unreturned=("srso_*safe_ret*", "srso_*return_thunk"),
    ),
    costs=Costs(
        "X86", ("64",),
        {
            "barriers": r"[lms]fence|rdtscp|lock (add|or) [dq]word ptr \[[re]sp[^]]*\], 0",  # smp_mb() is the last
            # With one CPU the kernel has made LOCK a DS prefix (3e), which no compiler writes: what may have had it.
            "atomics": r"lock .*|xchg .*\[.*"
            r"|(add|adc|and|bt[crs]|cmpxchg\w*|dec|inc|neg|not|or|sbb|sub|xadd|xor) [^,]*\bds:\[.*",
            "serialising": r"iret[dq]?|wrmsr|cpuid|serialize|mov (cr[0-24-9]|dr)\d*, .*|wbinvd|invd|xsetbv"
            r"|(l[gil]dt|ltr) .*",
            "tlb_flushes": r"invlpg .*|invpcid .*|mov cr3, .*",
            "mode_switches": r"cli|sti|popfq?|swapgs|clac|stac|vmcall|vmmcall",
            "system_calls": r"syscall|sysenter|int 0x80",
            "repeated": r"rep\w* .*",
        },
        unknown={"0f01e8": "serialize"},
        exceptions=("asm_exc_*",),
    ),
    memory=Memory(),
    registers=Registers(pc=r"RIP=([0-9a-f]{16})", user=r"CPL=3", idle=("default_idle", "*_safe_halt", "mwait_idle")),
    kconfig=(
        *("CONFIG_SERIAL_8250=y", "CONFIG_SERIAL_8250_CONSOLE=y"),
        *("CONFIG_PCI=y", "CONFIG_PCI_MSI=y", "CONFIG_VIRTIO_PCI=y", "CONFIG_KERNEL_GZIP=y"),
    ),
)  # fmt: skip
