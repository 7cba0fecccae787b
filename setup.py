"""What pyproject.toml cannot say: the folder ``metaknowledge`` is installed inside the package."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[
        *find_namespace_packages(include=["metaauto*"]),
        "metaauto.metaknowledge",
        "metaauto.metaknowledge.recipes",
    ],
    package_dir={"metaauto.metaknowledge": "metaknowledge"},
)
