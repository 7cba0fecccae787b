"""The plugin offers its store, and the store can be read."""

from metaauto_example import STORE

from metaauto.api import KnowledgeStore, PluginSettings, load_plugins


def test_store_is_offered() -> None:
    settings = PluginSettings(only=(), modules=("metaauto_example",), strict=True)
    assert STORE in load_plugins(settings).registry.knowledge()


def test_store_can_be_read() -> None:
    with KnowledgeStore.open(STORE, readonly=True) as store:
        assert store.readonly
