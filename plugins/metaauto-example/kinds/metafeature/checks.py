"""The metafeature keeps the contract of its kind; its checks are inherited."""

from metaauto_example import METAFEATURE

from metaauto.testing import MetafeatureContract


class TestExample(MetafeatureContract):
    metafeature = METAFEATURE
