"""Contract of models."""

from __future__ import annotations

import json
import pickle
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from metaauto.components import Model
from metaauto.plugins.registry import Registry
from metaauto.testing.applicable import Check, Contract, only_if
from metaauto.testing.global_state import heavy_imports_of, unchanged_global_state
from metaauto.testing.model_file import check_model_file
from metaauto.testing.problems import (
    Problem,
    check_prediction,
    contradictory,
    fit_on,
    make_problem,
    predict_with,
)
from metaauto.testing.sampling import default_values, draw_values, invalid_values

__all__ = ["ModelContract"]


def _tagged(*tags: str) -> Callable[[Check], Check]:
    """Restrict a check to models with these tags."""
    return only_if(lambda model: all(getattr(model.tags, tag) for tag in tags))


def _of_matrices(*tags: str) -> Callable[[Check], Check]:
    """Restrict a check to models with these tags that are fitted on matrices."""
    return only_if(
        lambda model: (
            not model.tags.accepts_dataframe and all(getattr(model.tags, tag) for tag in tags)
        )
    )


def _takes_classes(count: int) -> Callable[[Check], Check]:
    """Restrict a check to models of as many classes."""
    return only_if(
        lambda model: (
            "multiclass" in model.tasks
            and (model.max_classes is None or model.max_classes >= count)
        )
    )


