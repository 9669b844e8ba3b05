# SPDX-License-Identifier: GPL-2.0-or-later
"""matrix.yaml: every mistake at once, with its line."""

import shutil
from pathlib import Path

import pytest
from pydantic import create_model

from orchestrator import arches
from orchestrator.config import matrix_file, schema, sources
from orchestrator.config.fragments import wanted
from orchestrator.config.plan import plan
from orchestrator.config.schema import MatrixSpec
from orchestrator.errors import ConfigError
from orchestrator.model import Clock, Source

ROOT = Path(__file__).parents[3]


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        matrix_file.from_text(text, ROOT / "x.yaml")
    return caught.value.message.splitlines()


def test_the_shipped_matrix_loads() -> None:
    matrix = matrix_file.load(ROOT / "matrix.yaml")
    assert [a.name for a in matrix.arches] == ["x86_64", "aarch64", "s390x"]
    assert [k.name for k in matrix.kernels] == ["unpatched", "patched"]
    assert matrix.measure.clock is Clock.ICOUNT
    assert matrix.config.name == matrix_file.USUAL and not matrix.kconfig
    assert all("CONFIG_SHMEM=y" in lines for lines in matrix.config.lines.values())
    assert [p.name for p in matrix.kernels[0].patches] == ["0001-take-out-VM_FAULT_COMPLETED.patch"]


def test_all_mistakes_are_told_at_once_with_lines_and_known_names() -> None:
    text = """\
arches: [x86_64, s390]
workloads:
  - shmem-write
  - shmen-write
sources:
  one: {debian: linux-source-6.1}
kernels:
  a: {source: one}
  b: {source: two, patches: [nowhere.patch]}
compare:
  - {base: a, new: c}
"""
    rows = problems(text)
    path = ROOT / "x.yaml"
    assert [row.split(": ")[0] for row in rows] == [f"{path}:{n}" for n in (1, 4, 9, 9, 11)]
    assert "unknown arch 's390'; Did you mean s390x? known: aarch64, ppc64le, riscv64, s390x, x86_64" in rows[0]
    assert "Did you mean shmem-write?" in rows[1]
    assert any("unknown source 'two'; known: one" in row for row in rows[2:4])
    assert any("no such file" in row and "nowhere.patch" in row for row in rows[2:4])
    assert "unknown kernel 'c'" in rows[4]


def test_unknown_keys_list_the_known_ones() -> None:
    rows = problems("arches: []\nworkloads: []\nsources: {}\nkernels: {}\nmeasure:\n  boot: 3\n")
    assert rows == [
        f"{ROOT / 'x.yaml'}:6: measure.boot: unknown key 'boot'; Did you mean boots? "
        "known: accel, boots, clock, cpus, memory_mib, passes, retries, snapshots, warmup"
    ]


def test_wrong_types_and_impossible_settings() -> None:
    rows = problems(
        "arches: []\nworkloads: []\nsources: {s: {}}\nkernels: {}\nmeasure: {boots: 0, accel: kvm, clock: icount}\n"
    )
    assert any("exactly one of debian, git, image, tarball" in row for row in rows)
    assert any(":5: measure.boots" in row for row in rows)
    rows = problems("arches: []\nworkloads: []\nsources: {}\nkernels: {}\nmeasure: {accel: kvm}\n")
    assert any("icount needs TCG" in row for row in rows)


@pytest.mark.parametrize("text", ["a: [", "", "just words", "- 1"])
def test_what_is_no_mapping_is_an_error_with_a_line(text: str) -> None:
    assert all(row.startswith(f"{ROOT / 'x.yaml'}:") for row in problems(text))


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        matrix_file.load(tmp_path / "matrix.yaml")


PRESETS = """\
arches: [aarch64]
workloads: [shmem-write]
sources: {s: {debian: linux-source-6.1}}
kernels:
  patched: {source: s}
measure: {boots: 2}
presets:
  more:
    arches: [s390x, x86_64]
    kernels: {other: {source: s}}
    measure: {passes: 3}
  wrong:
    kernels: {other: {source: t}}
"""


