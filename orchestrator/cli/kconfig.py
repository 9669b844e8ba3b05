# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that shows what a config comes to."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from orchestrator import arches
from orchestrator.build import debian_config, kconfig
from orchestrator.build.kernel import Builder
from orchestrator.cli.console import say, took
from orchestrator.cli.options import Config, Preset, Select, Unsandboxed
from orchestrator.config import fragments, matrix_file
from orchestrator.config.fragments import Wish
from orchestrator.config.plan import plan
from orchestrator.engine import finish, this_command
from orchestrator.errors import InfraError
from orchestrator.measure.host import cores
from orchestrator.model import Build, Kernel, Source


def register(app: typer.Typer) -> None:
    """Add this file's verb."""
    app.command("kconfig")(show)


def show(
    config: Config = None,
    preset: Preset = "",
    select: Select = None,
    update: Annotated[
        bool, typer.Option("--update", help="Write images/kconfig/mm/ anew from Debian's configs (for maintainers).")
    ] = False,
    unsandboxed: Unsandboxed = False,
) -> None:
    """Configure kernels, build nothing; show where their config differs from Debian's, and why.

    Example: kmatrix kconfig --select 's390x/patched'
    """
    file = took(config)
    matrix = matrix_file.load(file, preset)
    builder = Builder.of(matrix, cores(), unsandboxed=unsandboxed)
    if update:
        finish(_update(builder), this_command())
        return
    for build in plan(matrix, select or []).builds:
        finish(_show(builder, build), this_command())


async def _show(builder: Builder, build: Build) -> None:
    its = debian_config.rules()
    tree = await builder.source(build.kernel.source)
    with builder.store.scratch() as scratch:
        text, lost = await builder.config(build, scratch / "build.log")
    ours = kconfig.options(text.splitlines())
    version = its.nearest(tree.linux, build.arch.name)
    name = fragments.wanted(build.kconfig, tree.linux).name
    on = Counter(ours.values())
    say(f"{build.id}: {name}, Linux {tree.linux}: {on['y']} options built in, {on['m']} as modules")
    say(*(f"  wished: {row}" for row in lost.values()))
    theirs = await debian_config.fetch(builder.store, version, build.arch)
    definitions = list(kconfig.definitions(tree.folder, build.arch.srcarch))
    for one in debian_config.differences(its, definitions, theirs, ours, build.arch.name):
        say(f"  {_told(one, version)}")


def _told(one: debian_config.Difference, version: debian_config.Version) -> str:
    why = one.why or "not explained by images/kconfig/mm/debian.toml"
    return f"{one.option.removeprefix('CONFIG_')}: Debian {version.linux} {one.debian}, ours {one.ours}: {why}"


async def _update(builder: Builder) -> None:
    """Every arch, every version of Debian's that has it: what is wished, less what that .config does not take. What
    the mirror lacks stays as it is shipped; InfraError then, when all else is written."""
    its = debian_config.rules()
    found: dict[str, dict[debian_config.Version, list[Wish]]] = {}
    lacking: dict[str, InfraError] = {}
    for arch in arches.known().values():
        for version in its.of(arch.name):
            options = {"suite": version.suite}
            source = Source(f"debian-{version.linux}", "debian", f"linux-source-{version.linux}", "", options)
            tree = await builder.source(source)
            definitions = list(kconfig.definitions(tree.folder, arch.srcarch))
            try:
                theirs = await debian_config.fetch(builder.store, version, arch)
            except InfraError as error:
                found.setdefault(arch.name, {})[version] = debian_config.shipped(arch.name, tree.linux)
                lacking[f"{arch.name} {version.linux}"] = error
                say(f"{arch.name} {version.linux}: stays as it is")
                continue
            wishes = debian_config.wishes(its, definitions, theirs, arch.name)
            config = fragments.named("standard", None, [arch.name])
            boot = fragments.flat(fragments.SHIPPED / "boot.config", arch.name)
            words = [line for line in config.lines[arch.name] if line.startswith("#: ")]
            lines = [*words, *(f"{wish.line}  #: wished" for wish in wishes), *boot, *arch.kconfig]
            build = Build(arch, Kernel("debian", source), tuple(lines))
            with builder.store.scratch() as scratch:
                text, lost = await builder.config(build, scratch / "build.log")
            ours = kconfig.options(text.splitlines())
            kept = [wish for wish in wishes if ours.get(wish.option, "n") == wish.value]
            found.setdefault(arch.name, {})[version] = kept
            say(f"{arch.name} {version.linux}: {len(kept)} options, {len(lost)} not taken")
            for one in debian_config.differences(its, definitions, theirs, ours, arch.name):
                if not one.why:
                    say(f"  {_told(one, version)}")
    debian_config.write(debian_config.fragments(found, its.versions))
    if lacking:
        told = "; ".join(f"{name}: {error.message}" for name, error in lacking.items())
        raise InfraError(f"some of Debian's configs could not be had, and stay as they are: {told}", kind="fetch")
