from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import metaauto
from metaauto import api

HOME = Path(metaauto.__file__).parent.parent


def test_every_name_of_the_api_is_there_once():
    for name in api.__all__:
        assert getattr(api, name) is not None
    assert len(set(api.__all__)) == len(api.__all__)


def test_public_names_of_the_api_are_exported():
    typing = {"annotations", "Any", "TYPE_CHECKING"}
    public = {name for name in vars(api) if not name.startswith("_")} - typing
    assert public | set(api._LAZY) == set(api.__all__) == set(dir(api))


def test_every_component_that_can_be_registered_is_in_the_api():
    from metaauto.plugins.registry import COMPONENT_TYPES

    assert {kind.__name__ for kind in COMPONENT_TYPES.values()} <= set(api.__all__)


def test_importing_metaauto_is_light():
    code = (
        "import sys, metaauto;"
        "print([m for m in ('numpy', 'pandas', 'sklearn', 'smac', 'pluggy') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HOME
    )
    assert run.stdout.strip() == "[]"


def test_names_of_the_package_lead_somewhere():
    for name in metaauto.__all__:
        assert getattr(metaauto, name) is not None
    assert dir(metaauto) == sorted(metaauto.__all__)