def test_a_preset_replaces_keys_and_adds_to_tables() -> None:
    plain, more = (matrix_file.from_text(PRESETS, ROOT / "x.yaml", name) for name in ("", "more"))
    assert [arch.name for arch in plain.arches] == ["aarch64"] and [k.name for k in plain.kernels] == ["patched"]
    assert [arch.name for arch in more.arches] == ["s390x", "x86_64"]
    assert [k.name for k in more.kernels] == ["patched", "other"]
    assert (more.measure.boots, more.measure.passes) == (2, 3)


def test_a_wrong_or_unknown_preset_is_told() -> None:
    with pytest.raises(ConfigError, match=r"unknown preset 'les'.*known: more, wrong"):
        matrix_file.from_text(PRESETS, ROOT / "x.yaml", "les")
    with pytest.raises(ConfigError, match=r"kernels.other.source: unknown source 't'"):
        matrix_file.from_text(PRESETS, ROOT / "x.yaml", "wrong")


def test_presets_may_have_their_old_name_but_not_both(tmp_path: Path) -> None:
    old = PRESETS.replace("presets:", "profiles:")
    assert matrix_file.from_text(old, ROOT / "x.yaml", "more") == matrix_file.from_text(
        PRESETS, ROOT / "x.yaml", "more"
    )
    (tmp_path / "matrix.yaml").write_text(old)
    assert matrix_file.presets(tmp_path / "matrix.yaml") == ["more", "wrong"]
    with pytest.raises(ConfigError, match=r"x.yaml:14: profiles: is the old name of presets: give one of them"):
        matrix_file.from_text(f"{PRESETS}profiles: {{}}\n", ROOT / "x.yaml")


def source(given: str, base: Path = ROOT) -> Source:
    text = f"arches: [s390x]\nworkloads: []\nkernels: {{}}\nsources: {{s: {given}}}\n"
    return matrix_file.from_text(text, base / "x.yaml").sources[0]


@pytest.mark.parametrize(
    ("given", "row"),
    [
        ("{git: ., sha256: abc}", "sources.s: sha256 does not go with git, which takes git, revision"),
        ("{git: ., tarball: x.tar}", "sources.s: give exactly one of debian, git, image, tarball"),
        ("{image: Image}", "sources.s: image needs system_map beside it"),
        ("{git: nowhere}", "sources.s.git: no such file: /.*/nowhere"),
        ("{gti: .}", "sources.s.gti: unknown key 'gti'; Did you mean git"),
    ],
)
def test_a_sources_keys_are_those_of_its_kind(given: str, row: str) -> None:
    with pytest.raises(ConfigError, match=row):
        source(given)


@pytest.mark.parametrize(
    "given",
    [
        {"debian": "linux-source-6.1", "suite": "trixie"},
        {"debian": "linux-source-6.1", "suite": "bookworm", "version": "6.1.1-1"},
        {"git": "/", "revision": "v6.1"},
        {"tarball": "/x.tar", "sha256": "0" * 64},
        {"tarball": "/x.tar"},
        {"image": "/Image-{arch}", "system_map": "/System.map"},
    ],
)
def test_a_source_comes_back_as_it_was_written(given: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda self: True)
    found = source(str(given))
    assert sources.kind_of(found).describe(found) == given


