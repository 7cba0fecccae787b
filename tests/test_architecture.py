"""The architecture, as far as it can be tested: who imports whom, what is light, how large files are."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import metaauto
from metaauto import api

HOME = Path(metaauto.__file__).parents[1]
PACKAGE = Path(metaauto.__file__).parent
MOST_LINES = 500
FEWEST_LINES = 30
MOST_TOP_LEVEL_MODULES = 14
SHORT = {
    "builtin/preprocessors/dates.py": "one preprocessor a file",
    "data/cost.py": "the unit of cost, read by components and by the runtime model",
    "data/findings.py": "a record that checks write and reports read",
    "search/executors/environment.py": "imported before numpy, so it imports nothing",
}


def python(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], cwd=HOME, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(not (HOME / "pyproject.toml").exists(), reason="needs the repository")
def test_imports_run_one_way() -> None:
    pytest.importorskip("importlinter")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as command; command()",
            "--no-cache",
        ],
        cwd=HOME,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "light_of"),
    [
        ("metaauto", {"numpy", "pandas", "sklearn", "scipy", "pluggy", "click", "smac"}),
        ("metaauto.errors", {"numpy", "pandas", "sklearn", "scipy", "pluggy"}),
        ("metaauto.task", {"numpy", "pandas", "sklearn", "scipy", "pluggy"}),
        ("metaauto.components.hyperparameters", {"numpy", "pandas", "sklearn", "scipy", "pluggy"}),
        ("metaauto.components", {"numpy", "pandas", "sklearn", "scipy"}),
        ("metaauto.__main__", {"numpy", "pandas", "sklearn", "click", "multiprocessing"}),
        ("metaauto.search.executors.environment", {"numpy", "pandas", "sklearn", "subprocess"}),
        ("metaauto.search.executors.forkserver", {"sqlite_utils", "metaauto.knowledge"}),
        ("metaauto.cli", {"numpy", "pandas", "sklearn", "scipy", "pluggy", "smac"}),
        ("metaauto.api", {"pandas", "smac", "ConfigSpace", "openml", "torch", "sqlite_utils"}),
        ("metaauto.engine.fit_runner", {"smac", "ConfigSpace", "openml", "matplotlib", "torch"}),
    ],
)
def test_a_light_module_stays_light(module: str, light_of: set[str]) -> None:
    script = f"import sys, {module}; print(*(n for n in {sorted(light_of)!r} if n in sys.modules))"
    done = python(script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_every_name_of_the_package_is_there_once_asked_for() -> None:
    assert metaauto.__all__ == sorted(metaauto.__all__)
    for name in metaauto.__all__:
        assert getattr(metaauto, name) is not None
    with pytest.raises(AttributeError, match="fitt"):
        metaauto.fitt  # noqa: B018


def test_the_api_of_plugins_lists_what_it_imports() -> None:
    tree = ast.parse(Path(api.__file__).read_text("utf-8"))
    # What is imported when it is asked for is imported for type checkers alone.
    (for_types,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.asname or alias.name
        for node in (*tree.body, *for_types.body)
        if isinstance(node, ast.ImportFrom) and node.module not in ("__future__", "typing")
        for alias in node.names
    }
    assert set(api.__all__) == imported
    constants = [name for name in api.__all__ if name.isupper()]
    types = [name for name in api.__all__ if name[0].isupper() and not name.isupper()]
    functions = [name for name in api.__all__ if name[0].islower()]
    order = [*sorted(constants), *sorted(types), *sorted(functions)]
    assert api.__all__ == order
    for name in api.__all__:
        assert getattr(api, name) is not None
    with pytest.raises(AttributeError, match="Modell"):
        api.Modell  # noqa: B018


@pytest.mark.parametrize("folder", ["builtin", *(p.name for p in (HOME / "plugins").glob("*"))])
def test_components_import_the_api_alone(folder: str) -> None:
    root = PACKAGE / "builtin" if folder == "builtin" else HOME / "plugins" / folder
    allowed = re.compile(r"metaauto(\.api|\.builtin(\..*)?|\.testing(\..*)?)?")
    for file in root.rglob("*.py"):
        if "build" in file.parts or (folder != "builtin" and "tests" in file.parts):
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in names:
                if name == "metaauto" or name.startswith("metaauto."):
                    assert allowed.fullmatch(name), f"{file.name} imports {name}"


def lines_by_file() -> dict[str, int]:
    return {
        str(file.relative_to(PACKAGE).as_posix()): len(file.read_text("utf-8").splitlines())
        for file in PACKAGE.rglob("*.py")
        if file.name != "__init__.py" or len(file.read_text("utf-8").splitlines()) > MOST_LINES
    }


def test_files_are_no_longer_than_a_concept_needs() -> None:
    long = {name: lines for name, lines in lines_by_file().items() if lines > MOST_LINES}
    assert long == {}, "split by concept, or give a reason"


def test_short_files_have_a_reason() -> None:
    short = {name for name, lines in lines_by_file().items() if lines < FEWEST_LINES}
    assert short == set(SHORT), "merge with the module that it belongs to, or give a reason"


def test_the_top_level_keeps_to_its_modules() -> None:
    modules = sorted(file.stem for file in PACKAGE.glob("*.py"))
    assert len(modules) <= MOST_TOP_LEVEL_MODULES, modules


def module_imports() -> dict[str, set[str]]:
    """Return the modules that each module imports at its top level, those for types included."""
    files = {}
    for file in PACKAGE.rglob("*.py"):
        parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    graph: dict[str, set[str]] = {}
    for module, file in files.items():
        body = list(ast.parse(file.read_text("utf-8")).body)
        for node in [n for n in body if isinstance(n, ast.If)]:
            body += node.body
        graph[module] = {
            full if (full := f"{node.module}.{alias.name}") in files else str(node.module)
            for node in body
            if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("metaauto.")
            for alias in node.names
        } & set(files)
    return graph


def test_no_module_imports_itself_through_others() -> None:
    graph = module_imports()
    assert len(graph) > 200
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"cyclic imports: {' -> '.join(error.args[1])}")
    assert len(order) == len(graph)
