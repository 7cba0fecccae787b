from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metaauto.data import prepare
from metaauto.metafeatures import describe
from metaauto.plugins.manager import PluginSettings, load_plugins
from metaauto.warmstart import task_metafeatures

EXTRACTORS = load_plugins(PluginSettings(only=())).registry.metafeatures()


@pytest.mark.parametrize("target", ["kind", "size"])
def test_it_says_what_the_extractor_says(target):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "a": random.normal(size=200),
            "b": random.choice(list("xyz"), 200),
            "kind": random.choice(["p", "q"], 200, p=[0.3, 0.7]),
            "size": random.normal(size=200),
        }
    )
    frame.loc[:20, "a"] = np.nan
    dataset = prepare(frame, target)
    whole = describe(dataset, EXTRACTORS, seconds=60.0).values
    glance = task_metafeatures(dataset.task)
    assert {name: whole[name] for name in glance} == pytest.approx(glance)
    assert len(glance) >= (9 if target == "size" else 12)
