"""The preprocessor keeps the contract of its kind; its checks are inherited."""

from metaauto_example import PREPROCESSOR

from metaauto.testing import PreprocessorContract


class TestExample(PreprocessorContract):
    preprocessor = PREPROCESSOR
