from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from metaauto.errors import ComponentError
from metaauto.plugins.registry import Plugin, Register
from metaauto.testing import faults, fit_on, make_problem, predict_with

SHORT = {"seconds": 0.1, "gigabytes": 0.05}


def test_the_module_is_a_plugin():
    register = Register(Plugin("faults"))
    faults.register_models(register)
    assert {entry.name for entry in register.entries} == set(faults.FAULTS)
    assert not register.plugin.errors


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_the_model_without_a_fault_works(kind):
    problem = make_problem(kind)
    prediction = predict_with(fit_on(faults.FAULTS["fault_none"], problem, SHORT), problem)
    assert np.isfinite(prediction).all()


@pytest.mark.parametrize(
    "name", ["fault_predicts_nan", "fault_predicts_too_few", "fault_predicts_wrong_shape"]
)
def test_wrong_predictions_are_noticed(name):
    problem = make_problem("binary")
    estimator = fit_on(faults.FAULTS[name], problem, SHORT)
    with pytest.raises(ComponentError):
        predict_with(estimator, problem)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("fault_raises", RuntimeError),
        ("fault_leaves", SystemExit),
        ("fault_eats_memory", MemoryError),
    ],
)
def test_failing_fits(name, error):
    with pytest.raises(error):
        fit_on(faults.FAULTS[name], make_problem("binary"), SHORT)


@pytest.mark.parametrize("name", ["fault_sleeps", "fault_predicts_slowly"])
def test_faults_that_end_leave_a_model(name):
    problem = make_problem("regression")
    prediction = predict_with(fit_on(faults.FAULTS[name], problem, SHORT), problem)
    assert np.allclose(prediction, problem.y.mean())


def test_the_chatty_one_floods_both_streams(capfd):
    fit_on(faults.FAULTS["fault_chatters"], make_problem("binary"), SHORT)
    out, err = capfd.readouterr()
    assert len(out) > 1_000_000
    assert len(err) > 1_000_000


@pytest.mark.parametrize(
    ("name", "is_expected"),
    [
        ("fault_exits", lambda code: code == 3),
        ("fault_segfaults", lambda code: code < 0 or code > 3),
    ],
)
def test_faults_that_take_the_process_with_them(name, is_expected):
    code = (
        "from metaauto.testing import faults, fit_on, make_problem\n"
        f"fit_on(faults.FAULTS[{name!r}], make_problem('binary'), {SHORT!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler=0", "-c", code],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert is_expected(done.returncode), done


def test_hanging_in_c_starves_other_threads(tmp_path):
    code = (
        "import threading, time\n"
        "from metaauto.testing import faults, fit_on, make_problem\n"
        "problem = make_problem('binary')\n"
        "def live():\n"
        "    while True:\n"
        "        print('alive', flush=True)\n"
        "        time.sleep(0.05)\n"
        "threading.Thread(target=live, daemon=True).start()\n"
        "fit_on(faults.FAULTS['fault_hangs'], problem, {'seconds': 600.0, 'gigabytes': 0.0})\n"
    )
    signs = tmp_path / "signs"
    with open(signs, "wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=file, stderr=subprocess.DEVNULL
        )
    try:
        deadline, seen, since = time.monotonic() + 60, 0, time.monotonic()
        while not seen or time.monotonic() < since + 2:
            assert time.monotonic() < deadline, "the other thread goes on"
            assert process.poll() is None
            time.sleep(0.05)
            if (size := signs.stat().st_size) > seen:
                seen, since = size, time.monotonic()
    finally:
        process.kill()
        process.wait()
