"""Set what pyproject.toml cannot express: two folders in the package, a readme without links."""

import re
from pathlib import Path

from setuptools import find_namespace_packages, setup

EXAMPLE = "metaauto.cli.example_plugin"

# A package index does not have the files that relative links and images lead to.
readme = Path(__file__).with_name("README.md").read_text("utf-8")
readme = re.sub(r"!\[[^]]*\]\((?!https?:)[^)]*\)\n+", "", readme)
readme = re.sub(r"\[([^]]+)\]\((?!https?:)[^)]*\)", r"\1", readme)

setup(
    long_description=readme,
    long_description_content_type="text/markdown",
    packages=[
        *find_namespace_packages(include=["metaauto*"]),
        "metaauto.metaknowledge",
        "metaauto.metaknowledge.recipes",
        # `metaauto plugins new` copies it.
        EXAMPLE,
        f"{EXAMPLE}.metaauto_example",
        f"{EXAMPLE}.tests",
        *(
            f"{EXAMPLE}.kinds.{kind.name}"
            for kind in sorted(Path(__file__).with_name("plugins").glob("metaauto-example/kinds/*"))
        ),
    ],
    package_dir={
        "metaauto.metaknowledge": "metaknowledge",
        EXAMPLE: "plugins/metaauto-example",
    },
)
