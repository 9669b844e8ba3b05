# SPDX-License-Identifier: GPL-2.0-or-later
"""What QEMU's monitor says of CPUs, by arch: as QEMU 7.2 words it."""

import pytest

from orchestrator import arches
from orchestrator.guest.registers import places
from orchestrator.profile.standstill import Place

KERNEL, USER = 0x104, 0x1000104
SAID = {
    "x86_64": """\
RAX=0000000000000000 RBX=ffffffff81a00000
RIP={0:016x} RFL=00000246 [---Z-P-] CPL={2} II=0 A20=1 SMM=0 HLT=0
ES =0000 0000000000000000 00000000 00000000
""",
    "aarch64": """\
 PC={0:016x} X00=ffff80000a00b000 X01=0000000000000104
X29=ffff80000a9fbd10 X30=ffff800008013c3c  SP=ffff80000a9fbd10
PSTATE=60000005 -ZC- EL{2}{3}    FPU disabled
""",
    "s390x": """\
PSW=mask 070{1}c00180000000 addr {0:016x} cc 00
R00=0000000000000000 R01=0000000000000104
""",
    "riscv64": """\
 V      =   0
 pc       {0:016x}
 mhartid  0000000000000000
 sepc     ffffffff80003a2c
""",
    "ppc64le": """\
NIP {0:016x}   LR c00000000001a2b4 CTR c000000000000104 XER 0000000000000000 CPU#{2}
MSR 8000000002009033 HID0 0000000000000000  HF 6c000005 iidx 3 didx 3
""",
}


def said(arch: str, address: int, user: bool = False) -> str:
    """Fields of the texts: address; s390's problem state; x86's ring; the stack of Arm's level."""
    level = {"x86_64": 3 if user else 0, "aarch64": 0 if user else 1}.get(arch, 0)
    return SAID[arch].format(address, 5 if user else 4, level, "t" if user else "h")


@pytest.mark.parametrize("arch", arches.known())
def test_each_cpu_has_its_place(arch: str) -> None:
    registers = arches.known()[arch].registers
    assert registers is not None and registers.idle
    two = f"\nCPU#0\n{said(arch, KERNEL)}\nCPU#1\n{said(arch, USER, user=True)}"
    assert places(two, registers) == (Place(KERNEL), Place(USER, user=bool(registers.user)))
    assert bool(registers.user) == (arch in ("x86_64", "aarch64", "s390x"))
    assert places(f"CPU#0\n{said(arch, KERNEL)}\nCPU#1\n{said(arch, 0)}", registers) == (Place(KERNEL),)
    assert places("unknown command: 'info registers'", registers) == ()
