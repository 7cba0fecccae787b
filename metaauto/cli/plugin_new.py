"""``metaauto plugins new``: a working plugin package to start from, made of the shipped example."""

from __future__ import annotations

import re
import shlex
from importlib.resources import files
from pathlib import Path

import click

from metaauto.cli.completers import complete_folders
from metaauto.cli.plugins import load_quietly
from metaauto.cli.terminal import print_line
from metaauto.errors import Refused, SettingError

__all__ = ["EXAMPLE_FILES", "command", "example_files", "render"]

EXAMPLE_FILES = (
    "README.md",
    "metaauto_example/__init__.py",
    "metaauto_example/py.typed",
    "pyproject.toml",
    "tests/test_example.py",
)
"""The files of the package ``metaauto-example``, which a new package is made of."""

_PREFIX = "metaauto-"


@click.command("new", short_help="Write a working plugin package to start from.")
@click.argument("name")
@click.option(
    "--dir",
    "folder",
    metavar="DIR",
    shell_complete=complete_folders,
    default=".",
    show_default=True,
    help="Where to make the folder of the package.",
)
@click.pass_obj
def command(folders: tuple[str, ...], name: str, folder: str) -> None:
    """Write the package metaauto-NAME with one model, its tests and a README.

    \b
    metaauto plugins new fancy
    pip install -e ./metaauto-fancy
    metaauto plugins check fancy

    It works as it is; put your own model in place of the one that it brings.
    """
    short = name.removeprefix(_PREFIX)
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", short):
        raise SettingError(
            f"A package cannot be named {name!r}.",
            hint="Use small letters, digits and single dashes, such as fancy-trees.",
        )
    loaded = load_quietly(folders)
    for kind, known in (
        ("model", loaded.registry.names("model")),
        ("plugin", [n for p in loaded.plugins for n in (p.name, p.distribution)]),
    ):
        if short in known or (kind == "plugin" and _PREFIX + short in known):
            raise Refused(f"There is a {kind} named {short!r} already.", hint="Use another name.")
    place = Path(folder).expanduser() / (_PREFIX + short)
    if place.exists():
        raise SettingError(f"{str(place)!r} exists already.", hint="Name another place by --dir.")
    for file, text in render(short).items():
        _write(place / file, text)
        print_line(str(place / file))
    quoted = shlex.quote(str(place) if place.is_absolute() else f"./{place}")
    print_line("")
    print_line(f"  pip install -e {quoted}")
    print_line(f"  metaauto plugins check {short}")


def example_files() -> dict[str, str]:
    """Return the texts of the example's files by path.

    Raises
    ------
    Refused
        If this installation lacks them.
    """
    package = files("metaauto")
    folder = package / "cli" / "example_plugin"
    if not folder.is_dir():
        # setup.py installs the folder inside the package; a checkout keeps it beside the package.
        folder = Path(str(package)).parent / "plugins" / "metaauto-example"
    try:
        return {
            file: folder.joinpath(*file.split("/")).read_text("utf-8") for file in EXAMPLE_FILES
        }
    except OSError as error:
        raise Refused(
            "This installation of metaauto lacks the example plugin.", hint="Reinstall metaauto."
        ) from error


def render(name: str) -> dict[str, str]:
    """Return the texts by path of a package whose plugin has this name."""
    module = (_PREFIX + name).replace("-", "_")
    title = "".join(part.capitalize() for part in name.split("-"))
    names = {
        "metaauto-example": _PREFIX + name,
        "metaauto_example": module,
        "test_example": "test_" + name.replace("-", "_"),
        "TestExample": f"Test{title}",
        "example": name,
    }
    pattern = re.compile("|".join(names))

    def named(text: str) -> str:
        return pattern.sub(lambda match: names[match[0]], text)

    return {named(file): named(text) for file, text in example_files().items()}


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="\n")
    except OSError as error:
        raise SettingError(
            f"{str(path)!r} cannot be written: {error.strerror or error}.",
            hint="Name another place by --dir.",
        ) from error
