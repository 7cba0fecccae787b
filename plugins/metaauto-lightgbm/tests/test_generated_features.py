"""A fit whose target is a ratio uses generated features, and the model keeps them everywhere."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import metaauto


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.lognormal(size=(400, 3)), columns=["price", "area", "age"])
    frame.loc[::17, "age"] = np.nan
    frame["y"] = frame["price"] / frame["area"] + 0.1 * random.normal(size=400)
    folder = tmp_path_factory.mktemp("generated")
    options = {"trials": 3, "cores": 1, "cv": 2, "seed": 0}
    model = metaauto.fit(
        frame, "y", include=["lightgbm"], knowledge=False, remember=False, **options
    )
    return model, frame.drop(columns="y"), folder


def generated(member) -> bool:
    return member.values.get("generate") == "arithmetic"


def test_the_member_with_the_ratio_has_the_weight(fitted):
    model = fitted[0]
    heaviest = max(model.members, key=lambda member: member.weight)
    assert generated(heaviest), [(m.name, m.weight, m.values) for m in model.members]
    names = heaviest.estimators[0].steps[0][1].get_feature_names_out()
    assert "generated__price / area" in set(names)


def test_the_record_and_the_report_list_them(fitted):
    from metaauto.model import read_manifest
    from metaauto.report.html import report_html

    model, _, folder = fitted
    first = model.record.generated[0]
    assert first.name in ("price / area", "area / price")
    assert 0 < first.importance <= first.weight + 1e-9 <= 1 + 2e-9
    text = report_html(read_manifest(model.save(folder / "reported")))
    assert "Generated features" in text
    assert first.name in text


def test_saved_exported_and_alone_it_predicts_alike(fitted):
    model, X, folder = fitted
    expected = model.predict(X)
    np.testing.assert_array_equal(metaauto.load(model.save(folder / "m")).predict(X), expected)
    np.testing.assert_allclose(model.to_sklearn().predict(X), expected, rtol=1e-12)
    alone = np.concatenate([model.predict(X.iloc[[row]]) for row in range(5)])
    np.testing.assert_allclose(alone, expected[:5], rtol=1e-12)


def test_explanations_name_the_columns_of_the_table(fitted):
    model, X, _ = fitted
    importance = model.explain(X.head(20), X).abs().mean()
    assert set(importance.index) == {"price", "area", "age"}
    assert importance["age"] < min(importance["price"], importance["area"])
