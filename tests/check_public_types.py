"""Check the types of the public API with ``mypy --strict``: `python tests/check_public_types.py`.

Checked are the modules that define what `metaauto`, `metaauto.api` and `metaauto.testing` export,
that no exported name has the type Any, the examples of the plugin guide with the settings of mypy
that it gives, and the packages that ``metaauto plugins new`` writes. Other modules have the settings
of pyproject.toml.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HOME = Path(__file__).parents[1]
MYPY = (sys.executable, "-m", "mypy", "--strict")


def packages() -> tuple[object, ...]:
    """Return the packages with the public names."""
    import metaauto
    from metaauto import api, testing

    return metaauto, api, testing


def modules() -> list[str]:
    """Return the modules that define the exported names, and those that export them."""
    names = {package.__name__ for package in packages()}  # type: ignore[attr-defined]
    for package in packages():
        objects = [getattr(package, name) for name in package.__all__]  # type: ignore[attr-defined]
        homes = {getattr(found, "__module__", None) or "" for found in objects}
        names |= {home for home in homes if home.startswith("metaauto.")}
    return sorted(names)


def revealing_file() -> str:
    """Return a file that reveals the type of every exported name."""
    lines = []
    for package in packages():
        module = package.__name__  # type: ignore[attr-defined]
        lines.append(f"import {module}")
        lines += [f"reveal_type({module}.{name})" for name in package.__all__]  # type: ignore[attr-defined]
    return "\n".join(lines)


def guide_files() -> dict[str, str]:
    """Return the Python files and the settings of mypy of the plugin guide."""
    sys.path.insert(0, str(HOME / "docs"))
    import examples

    found = examples.blocks((HOME / "docs" / "plugins.md").read_text("utf-8"))
    files = {
        block.options["file"]: block.text
        for block in found
        if block.options.get("file", "").endswith(".py")
    }
    (settings,) = (b.text for b in found if b.language == "toml" and "[tool.mypy]" in b.text)
    return {**files, "pyproject.toml": settings}


def new_packages() -> dict[str, dict[str, str]]:
    """Return the files that ``metaauto plugins new`` writes, by the kind of component."""
    from metaauto.cli.plugin_new import KINDS, render

    return {f"a new {kind}": render(f"fancy-{kind}", kind) for kind in KINDS}


def run_mypy(*arguments: str, folder: Path = HOME) -> tuple[int, str]:
    """Run mypy in a folder; return the exit status and the output."""
    done = subprocess.run(
        [*MYPY, "--follow-imports=silent", *arguments],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(HOME)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def check_exports() -> tuple[int, str]:
    """Check the modules with the exported names, and that none of these has the type Any."""
    with tempfile.TemporaryDirectory() as folder:
        names = Path(folder, "names.py")
        names.write_text(revealing_file(), "utf-8")
        files = [str(importlib.util.find_spec(name).origin) for name in modules()]  # type: ignore[union-attr]
        # scikit-learn has no types, so the classes of the estimators have a base class of type Any.
        status, output = run_mypy("--allow-subclassing-any", *files, str(names))
    lines = output.splitlines()
    untyped = [line for line in lines if 'Revealed type is "Any"' in line]
    others = [line for line in lines if "note: Revealed type is" not in line]
    return status or int(bool(untyped)), "".join(f"{line}\n" for line in [*untyped, *others])


def check_files(files: Mapping[str, str]) -> tuple[int, str]:
    """Run mypy on files with installed metaauto; return the exit status and the output."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        names = [name for name in files if name.endswith(".py")]
        cache = f"--cache-dir={HOME / '.mypy_cache' / 'strict'}"
        return run_mypy(cache, *names, folder=Path(folder))


def main() -> int:
    """Run mypy on everything; return the exit status."""
    with ThreadPoolExecutor() as pool:
        exports = pool.submit(check_exports)
        examples = {"the plugin guide": guide_files(), **new_packages()}
        # One after the other, for they share a cache.
        found = [(title, *check_files(files)) for title, files in examples.items()]
    status = 0
    for title, failed, output in [("exported names", *exports.result()), *found]:
        sys.stdout.write(f"{title}: {output}")
        status = status or failed
    return status


if __name__ == "__main__":
    sys.path.insert(0, str(HOME))
    sys.exit(main())
