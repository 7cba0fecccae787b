"""The model keeps the contract of a model; its checks are inherited."""

from metaauto.testing import ModelContract
from metaauto_example import MODEL


class TestExample(ModelContract):
    model = MODEL
