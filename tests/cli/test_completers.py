"""What a shell is told when somebody presses the tab key."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from command_line import environment

from metaauto.cli.completers import (
    complete_excluded,
    complete_metrics,
    complete_models,
    complete_plugins,
)

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="a shell of POSIX systems")
BROKEN = "import sys\nprint('noise')\nprint('noise', file=sys.stderr)\nraise SystemExit(3)\n"
MINE = """
from metaauto.api import Metric, hookimpl


@hookimpl
def register_metrics(register):
    print("noise")
    register.metric(Metric("my_error", ("regression",), "values", abs, False, 0.0, "Mine."))
"""


def tab(words: str, folder: Path, script: str = "") -> subprocess.CompletedProcess[str]:
    """Press the tab key behind these words."""
    told = {
        **environment(folder),
        "METAAUTO_PLUGINS": "",
        "_METAAUTO_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    return subprocess.run(
        [sys.executable, "-c", f"from metaauto.cli import main\n{script}\nmain([])"],
        cwd=folder, env=told, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
@POSIX
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("metaauto co", {"plain,compare", "plain,completion"}),
        ("metaauto fit --bud", {"plain,--budget"}),
        ("metaauto predict m", {"file,m"}),
        ("metaauto explain m", {"file,m"}),
        ("metaauto report m --data t", {"file,t"}),
        ("metaauto fit t.csv --run-dir r", {"dir,r"}),
        ("metaauto knowledge ex", {"plain,export"}),
        ("metaauto fit t.csv --task re", {"plain,regression"}),
        ("metaauto fit t.csv --metric balanced", {"plain,balanced_accuracy"}),
        ("metaauto evaluate m t.csv --metric roc_auc --metric rms", {"plain,rmse", "plain,rmsle"}),
        ("metaauto fit t.csv --task binary --metric rms", set()),
        ("metaauto suggest t.csv --include lo", {"plain,logistic"}),
        ("metaauto fit t.csv --exclude lda,rand", {"plain,lda,random_forest"}),
        ("metaauto explain m t.csv --explainer per", {"plain,permutation"}),
        ("metaauto plugins show bui", {"plain,builtin"}),
        ("metaauto nonsense x", set()),
        ("metaauto plugins nonsense x", set()),
    ],
)
def test_words_are_completed(words: str, expected: set[str], tmp_path: Path) -> None:
    (tmp_path / "metaauto.toml").write_text("[fit]\nnonsense = 1\n")
    done = tab(words, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(done.stdout.split()) == expected


@pytest.mark.slow
@POSIX
def test_what_goes_wrong_is_not_seen(tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "broken.py").write_text(BROKEN)
    (folder / "mine.py").write_text(MINE)
    done = tab("metaauto fit t.csv --plugins plugins --metric my", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "plain,my_error\n", "")
    shown = tab("metaauto plugins --plugins plugins show b", tmp_path)
    assert (shown.stdout.split(), shown.stderr) == (["plain,broken", "plain,builtin"], "")
    absent = tab("metaauto fit t.csv --plugins absent --include l", tmp_path)
    assert (absent.returncode, absent.stdout.split(), absent.stderr) == (0, [], "")


@pytest.mark.slow
@POSIX
@pytest.mark.parametrize(
    "words", ["metaauto fit t --metric r", "metaauto fit t --include l", "metaauto plugins show l"]
)
def test_nothing_heavy_is_imported(words: str, tmp_path: Path) -> None:
    script = (
        "import atexit, sys\n"
        "heavy = ('sklearn', 'scipy', 'smac', 'openml', 'torch')\n"
        "atexit.register(lambda: print(*[name for name in heavy if name in sys.modules]))"
    )
    done = tab(words, tmp_path, script)
    assert done.stdout.splitlines()[-1] == ""


def test_a_completer_offers_nothing_rather_than_fail(monkeypatch, capsys) -> None:
    def fail(*_, **__):
        sys.stdout.write("noise")
        raise RuntimeError("broken")

    monkeypatch.setattr("metaauto.plugins.manager.load_plugins", fail)
    context = click.Context(click.Command("fit"))
    for complete in (complete_metrics, complete_models, complete_excluded, complete_plugins):
        assert complete(context, click.Option(["--name"]), "") == []
    assert capsys.readouterr() == ("", "")
