"""Install two folders of the repository inside the package, which pyproject.toml cannot express."""

from pathlib import Path

from setuptools import find_namespace_packages, setup

EXAMPLE = "metaauto.cli.example_plugin"

setup(
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
