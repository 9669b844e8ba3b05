# SPDX-License-Identifier: GPL-2.0-or-later
"""s390x: a virtual IBM Z, channel devices."""

from orchestrator.model import Arch, Costs, Marks, Memory, Registers

ARCH = Arch(
    name="s390x",
    uname="s390x",
    qemu="qemu-system-s390x",
    machine="s390-ccw-virtio",
    # QEMU 7.2's model `qemu`, written out: a z15 without what is not emulated. QEMU refuses z13 and later by name. No
    # vectors: it gets their checksums (VCKSM) wrong, and since 6.9 Linux sums up its TCP packets with them.
    cpu={
        "tcg": (
            "gen15a-base,dateh2=off,gen13ptff=off,kmac-tdea-192=off,kmc-tdea-192=off,parseh=off,hfpm=off,hfpue=off,"
            "dfp=off,km-dea=off,emon=off,kimd-sha-1=off,cmpsceh=off,dfppc=off,dfpzc=off,dfphp=off,kmc-dea=off,"
            "klmd-sha-1=off,opc=off,asnlxr=off,km-tdea-192=off,km-tdea-128=off,tsi=off,kmac-dea=off,"
            "kmc-tdea-128=off,kmac-tdea-128=off,sema=off,eec=off,nonqks=off,pfpo=off,tods=off,aen=on,"
            "kimd-sha-512=on,klmd-sha-512=on,aefsi=on,vx=off,vxeh=off,esop=on,vxeh2=off,iep=on,prno-trng=on,ais=on,"
            "zpci=on,sea_esop2=on,msa8-base=on,msa4-base=on,msa3-base=on,msa5-base=on"
        ),
        "kvm": "host",
    },
    console="ttysclp0",
    net="virtio-net-ccw",
    rng="virtio-rng-ccw",
    disk="virtio-blk-ccw",
    kernel_arch="s390",
    srcarch="s390",
    image_target="bzImage",
    image="arch/s390/boot/bzImage",
    debian_arch="s390x",
    cross_prefix="s390x-linux-gnu-",
    elf=(2, 2, 22),
    image_base="CONFIG_KERNEL_IMAGE_BASE",  # since 6.10
    compiles=850,
    cmdline="earlyprintk",
    marks=Marks(
        ("07fe",), ("b2b2",), ("ext_int_handler", "io_int_handler"), outside={"lowcore": (0, 0x2000)},
        calls=("c005/ff0f", "a705/ff0f", "0d00/ff00"), enters=("pgm_check_handler", "system_call"),
    ),
    costs=Costs(
        "SYSZ", ("BIG_ENDIAN",),
        {
            "atomics": r"(cs|csy|csg|cds|cdsy|cdsg|csst|lang?|laog?|laxg?|laag?|laalg?|ts|plo) .*",
            "interlocked": r"(asi|agsi|alsi|algsi|niy?|oiy?|xiy?) .*",  # on memory, of one byte or with an immediate
            "barriers": r"(bnor|br) %r0|stck .*",  # the first two as capstone has bcr 14,0 and bcr 15,0
            "tlb_flushes": r"(csp|cspg|ipte|idte|crdte|lctlg?) .*|ptlb",
            "serialising": r"(lpswe?y?|sske|iske|rrbe|sigp|diag|ptf) .*|pr",
            "mode_switches": r"(stnsm|stosm|spka|sacf?|spt|stpt) .*",
            "system_calls": r"svc .*",
        },
        exceptions=("pgm_check_handler",),
    ),
    memory=Memory(
        low=0x2000,
        hidden=(
            "hidden=d2/ff:s.28-4.16-12.32-8:l.12-4.0-12.32-8",  # mvc
            *(f"hidden={code}/ff:b.28-4.16-12.32-8:l.12-4.0-12.32-8" for code in ("d4", "d6", "d7")),  # nc, oc, xc
            "hidden=a8/ff:s.!20-4.-.r20-4+1:l.!16-4.-.r16-4+1",  # mvcle
            "hidden=0e/ff:s.!4-4.-.r4-4+1%24:l.!0-4.-.r0-4+1%24",  # mvcl
            "hidden=b254/ffff:s.!4-4.-.=4096:l.!0-4.-.=4096",  # mvpg
            "hidden=c800/ff0f:S.28-4.16-12.r36-4<4096:L.12-4.0-12.r36-4<4096",  # mvcos
            "registers=r", "zero=0", "big=1", "identity=1", "user=pswm/0x0001000000000000",
        ),
        silent=r"(mvc|nc|oc|xc|mvcle?|mvcos|mvpg) .*",
    ),
    registers=Registers(
        pc=r"PSW=mask [0-9a-f]{16} addr ([0-9a-f]{16})",
        user=r"PSW=mask [0-9a-f]{3}[13579bdf]",  # user space has the kernel's addresses, too
        idle=("psw_idle", "psw_idle_exit"),
    ),
    kconfig=(
        "CONFIG_S390_GUEST=y",
        "CONFIG_CCW=y",
        "CONFIG_SCLP_TTY=y",
        "CONFIG_SCLP_CONSOLE=y",
        "CONFIG_SCLP_VT220_TTY=y",
        "CONFIG_SCLP_VT220_CONSOLE=y",
        "CONFIG_KERNEL_UNCOMPRESSED=y",
    ),
)  # fmt: skip