def test_a_kind_of_source_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its keys are known in matrix.yaml, and it comes back; nothing else was touched."""
    kinds = tmp_path / "build/sources"
    shutil.copytree(ROOT / "orchestrator/build/sources", kinds)
    (kinds / "url.py").write_text(URL)
    monkeypatch.setattr(sources, "PACKAGE", tmp_path)
    sources.known.cache_clear()
    try:
        spec = create_model("MatrixSpec", __base__=MatrixSpec, sources=(dict[str, schema._source_spec()], ...))
        monkeypatch.setattr(matrix_file, "MatrixSpec", spec)
        found = source("{url: 'https://example.org/linux.tar', etag: x}")
        assert found == Source("s", "url", "https://example.org/linux.tar", options={"etag": "x"})
        assert sources.kind_of(found).describe(found) == {"url": "https://example.org/linux.tar", "etag": "x"}
        assert sources.buildable(found)
    finally:
        sources.known.cache_clear()


URL = """
from orchestrator.config.sources import Buildable
from orchestrator.model import Source

class Url(Buildable):
    keys = {"url": None, "etag": ""}

    def parse(self, name, given, files):
        return Source(name, "url", given["url"], options={"etag": given["etag"]})

    def describe(self, source):
        return {"url": source.location, **source.options}

SOURCE = Url()
"""


def test_the_cache_has_a_bound_in_its_new_place_or_in_the_old(tmp_path: Path) -> None:
    text = "arches: []\nworkloads: []\nkernels: {}\nsources: {}\n"
    old = "nightly: {keep: {cache_gib: 7}}\n"
    for more, gib in (("", 20), ("cache_gib: 9\n", 9), (old, 7)):
        assert matrix_file.from_text(text + more, ROOT / "x.yaml").cache_gib == gib
    with pytest.raises(ConfigError, match=r"x.yaml:5: nightly.keep.cache_gib: is the old place of cache_gib"):
        matrix_file.from_text(f"{text}{old}cache_gib: 9\n", ROOT / "x.yaml")


def test_a_fragments_remarks_are_no_wanted_lines(tmp_path: Path) -> None:
    rows = ["CONFIG_A=y", "; needs CONFIG_B", "foo CONFIG_B", "# about CONFIG_C", "  # CONFIG_D is not set ", "#"]
    (tmp_path / "mine.config").write_text("\n".join(rows))
    text = (ROOT / "matrix.yaml").read_text() + "kconfig: [mine.config]\n"
    matrix = matrix_file.from_text(text, tmp_path / "matrix.yaml")
    assert matrix.kconfig == ("CONFIG_A=y", "# CONFIG_D is not set") and matrix.config.name == matrix_file.USUAL


def test_a_file_of_before_there_were_configs_says_all_that_a_kernel_has(tmp_path: Path) -> None:
    """By the name of then, or the lines themselves, as copies of old runs have them."""
    shipped = (ROOT / "matrix.yaml").read_text()
    old = matrix_file.from_text(shipped + "kconfig: [images/kconfig/common.config, CONFIG_Z=y]\n", ROOT / "x.yaml")
    lean = matrix_file.from_text(shipped + "config: lean\nkconfig: [CONFIG_Z=y]\n", ROOT / "x.yaml")
    assert old.config.name == lean.config.name == "lean"
    for one, other in zip(plan(old).builds, plan(lean).builds, strict=True):
        its, wished = (wanted(build.kconfig, "6.1.192") for build in (one, other))
        assert (its.start, its.defaults) == (wished.start, wished.defaults) == ("tinyconfig", ())
        assert set(its.wishes) == set(wished.wishes)


def test_a_config_is_shipped_or_a_file_for_each_arch(tmp_path: Path) -> None:
    shipped = (ROOT / "matrix.yaml").read_text().replace("[x86_64, aarch64, s390x]", "[aarch64, s390x]")
    (tmp_path / "my-aarch64.config").write_text("CONFIG_A=y\n# CONFIG_B is not set\n")
    (tmp_path / "my-s390x.config").write_text("CONFIG_A=n0\n")
    text = shipped.replace("  patched:\n    source: debian-6.1\n", "  patched: {source: debian-6.1, config: lean}\n")
    matrix = matrix_file.from_text(text + "config: 'my-{arch}.config'\n", tmp_path / "matrix.yaml")
    unpatched, patched = matrix.kernels
    assert (
        matrix.config.name == "my" and unpatched.config is None and patched.config and patched.config.name == "lean"
    )
    lines = {arch: wanted(its, "6.1.192") for arch, its in matrix.config.lines.items()}
    assert {its.start for its in lines.values()} == {"none"}
    theirs = {wish.option: wish for wish in lines["aarch64"].wishes}
    assert (theirs["CONFIG_A"].value, theirs["CONFIG_A"].essential) == ("y", False)
    assert theirs["CONFIG_VIRTIO_NET"].essential, "what the testbed needs is there, whatever the file says"


def test_configs_that_are_not_there_are_told_with_all_other_mistakes(tmp_path: Path) -> None:
    (tmp_path / "bad.config").write_text("CONFIG_A=y #: wisched\n")
    shipped = (ROOT / "matrix.yaml").read_text()
    text = shipped.replace(
        "  patched:\n    source: debian-6.1\n", "  patched: {source: debian-6.1, config: standart}\n"
    )
    with pytest.raises(ConfigError) as caught:
        matrix_file.from_text(text + "config: bad.config\n", tmp_path / "matrix.yaml")
    one, other = caught.value.message.splitlines()
    assert "kernels.patched.config: unknown config 'standart'" in one and "Did you mean standard?" in one
    assert "config: " in other and "bad.config:1: 'wisched' is not understood" in other


CPUS = """\
arches: [aarch64, x86_64]
workloads: [shmem-write]
sources: {s: {debian: linux-source-6.1}}
kernels: {patched: {source: s}}
cpu:
  aarch64: cortex-a57
  s390x: {tcg: qemu}
