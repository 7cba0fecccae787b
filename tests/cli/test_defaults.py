"""Defaults of commands from files in the working directory."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest
from command_line import Cli, people
from hypothesis import given
from hypothesis import strategies as st

from metaauto.cli import command as metaauto_command
from metaauto.cli.defaults import ALLOWED, REFUSED, use_defaults
from metaauto.errors import SettingError

QUICK = '[fit]\ntarget = "buys"\ntrials = 1\ncores = 1\nmemory = 2\ncv = 2\ninclude = "lda"\n'


@pytest.fixture
def table(tmp_path: Path) -> Path:
    people().to_csv(tmp_path / "t.csv", index=False)
    return tmp_path


def test_a_fit_takes_what_is_not_given_from_the_file(quick_cli: Cli, table: Path) -> None:
    (table / "metaauto.toml").write_text(QUICK + 'role = {house = "categorical"}\njson = true\n')
    done = quick_cli("fit", "t.csv", "--trials", "2")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == (
        "Defaults from metaauto.toml: target, cores, memory, cv, include, role, json"
    )
    told = json.loads(done.stdout)
    assert (told["target"], told["options"]["trials"]) == ("buys", 2)
    assert told["roles"] == {"numeric": 2, "categorical": 2}


def test_a_project_may_hold_them(quick_cli: Cli, table: Path) -> None:
    text = QUICK.replace("[fit]", "[tool.metaauto.fit]")
    (table / "pyproject.toml").write_text(f'[project]\nname = "mine"\n{text}')
    done = quick_cli("fit", "t.csv", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["target"] == "buys"


def test_its_own_file_goes_before_the_project(quick_cli: Cli, table: Path) -> None:
    (table / "pyproject.toml").write_text("[tool.metaauto.fit]\nnonsense = 1\n")
    (table / "metaauto.toml").write_text(QUICK)
    assert quick_cli("fit", "t.csv", "--dry-run").returncode == 0


def test_a_project_that_does_not_speak_of_it_is_left_alone(quick_cli: Cli, table: Path) -> None:
    (table / "pyproject.toml").write_text("this is [no toml")
    assert quick_cli("fit", "t.csv", "--target", "buys", "--dry-run").returncode == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[fit]\nbugdet = 3\n",
            "unknown option of 'metaauto fit': 'bugdet'. Did you mean 'budget'?",
        ),
        ("[fit]\nno_knowlege = true\n", "Did you mean 'no-knowledge'?"),
        ("[fti]\nbudget = 3\n", "unknown command: 'fti'. Did you mean 'fit'?"),
        ("budget = 3\n", "'budget' is not in the table of a command. Move it"),
        ("[fit]\ncores = 'x'\n", "'cores' of 'fit': 'x' is not a valid integer"),
        ("[fit]\nquiet = 1\n", "'quiet' of 'fit': expected true or false, got 1."),
        ("[fit]\nbudget = [1, 2]\n", "expected one number or text, got [1, 2]."),
        (
            "[fit]\nplugins = ['.']\n",
            "'plugins' of 'fit' cannot be set in a file: plugins run code.",
        ),
        (
            "[fit]\nresume = 'run'\n",
            "'resume' of 'fit' cannot be set in a file: the models of a run",
        ),
        ("[fit]\nout = 'table.txt'\n", "metaauto.toml: 'out' of 'fit' cannot be set in a file"),
        ("[fit]\nbudget =\n", "Cannot read 'metaauto.toml'"),
        ("[fit]\ntask = 'clasification'\n", "'task' of 'fit'"),
    ],
)
def test_what_is_wrong_in_it_is_named(text: str, words: str, quick_cli: Cli, table: Path) -> None:
    (table / "metaauto.toml").write_text(text)
    done = quick_cli("fit", "t.csv", "--target", "buys", "--dry-run")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr
    assert quick_cli("fit", "--help").returncode == 0


def test_commands_in_groups_have_tables_too(quick_cli: Cli, table: Path) -> None:
    (table / "metaauto.toml").write_text("[knowledge.build]\nfoldr = 'x'\n")
    done = quick_cli("knowledge", "build")
    assert "unknown option of 'metaauto knowledge build': 'foldr'" in done.stderr
    (table / "metaauto.toml").write_text("[knowledge.info]\njson = true\n")
    done = quick_cli("knowledge", "info")
    assert done.returncode == 0, done.stderr
    json.loads(done.stdout)


def test_what_was_typed_goes_before_what_excludes_it_in_the_file(
    quick_cli: Cli, table: Path
) -> None:
    (table / "metaauto.toml").write_text(QUICK + 'knowledge = "missing.db"\nrun-dir = "run"\n')
    assert "missing.db" in quick_cli("fit", "t.csv", "--dry-run").stderr
    done = quick_cli("fit", "t.csv", "--dry-run", "--no-knowledge")
    assert done.returncode == 0, done.stderr


def test_the_help_shows_them(quick_cli: Cli, table: Path) -> None:
    (table / "metaauto.toml").write_text("[fit]\nseed = 17\n")
    assert "17" in quick_cli("fit", "--help").stdout


def test_other_commands_do_not_mind_tables_that_are_not_theirs(quick_cli: Cli, table: Path) -> None:
    (table / "metaauto.toml").write_text("[fit]\nseed = 17\n[suggest]\ntop = 2\n")
    done = quick_cli("suggest", "t.csv", "--target", "buys", "--include", "lda,logistic,knn")
    assert done.returncode == 0, done.stderr
    first = done.stdout.splitlines()
    assert sum(re.match(r" *[12] ", line) is not None for line in first) == 2
    assert not any(re.match(r" *3 ", line) for line in first)


def all_commands() -> list[tuple[str, click.Command, click.Context]]:
    """Return every command with its path and the context of its group."""

    def below(group: click.Group, path: str, ctx: click.Context):
        for name in group.list_commands(ctx):
            found = group.get_command(ctx, name)
            assert found is not None
            yield f"{path} {name}".strip(), found, ctx
            if isinstance(found, click.Group):
                yield from below(found, f"{path} {name}".strip(), click.Context(found, ctx))

    return list(below(metaauto_command, "", click.Context(metaauto_command)))


def test_every_option_of_every_command_is_allowed_or_refused() -> None:
    """A new option has to be classified in `metaauto.cli.defaults`."""
    options = {
        name.removeprefix("--")
        for _, command, ctx in all_commands()
        for param in command.get_params(ctx)
        if isinstance(param, click.Option)
        for name in param.opts
        if name.startswith("--")
    }
    assert not ALLOWED & set(REFUSED)
    assert options == ALLOWED | set(REFUSED)


def test_the_shell_page_lists_the_allowed_options() -> None:
    page = (Path(__file__).parents[2] / "docs" / "shell.md").read_text(encoding="utf-8")
    listed = page.partition("also for\ncommands of plugins:")[2].split("\n\n")[1]
    assert re.findall(r"`([a-z-]+)`", listed) == sorted(ALLOWED)


@pytest.mark.parametrize("option", sorted(REFUSED))
def test_use_defaults_refused_option(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = 0
    for path, command, ctx in all_commands():
        if option not in {name[2:] for param in command.get_params(ctx) for name in param.opts}:
            continue
        found += 1
        keys = path.split()
        (tmp_path / "metaauto.toml").write_text(f"[{'.'.join(keys)}]\n{option} = 'x'\n")
        top = metaauto_command.get_command(click.Context(metaauto_command), keys[0])
        assert top is not None
        with pytest.raises(SettingError, match=f"metaauto.toml: '{option}' of '{path}' cannot"):
            use_defaults(click.Context(metaauto_command), keys[0], top)
    assert found


@given(
    name=st.sampled_from(sorted(ALLOWED | set(REFUSED)))
    | st.from_regex(r"[a-z]{2,8}(-[a-z]{2,8})?", fullmatch=True)
)
def test_use_defaults_sets_allowed_options_only(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """An option of a plugin's command is refused unless its name is allowed."""
    command = click.Command("hello", params=[click.Option([f"--{name}"])])
    group = click.Group("metaauto", commands=[command])
    ctx = click.Context(group)
    folder = tmp_path_factory.mktemp("defaults")
    (folder / "metaauto.toml").write_text(f"[hello]\n{name} = 'x'\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        if name in ALLOWED:
            use_defaults(ctx, "hello", command)
        else:
            with pytest.raises(SettingError, match=f"'{name}' of 'hello' cannot be set in a file"):
                use_defaults(ctx, "hello", command)


def test_a_run_directory_beside_the_table_is_not_resumed(quick_cli: Cli, table: Path) -> None:
    """Resuming unpickles models: a file that came with the table must not cause it."""
    (table / "metaauto.toml").write_text('[fit]\nresume = "run"\nout = "t.csv"\n')
    before = (table / "t.csv").read_bytes()
    done = quick_cli("fit", "t.csv", "--target", "buys", "-q")
    assert (done.returncode, done.stdout) == (1, "")
    assert "'resume' of 'fit' cannot be set in a file" in done.stderr
    assert (table / "t.csv").read_bytes() == before
