"""``metaauto plugins new``: a working plugin package to start from, made of the shipped example."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import click

from metaauto.cli.completers import complete_folders
from metaauto.cli.plugins import load_quietly
from metaauto.cli.terminal import print_line
from metaauto.errors import Refused, SettingError

if TYPE_CHECKING:
    from metaauto.plugins.manager import LoadedPlugins

__all__ = ["EXAMPLE_FILES", "KINDS", "Kind", "command", "example_files", "render"]

EXAMPLE_FILES = (
    ".github/workflows/publish.yml",
    ".github/workflows/tests.yml",
    ".gitignore",
    "LICENSE",
    "README.md",
    "metaauto_example/__init__.py",
    "metaauto_example/py.typed",
    "pyproject.toml",
    "tests/test_example.py",
)
"""The files of the package ``metaauto-example``, which a new package is made of."""


@dataclass(frozen=True)
class Kind:
    """What differs between the packages of the kinds of components, besides two files.

    Parameters
    ----------
    usage : str
        The command that uses the component ``example``.
    needs : str
        The dependency of the plugin besides metaauto.
    title : str
        The component in words.
    """

    usage: str
    needs: str
    title: str


_FIT = "metaauto fit train.csv --target price"
KINDS = {
    "model": Kind(f"{_FIT} --include example", "scikit-learn>=1.6", "model"),
    "preprocessor": Kind(f"{_FIT} --include knn,svm", "scikit-learn>=1.6", "preprocessor"),
    "metafeature": Kind(
        "metaauto metafeatures train.csv --target price", "numpy>=1.26", "metafeature extractor"
    ),
    "metric": Kind(f"{_FIT} --metric example", "numpy>=1.26", "metric"),
    "reader": Kind("metaauto fit train.example --target price", "pandas>=2.2", "reader"),
    "strategy": Kind(f"{_FIT} --strategy example", "", "strategy"),
    "search_engine": Kind(f"{_FIT} --search example", "", "search engine"),
    "splitter": Kind(f"{_FIT} --cv example", "numpy>=1.26", "splitter"),
    "report_section": Kind("metaauto report model.metaauto", "", "report section"),
    "tracking": Kind(_FIT, "", "tracker of fits"),
    "knowledge": Kind("metaauto suggest train.csv --target price", "", "knowledge pack"),
}
"""The kinds of components that a new package can have; the package of the example has a model."""

_COMPONENT_FILES = {
    "metaauto_example/__init__.py": "component.py",
    "tests/test_example.py": "checks.py",
}
_STORE = "knowledge.db"
_PREFIX = "metaauto-"


@click.command("new", short_help="Write a working plugin package to start from.")
@click.argument("name")
@click.option(
    "--kind",
    metavar="KIND",
    type=click.Choice(list(KINDS)),
    default="model",
    show_default=True,
    help=f"The component of the package: {', '.join(KINDS)}.",
)
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
def command(folders: tuple[str, ...], name: str, kind: str, folder: str) -> None:
    """Write the package metaauto-NAME with one component, its tests and workflows for GitHub.

    \b
    metaauto plugins new fancy
    pip install -e ./metaauto-fancy
    metaauto plugins check fancy
    metaauto plugins new shop-results --kind knowledge

    It works as it is; put your own component in place of the one that it brings.
    """
    short = name.removeprefix(_PREFIX)
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", short):
        raise SettingError(
            f"A package cannot be named {name!r}.",
            hint="Use small letters, digits and single dashes, such as fancy-trees.",
        )
    loaded = load_quietly(folders)
    for taken, known in (
        (kind, _component_names(loaded, kind)),
        ("plugin", [n for p in loaded.plugins for n in (p.name, p.distribution)]),
    ):
        if short in known or (taken == "plugin" and _PREFIX + short in known):
            raise Refused(f"There is a {taken} named {short!r} already.", hint="Use another name.")
    place = Path(folder).expanduser() / (_PREFIX + short)
    if place.exists():
        raise SettingError(f"{str(place)!r} exists already.", hint="Name another place by --dir.")
    for file, text in render(short, kind).items():
        _write(place / file, text)
        print_line(str(place / file))
    if kind == "knowledge":
        from metaauto.knowledge import KnowledgeStore

        store = place / _module(short) / _STORE
        KnowledgeStore.create(store).close()
        print_line(str(store))
    quoted = shlex.quote(str(place) if place.is_absolute() else f"./{place}")
    print_line("")
    print_line(f"  pip install -e {quoted}")
    print_line(f"  metaauto plugins check {short}")


def example_files(kind: str = "model") -> dict[str, str]:
    """Return the texts by path of the example's files, with a component of a kind.

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
    sources = {file: file for file in EXAMPLE_FILES}
    if kind != "model":
        sources |= {file: f"kinds/{kind}/{own}" for file, own in _COMPONENT_FILES.items()}
    try:
        return {
            file: folder.joinpath(*source.split("/")).read_text("utf-8")
            for file, source in sources.items()
        }
    except OSError as error:
        raise Refused(
            "This installation of metaauto lacks the example plugin.", hint="Reinstall metaauto."
        ) from error


def render(name: str, kind: str = "model") -> dict[str, str]:
    """Return the texts by path of a package whose plugin has this name and component."""
    title = "".join(part.capitalize() for part in name.split("-"))
    model, own = KINDS["model"], KINDS[kind]
    needs = f', "{own.needs}"' if own.needs else ""
    differences = {
        f', "{model.needs}"]': needs + "]",
        model.usage: own.usage,
        f"the {model.title} example": f"the {own.title} example",
    }
    names = {
        "metaauto-example": _PREFIX + name,
        "metaauto_example": _module(name),
        "test_example": "test_" + name.replace("-", "_"),
        "TestExample": f"Test{title}",
        "example": name,
    }

    def named(text: str) -> str:
        return _replace(_replace(text, differences), names)

    return {named(file): named(text) for file, text in example_files(kind).items()}


def _replace(text: str, words: Mapping[str, str]) -> str:
    pattern = re.compile("|".join(map(re.escape, words)))
    return pattern.sub(lambda match: words[match[0]], text)


def _module(name: str) -> str:
    return (_PREFIX + name).replace("-", "_")


def _component_names(loaded: LoadedPlugins, kind: str) -> list[str]:
    """Return the names that a component of a kind cannot have; those of packs are paths."""
    if kind == "knowledge":
        return []
    own: tuple[str, ...] = ()
    if kind == "metric":
        from metaauto.metrics import METRICS

        own = tuple(METRICS)
    # The name of a preprocessor begins with its slot.
    return [*own, *(name.rpartition(".")[2] for name in loaded.registry.names(kind))]


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="\n")
    except OSError as error:
        raise SettingError(
            f"{str(path)!r} cannot be written: {error.strerror or error}.",
            hint="Name another place by --dir.",
        ) from error