presets:
  other:
    cpu: {x86_64: {kvm: EPYC}}
"""


def test_cpu_models_are_of_an_arch_and_an_accelerator() -> None:
    """What the file does not name is the arch's own; a preset adds to it."""
    usual = arches.known()["x86_64"].cpu
    plain, other = (matrix_file.from_text(CPUS, ROOT / "x.yaml", name) for name in ("", "other"))
    assert [arch.cpu for arch in plain.arches] == [{"tcg": "cortex-a57", "kvm": "host"}, usual]
    assert [arch.cpu for arch in other.arches] == [plain.arches[0].cpu, {**usual, "kvm": "EPYC"}]


def test_mistakes_in_cpu_models_are_told_at_once_with_their_lines() -> None:
    text = CPUS.replace("aarch64: cortex-a57", "arm64: cortex-a57").replace("tcg: qemu", "hvf: qemu")
    path, known = ROOT / "x.yaml", ", ".join(sorted(arches.known()))
    assert problems(text) == [
        f"{path}:6: cpu.arm64: unknown arch 'arm64'; Did you mean aarch64? known: {known}",
        f"{path}:7: cpu.s390x.hvf: unknown key 'hvf'; known: kvm, tcg",
    ]
    assert any(row.startswith(f"{path}:6: cpu.aarch64") for row in problems(CPUS.replace("cortex-a57", "57")))
    assert any(row.startswith(f"{path}:6: cpu.aarch64") for row in problems(CPUS.replace("cortex-a57", "''")))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"arches: [s390x]\n\xff\n", r"matrix\.yaml:2: this is no text in UTF-8"),
        (b"? [a, b]\n: 1\n? {a: b}\n: 2\n", r"matrix\.yaml"),
        (b"[[[[a]]: 1]: 2]: 3\n", r"matrix\.yaml"),
        (b"cache_gib: " + b"9" * 5000, r"matrix\.yaml: not to be read as YAML: .*digits"),
        (b"[" * 3000, r"matrix\.yaml"),
    ],
)
def test_what_is_no_yaml_names_the_file(tmp_path: Path, text: bytes, told: str) -> None:
    path = tmp_path / "matrix.yaml"
    path.write_bytes(text)
    with pytest.raises(ConfigError, match=told):
        matrix_file.load(path)
