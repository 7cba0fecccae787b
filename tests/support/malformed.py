"""Malformed tables, calls with them, and the check of their one-line error."""

from __future__ import annotations

from pathlib import Path

from command_line import QUICK, people

__all__ = ["check", "content", "listing", "table", "with_quick_options", "write"]


def write(name: str, content: str | bytes):
    def make(folder: Path) -> None:
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)

    return make


def table(name: str, **columns: object):
    def make(folder: Path) -> None:
        frame = people().assign(**columns)
        if name.endswith(".csv"):
            frame.to_csv(folder / name, index=False)
        else:
            frame.to_parquet(folder / name)

    return make


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def check(done, status: int, part: str) -> None:
    lines = done.stderr.strip().splitlines()
    assert done.returncode == status, done.stderr
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("Error: ")
    assert part in lines[0]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def with_quick_options(call: tuple[str, ...], status: int) -> list[str]:
    """Add the options of a quick fit that the call does not set, and --quiet for status 1."""
    if call[0] != "fit":
        return [*call]
    given = {argument for argument in call if argument.startswith("--")}
    options = [
        item
        for name, value in zip(QUICK[::2], QUICK[1::2], strict=True)
        if name not in given and not ({name, *given} >= {"--trials", "--budget"})
        for item in (name, value)
    ]
    return [*call, *options, *(["--quiet"] if status == 1 else [])]


def content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
