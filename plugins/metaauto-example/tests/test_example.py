"""The model keeps the contract of a model; its checks are inherited."""

from metaauto_example import MODEL

from metaauto.testing import ModelContract


class TestExample(ModelContract):
    model = MODEL
