# SPDX-License-Identifier: GPL-2.0-or-later
"""s390x: a virtual IBM Z, channel devices."""

from orchestrator.model import Arch, Marks

# QEMU 7.2's model `qemu`, written out: a z15 without what is not emulated. QEMU refuses z13 and later by name.
LACKS = (
    *("dateh2", "gen13ptff", "kmac-tdea-192", "kmc-tdea-192", "parseh", "hfpm", "hfpue", "dfp", "km-dea", "emon"),
    *("kimd-sha-1", "cmpsceh", "dfppc", "dfpzc", "dfphp", "kmc-dea", "klmd-sha-1", "opc", "asnlxr", "km-tdea-192"),
    *("km-tdea-128", "tsi", "kmac-dea", "kmc-tdea-128", "kmac-tdea-128", "sema", "eec", "nonqks", "pfpo", "tods"),
)
HAS = (
    *("aen", "kimd-sha-512", "klmd-sha-512", "aefsi", "vx", "vxeh", "esop", "vxeh2", "iep", "prno-trng", "ais"),
    *("zpci", "sea_esop2", "msa8-base", "msa4-base", "msa3-base", "msa5-base"),
)

ARCH = Arch(
    name="s390x",
    uname="s390x",
    qemu="qemu-system-s390x",
    machine="s390-ccw-virtio",
    cpu={
        "tcg": ",".join(("gen15a-base", *(f"{name}=off" for name in LACKS), *(f"{name}=on" for name in HAS))),
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
    cmdline="earlyprintk",
    marks=Marks(
        ("07fe",), ("b2b2",), ("ext_int_handler", "io_int_handler"), outside={"lowcore": (0, 0x2000)},
        calls=("c005/ff0f", "a705/ff0f", "0d00/ff00"), enters=("pgm_check_handler", "system_call"),
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
