from __future__ import annotations

import pandas as pd
import pytest

from metaauto.testing import AWKWARD_TABLES


@pytest.mark.parametrize("name", sorted(AWKWARD_TABLES))
def test_an_awkward_table_has_a_usable_target(name):
    table = AWKWARD_TABLES[name](n_rows=120, seed=1)
    assert table.target in table.frame
    assert table.features.shape[1] == table.frame.shape[1] - 1
    known = table.labels.dropna()
    if table.kind == "binary":
        assert known.nunique() == 2
    elif table.kind == "multiclass":
        assert known.nunique() > 2
    else:
        assert pd.api.types.is_float_dtype(known)


@pytest.mark.parametrize("name", sorted(AWKWARD_TABLES))
def test_the_same_seed_makes_the_same_table(name):
    first, second = (AWKWARD_TABLES[name](seed=5).frame for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    assert not AWKWARD_TABLES[name](seed=6).frame.equals(first)


def test_each_table_has_its_defect():
    def make(name):
        return AWKWARD_TABLES[name](n_rows=200).frame

    assert make("missing")["empty"].isna().all()
    assert make("wide").shape[1] > 200
    assert make("rare_classes")["target"].value_counts().min() == 1
    assert make("duplicates").duplicated().sum() == 100
    assert make("constant")["one"].nunique() == 1
    assert make("identifiers")["uuid"].is_unique
    assert {type(v) for v in make("mixed_types")["mixed"]} >= {str, bool, float}
    assert max(len(name) for name in make("names").columns) == 500
    assert make("single_column").shape[1] == 2
    assert make("dates")["with_zone"].dt.tz is not None
    assert make("missing_target")["target"].isna().any()
