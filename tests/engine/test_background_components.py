"""Models that a script or notebook defines, in a real script of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from command_line import run_plain

import metaauto

pytestmark = pytest.mark.slow

HOME = Path(metaauto.__file__).parent.parent

MODEL = """
import json
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
import metaauto
from metaauto.api import Model, Tags

SHARPNESS = 2.0

class Centres(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.centres_ = np.stack([X[y == c].mean(axis=0) for c in self.classes_])
        return self

    def predict_proba(self, X):
        distance = ((np.asarray(X)[:, None, :] - self.centres_) ** 2).sum(axis=-1)
        near = np.exp(SHARPNESS * (distance.min(axis=1, keepdims=True) - distance))
        return near / near.sum(axis=1, keepdims=True)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

def build(values, context):
    return Centres()

mine = Model("centres", build, tasks=("binary", "multiclass"), tags=Tags(needs_scaling=True))
X, y = load_iris(return_X_y=True)

def tell(model, **more):
    names = sorted({member.model for member in model.members})
    failed = [row["error"] for row in model.leaderboard_rows if row["error"]]
    print(json.dumps({"members": names, "failed": failed, **more}))

def save(model, name):
    try:
        model.save(name)
    except metaauto.errors.MetaautoError as error:
        return f"{type(error).__name__}: {error}"
    return sorted({m.model for m in metaauto.load(name).members})
"""


def run(folder, code, main=MODEL):
    script = folder / "script.py"
    script.write_text(textwrap.dedent(main) + textwrap.dedent(code))
    return run_plain([sys.executable, script.name], folder)


def told(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_class_of_the_script_reaches_the_workers_and_is_refused_in_one_sentence_when_saved(
    tmp_path,
):
    done = run(
        tmp_path,
        """
        auto = metaauto.AutoClassifier(
            include=[mine], budget="2 trials", n_jobs=1, random_state=0
        ).fit(X, y)
        same = type(auto.model_.members[0].estimators[0][-1]) is Centres
        tell(auto.model_, score=auto.score(X, y), same=same, saved=save(auto, "a.metaauto"))
        """,
    )
    (found,) = told(done)
    assert found["failed"] == []
    assert found["members"] == ["centres"]
    assert found["score"] > 0.85
    assert found["same"], "the class in the model is that of the script"
    assert found["saved"].startswith("ModelFileError: Member 'centres-")
    assert "defined in a script or notebook" in found["saved"]
    assert "--plugins FOLDER" in found["saved"]
    assert not (tmp_path / "a.metaauto").exists()


def test_the_ensemble_is_saved_without_it(tmp_path):
    done = run(
        tmp_path,
        """
        from metaauto.model import FinalModel
        both = [
            metaauto.fit(X, y, components=[mine], include=[name], trials=1, cores=1)
            for name in ("centres", "lda")
        ]
        members = [member for model in both for member in model.members]
        model = FinalModel(both[1].task, both[1].schema, members, both[1].metric_name)
        tell(model, saved=save(model, "b.metaauto"))
        """,
    )
    (found,) = told(done)
    assert found["members"] == ["centres", "lda"]
    assert found["saved"] == ["lda"]
    (warning,) = [line for line in done.stderr.splitlines() if "centres" in line]
    assert "It is dropped" in warning


def test_a_function_of_the_script_over_classes_of_libraries_can_be_saved(tmp_path):
    done = run(
        tmp_path,
        """
        def build_tree(values, context):
            from sklearn.tree import DecisionTreeClassifier
            return DecisionTreeClassifier(max_depth=3, random_state=context.seed)

        tree = Model("tree", build_tree)
        model = metaauto.fit(X, y, components=[tree], include=["tree"], trials=1, cores=1)
        tell(model, saved=save(model, "c.metaauto"))
        """,
    )
    (found,) = told(done)
    assert found["members"] == found["saved"] == ["tree"]
    loaded = subprocess.run(
        [sys.executable, "-c", "import metaauto; print(metaauto.load('c.metaauto').task.kind)"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(HOME)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert loaded.stdout.strip() == "multiclass"


@pytest.mark.parametrize(
    ("what", "complaint"),
    [
        ("__import__('sqlite3').connect(':memory:')", "cannot be sent to worker processes"),
        ("__import__('threading').Lock()", "cannot be sent to worker processes"),
    ],
)
def test_what_cannot_travel_is_refused_in_one_sentence(tmp_path, what, complaint):
    done = run(
        tmp_path,
        f"""
        kept = {what}
        bad = Model("bad", lambda values, context: kept)
        try:
            metaauto.fit(X, y, components=[bad], trials=1, cores=1)
        except metaauto.errors.MetaautoError as error:
            print(json.dumps([type(error).__name__, str(error)]))
        """,
    )
    ((kind, message),) = told(done)
    assert kind == "Refused"
    assert complaint in message
    assert "\n" not in message


def test_a_class_of_a_module_beside_the_script_works_and_needs_trust_when_loaded(tmp_path):
    (tmp_path / "helpers.py").write_text(textwrap.dedent(MODEL))
    done = run(
        tmp_path,
        """
        model = metaauto.fit(X, y, components=[mine], include=["centres"], trials=1, cores=1)
        tell(model)
        model.save("d.metaauto")
        try:
            metaauto.load("d.metaauto")
        except metaauto.errors.MetaautoError as error:
            print(json.dumps(str(error)))
        print(json.dumps(len(metaauto.load("d.metaauto", trust=True).members)))
        """,
        main="from helpers import *",
    )
    found, error, members = told(done)
    assert found["members"] == ["centres"]
    assert "helpers.Centres" in error
    assert "trust=True" in error
    assert members == 1


def test_a_module_that_workers_cannot_import_is_named(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "elsewhere.py").write_text(
        "from metaauto.api import Model\n"
        "def build(values, context): return None\n"
        'mine = Model("mine", build)\n'
    )
    done = run(
        tmp_path,
        """
        import sys
        sys.path.insert(0, "far")
        import elsewhere
        del sys.path[0]
        try:
            metaauto.fit(X, y, components=[elsewhere.mine], trials=1, cores=1)
        except metaauto.errors.MetaautoError as error:
            print(json.dumps(str(error)))
        """,
    )
    (message,) = told(done)
    assert "No module named 'elsewhere'" in message