class ModelContract(Contract):
    """Contract tests of a model and its tags.

    Subclass it in a test module, under a name that starts with ``Test``, and set `model`. Checks
    that do not apply to the model's tags, tasks and limits are not collected.

    Attributes
    ----------
    model : Model
        The component under test.
    rows : int
        Training rows of the small problems.
    draws : int
        Number of random configurations that are fitted, besides the default.
    fit_seconds : float
        Deadline of most fits, for models tagged ``keeps_deadline``; reduce it for faster tests.
    large_rows : int
        Rows of the problem in the deadline test.
    deadline_seconds, deadline_bound : float
        Deadline of that fit, and the seconds after which the test fails.
    tolerance : float
        Absolute tolerance between the prediction of a single row and of the same row in a batch.

    Examples
    --------
    >>> from metaauto.api import Model
    >>> def build(values, context):
    ...     from sklearn.naive_bayes import GaussianNB
    ...
    ...     return GaussianNB()
    >>> class TestMine(ModelContract):
    ...     model = Model("mine", build, tasks=("binary", "multiclass"))
    """

    component_attribute = "model"
    model: Model
    rows: int = 120
    draws: int = 5
    fit_seconds: float = 60.0
    large_rows: int = 20_000
    deadline_seconds: float = 0.5
    deadline_bound: float = 30.0
    tolerance: float = 1e-4

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Parametrise the checks with a ``kind`` argument by the tasks of the model."""
        if "kind" in metafunc.fixturenames:
            metafunc.parametrize("kind", self.model.tasks)

    # -- helpers ------------------------------------------------------------------------------

    def problem(self, kind: str, **settings: Any) -> Problem:
        """Make a small problem, with a typed frame if the model accepts one."""
        settings.setdefault("n_rows", self.rows)
        return make_problem(kind, frame=self.model.tags.accepts_dataframe, **settings)

    def first_kind(self) -> str:
        """Return the first task of the model."""
        return self.model.tasks[0]

    def fitted(self, problem: Problem) -> Any:
        """Fit the default configuration."""
        return fit_on(self.model, problem, seconds=self.fit_seconds)

    def fits(self, problem: Problem, values: Any = None, **context: Any) -> np.ndarray:
        """Fit, predict the validation rows and check the prediction."""
        context.setdefault("seconds", self.fit_seconds)
        estimator = fit_on(self.model, problem, values, **context)
        prediction = predict_with(estimator, problem)
        check_prediction(prediction, problem)
        return prediction

    # -- every task ---------------------------------------------------------------------------

    def test_fits_and_predicts(self, kind: str) -> None:
        """The model can be fitted on a fold and predicts its validation rows."""
        problem = self.problem(kind)
        estimator = self.fitted(problem)
        check_prediction(predict_with(estimator, problem), problem)
        if kind != "regression":
            raw = np.asarray(estimator.predict_proba(problem.X_validation), dtype=float)
            assert np.allclose(raw.sum(axis=1), 1.0, atol=1e-4), "probabilities must sum to 1"
            assert list(estimator.classes_) == list(range(problem.n_classes))

    def test_fits_without_a_validation_part(self, kind: str) -> None:
        """The model can be fitted without a validation part."""
        self.fits(self.problem(kind), validated=False)

    def test_random_configurations(self, kind: str) -> None:
        """Random configurations of the space can be built and fitted."""
        space = self.model.space_for(kind)
        for seed in range(self.draws if space else 0):
            values = draw_values(space, seed)
            try:
                self.fits(self.problem(kind), values)
            except Exception as error:
                raise AssertionError(f"{values} fails: {error}") from error

    def test_portfolio_entries_fit(self, kind: str) -> None:
        """Each portfolio configuration can be fitted."""
        space = self.model.space_for(kind)
        for entry in self.model.portfolio:
            known = {key: value for key, value in entry.items() if key in space}
            values = {**default_values(space), **known}
            self.fits(self.problem(kind), values)

    def test_no_output(self, kind: str, capfd: Any) -> None:
        """Fit and predict give no warnings and no output."""
        problem = self.problem(kind)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            predict_with(self.fitted(problem), problem)
        assert not caught, f"It warns: {caught[0].message}"
        out, err = capfd.readouterr()
        assert not out, f"It prints: {out[:200]}"
        assert not err, f"It prints to stderr: {err[:200]}"

    # -- difficult rows -----------------------------------------------------------------------

    @_of_matrices()
    def test_one_column(self, kind: str) -> None:
        """Tables with one column are accepted."""
        self.fits(self.problem(kind, n_features=1))

    @_of_matrices()
    def test_constant_column(self, kind: str) -> None:
        """Constant columns are accepted."""

        def with_constant(X: Any) -> Any:
            X = X.copy()
            X[:, 1] = 3.0
            return X

        self.fits(self.problem(kind).with_columns(with_constant))

    def test_tiny_fold(self, kind: str) -> None:
        """Six training rows are accepted."""
        self.fits(self.problem(kind, n_rows=6, n_features=3))

    @_of_matrices("accepts_nan")
    def test_missing_values(self, kind: str) -> None:
        """Models tagged ``accepts_nan`` accept NaN, also in columns without NaN in training."""
        random = np.random.default_rng(1)

        def with_missing(X: Any) -> Any:
            X = X.copy()
            X[random.random(X.shape) < 0.2] = np.nan
            return X

        problem = self.problem(kind)
        self.fits(problem.with_columns(with_missing))
        self.fits(replace(problem, X_validation=with_missing(problem.X_validation)))

    @_of_matrices("accepts_categories")
    def test_category_codes(self, kind: str) -> None:
        """Models tagged ``accepts_categories`` accept codes, NaN and -1 for unseen categories."""
        problem = self.problem(kind)

        def with_codes(X: Any) -> Any:
            X = X.copy()
            X[:, 0] = np.floor(np.clip(X[:, 0] + 2.0, 0.0, 3.0))
            X[::7, 0] = np.nan
            return X

        problem = replace(problem.with_columns(with_codes), categorical=(0,))
        problem.X_validation[:3, 0] = -1.0
        self.fits(problem)

    @_of_matrices("accepts_sparse")
    def test_sparse_rows(self, kind: str) -> None:
        """Models tagged ``accepts_sparse`` accept sparse matrices."""
        from scipy import sparse

        problem = self.problem(kind)
        dense = self.fits(problem)
        sparse_prediction = self.fits(problem.with_columns(sparse.csr_matrix))
        assert dense.shape == sparse_prediction.shape

    @_of_matrices("accepts_sparse", "accepts_categories")
    def test_sparse_rows_with_category_codes(self, kind: str) -> None:
        """Sparse matrices with category codes are accepted."""
        from scipy import sparse

        def with_codes(X: Any) -> Any:
            X = X.copy()
            X[:, 0] = np.floor(np.clip(X[:, 0] + 2.0, 0.0, 3.0))
            X[::7, 0] = np.nan
            X[3::7, 0] = -1.0
            return X

        problem = replace(self.problem(kind).with_columns(with_codes), categorical=(0,))
        dense = self.fits(problem)
        sparse_prediction = self.fits(problem.with_columns(sparse.csr_matrix))
        assert dense.shape == sparse_prediction.shape

    @_takes_classes(12)
    def test_many_classes(self) -> None:
        """Twelve classes are accepted unless ``max_classes`` is lower."""
        self.fits(self.problem("multiclass", n_classes=12))

    @_takes_classes(3)
    def test_class_absent_from_the_training_part(self) -> None:
        """``classes_`` contains the training classes; other classes get probability 0."""
        problem = self.problem("multiclass")
        kept = np.flatnonzero(problem.y != 1)
        rows = problem.X.iloc[kept] if self.model.tags.accepts_dataframe else problem.X[kept]
        lacking = replace(problem, X=rows, y=problem.y[kept])
        estimator = self.fitted(lacking)
        assert list(estimator.classes_) == [0, 2]
        prediction = predict_with(estimator, lacking)
        check_prediction(prediction, lacking)
        assert (prediction[:, 1] == 0).all()

    # -- tags ---------------------------------------------------------------------------------

    @_tagged("deterministic")
    def test_same_seed_same_model(self, kind: str) -> None:
        """Models tagged ``deterministic`` give the same predictions for the same seed."""
        problem = self.problem(kind)
        first, second = (self.fits(problem, seed=3, seconds=float("inf")) for _ in range(2))
        np.testing.assert_array_equal(first, second)

    def test_one_row_predicts_as_in_a_batch(self, kind: str) -> None:
        """The prediction of a row does not depend on the other rows."""
        problem = self.problem(kind)
        estimator = self.fitted(problem)
        batch = predict_with(estimator, problem)
        for row in (0, 2):
            one = problem.X_validation[row : row + 1]
            alone = predict_with(estimator, problem, one)
            np.testing.assert_allclose(alone[0], batch[row], rtol=1e-3, atol=self.tolerance)

    @_tagged("accepts_sample_weight")
    def test_weights_matter(self, kind: str) -> None:
        """Sample weights change the predictions of models tagged ``accepts_sample_weight``."""
        problem = contradictory(self.problem(kind))
        half = len(problem.y) // 2
        means = []
        for heavy in (1.0, 9.0):
            weight = np.repeat([1.0, heavy], half)
            weighted = replace(problem, sample_weight=weight)
            predicted = self.fits(weighted, validated=False, seconds=max(self.fit_seconds, 1.0))
            means.append((predicted if kind == "regression" else predicted[:, -1]).mean())
        assert means[1] > means[0] + 1e-3, f"sample weights have no effect: {means}"

    @_tagged("accepts_sample_weight")
    def test_rows_of_weight_zero(self, kind: str) -> None:
        """Sample weights of zero are accepted."""
        problem = self.problem(kind)
        weight = (np.arange(len(problem.y)) % 5 > 0).astype(float)
        self.fits(replace(problem, sample_weight=weight))

    @_tagged("keeps_deadline")
    def test_deadline_is_kept(self, kind: str) -> None:
        """Models tagged ``keeps_deadline`` stop in time and can predict."""
        n_rows = min(self.large_rows, self.model.max_rows or self.large_rows)
        problem = self.problem(kind, n_rows=n_rows, n_features=10)
        began = time.monotonic()
        estimator = fit_on(self.model, problem, seconds=self.deadline_seconds)
        took = time.monotonic() - began
        check_prediction(predict_with(estimator, problem), problem)
        assert took < self.deadline_bound, (
            f"It took {took:.1f} s with a deadline of {self.deadline_seconds} s."
        )

    @_tagged("keeps_deadline")
    def test_deadline_that_has_passed(self, kind: str) -> None:
        """A fit with a deadline in the past returns a model that can predict."""
        self.fits(self.problem(kind), seconds=-1.0)

    @_tagged("uses_early_stopping")
    def test_validation_part_is_used(self, kind: str) -> None:
        """The validation part changes models tagged ``uses_early_stopping``."""
        problem = self.problem(kind, n_rows=max(self.rows, 300))
        shuffled = np.random.default_rng(0).permutation(problem.y_validation)
        original = self.fits(problem, seconds=60.0)
        changed = self.fits(replace(problem, y_validation=shuffled), seconds=60.0)
        assert not np.array_equal(original, changed), "the validation part has no effect"

    @only_if(lambda model: bool(model.rounds))
    def test_refit_trains_the_rounds_of_early_stopping(self, kind: str) -> None:
        """`Model.rounds` names the number of rounds, and a refit trains ``context.rounds``."""
        problem = self.problem(kind)
        found = int(getattr(self.fitted(problem), self.model.rounds))
        assert found >= 1, f"{self.model.rounds} is {found} after early stopping"
        if self.model.max_rounds:
            most = int(getattr(self.fitted(problem), self.model.max_rounds))
            assert found <= most, f"{self.model.max_rounds} is {most}, it trained {found} rounds"
        for rounds in (found, found + 3):
            context = {"validated": False, "rounds": rounds, "seconds": self.fit_seconds}
            again = fit_on(self.model, problem, None, **context)
            done = int(getattr(again, self.model.rounds))
            assert done == rounds, f"It trained {done} rounds with context.rounds={rounds}."

    # -- serialisation ------------------------------------------------------------------------

    def test_pickles(self, kind: str) -> None:
        """A fitted model can be pickled."""
        problem = self.problem(kind)
        estimator = self.fitted(problem)
        again = pickle.loads(pickle.dumps(estimator))
        np.testing.assert_array_equal(
            predict_with(estimator, problem), predict_with(again, problem)
        )

    def test_is_saved_and_loaded(self, kind: str) -> None:
        """A saved model can be loaded with the types in ``trusted`` only."""
        from metaauto.model.serialization import dump_estimator, load_estimator, trusted_types

        problem = self.problem(kind)
        estimator = self.fitted(problem)
        trusted = {*trusted_types(Registry()), *self.model.trusted}
        again = load_estimator(dump_estimator(estimator), trusted)
        np.testing.assert_array_equal(
            predict_with(estimator, problem), predict_with(again, problem)
        )

    def test_model_file_predicts_in_a_new_process(self) -> None:
        """A model file can be loaded in a new process, and predicts the same there."""
        problem = self.problem(self.first_kind())
        assert hasattr(self.fitted(problem), "__sklearn_tags__"), (
            "Its estimator must inherit sklearn.base.BaseEstimator."
        )
        check_model_file(self.model, problem, self.fit_seconds)

    # -- side effects -------------------------------------------------------------------------

    def test_keeps_global_state(self, kind: str) -> None:
        """Global state is not changed."""
        problem = self.problem(kind)
        self.fits(problem)  # libraries may initialise themselves once
        with unchanged_global_state():
            self.fits(problem)

    def test_keeps_input(self, kind: str) -> None:
        """Prepared rows, which trials share, are not changed."""
        problem = self.problem(kind)
        if self.model.tags.accepts_sample_weight:
            problem = replace(problem, sample_weight=np.linspace(0.5, 2.0, len(problem.y)))
        copy = pickle.loads(pickle.dumps(problem))
        self.fits(problem)
        for name in ("X", "y", "X_validation", "y_validation", "sample_weight"):
            before, after = getattr(copy, name), getattr(problem, name)
            equal = before.equals if hasattr(before, "equals") else partial(np.array_equal, before)
            assert equal(after), f"It changed {name}."

    def test_imports_no_heavy_library(self) -> None:
        """Heavy libraries are imported in ``build`` or ``fit``, not when the plugin is loaded."""
        heavy = heavy_imports_of(self.model.build.__module__, self.model.requires)
        assert not heavy, f"Import {', '.join(heavy)} inside build or fit."

    # -- the space ----------------------------------------------------------------------------

    def test_values_go_through_json(self, kind: str) -> None:
        """Values are unchanged by a JSON round trip, as in the knowledge store."""
        space = self.model.space_for(kind)
        for values in (default_values(space), *(draw_values(space, s) for s in range(20))):
            again = json.loads(json.dumps(values, allow_nan=False))
            assert again == values
            assert not invalid_values(space, again), invalid_values(space, again)

    def test_portfolio_lies_in_the_space(self) -> None:
        """Every portfolio value is in the space of at least one task."""
        spaces = [self.model.space_for(kind) for kind in self.model.tasks]
        for entry in self.model.portfolio:
            for key, value in entry.items():
                problems = [invalid_values(space, {key: value}) for space in spaces]
                assert any(not found for found in problems), problems[0]
