"""Check the types of the public API with ``mypy --strict``: `python tests/check_public_types.py`.

Checked are the modules that define what `metaauto` and `metaauto.api` export, and a file of a user
that imports all of it. Other modules have the settings of pyproject.toml.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

HOME = Path(__file__).parents[1]
USER_FILE = '''"""A plugin, as its author writes it."""

from collections.abc import Mapping
from typing import Any

from metaauto import {package}
from metaauto.api import {api}


def build(values: Mapping[str, Any], context: BuildContext) -> Any:
    """Return an estimator."""
    from sklearn.linear_model import Ridge

    return Ridge(alpha=values["alpha"])


@hookimpl
def register_models(register: Register) -> None:
    """Register the model."""
    space = {{"alpha": Float(0.1, 10.0, 1.0, log=True)}}
    register.model(Model(name="mine", build=build, space=space, tasks=("regression",)))
'''


def modules() -> list[str]:
    """Return the modules that define the exported names, and those that export them."""
    import metaauto
    from metaauto import api

    packages = (metaauto, api)
    objects = [getattr(package, name) for package in packages for name in package.__all__]
    homes = {getattr(found, "__module__", "") for found in objects}
    return sorted({"metaauto", "metaauto.api"} | {n for n in homes if n.startswith("metaauto.")})


def user_file() -> str:
    """Return a file that imports every exported name."""
    import metaauto
    from metaauto import api

    package = [name for name in metaauto.__all__ if name not in api.__all__]
    return USER_FILE.format(package=", ".join(package), api=", ".join(api.__all__))


def main() -> int:
    """Run mypy twice; return the exit status."""
    mypy = [sys.executable, "-m", "mypy", "--strict"]
    # scikit-learn has no types, so the classes of the estimators have a base class of type Any.
    own = [*mypy, "--allow-subclassing-any", "--follow-imports=silent"]
    status = subprocess.run(
        [*own, *(f"-m{name}" for name in modules())], cwd=HOME, check=False
    ).returncode
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "user_plugin.py")
        file.write_text(user_file(), "utf-8")
        settings = [
            "--config-file=",
            "--ignore-missing-imports",
            "--follow-imports=silent",
            str(file),
        ]
        environment = {**os.environ, "MYPYPATH": str(HOME)}
        done = subprocess.run([*mypy, *settings], cwd=folder, env=environment, check=False)
    return status or done.returncode


if __name__ == "__main__":
    sys.path.insert(0, str(HOME))
    sys.exit(main())
