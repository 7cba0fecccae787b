"""Configuration of Sphinx, which builds the pages: ``tox -e docs``."""

from __future__ import annotations

import re
from typing import Any

from metaauto import __version__

project = "metaauto"
author = "The metaauto authors"
project_copyright = author
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
# Names in single backticks of docstrings become links if their target exists.
default_role = "py:obj"

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
add_module_names = False

html_theme = "furo"
html_title = f"metaauto {release}"
html_show_copyright = False


def keep_underscores(app: Any, what: str, name: str, item: Any, options: Any, lines: list) -> None:
    """Escape attributes such as ``model_``, which would become links to ``model``."""
    lines[:] = [re.sub(r"^(\w+)_ : ", r"\1\\_ : ", line) for line in lines]


def setup(app: Any) -> None:
    """Connect before napoleon processes the docstrings."""
    app.connect("autodoc-process-docstring", keep_underscores, priority=100)
