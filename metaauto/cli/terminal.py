"""Terminal output of commands: lines, tables, JSON, and one line for each error.

Control characters, which names from data can hold, are written as escapes.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TextIO

import click

from metaauto.cli.exit_status import ExitStatus
from metaauto.errors import MetaautoError
from metaauto.text import caller, printable

__all__ = [
    "OutputClosed",
    "print_document",
    "print_json",
    "print_line",
    "print_table",
    "run",
    "say",
    "say_wrapped",
    "redirect_messages",
    "redirect_to_devnull",
    "write_error",
    "write_from_handler",
]

_TRACEBACK = "--traceback"
_NO_THREAD = "can't start new thread"
# Of the dynamic linker, in an ImportError.
_NO_MEMORY_FOR_LIBRARY = ("failed to map segment", "annot allocate memory")
_ADVICE = {
    errno.EAGAIN: "Raise the limits of memory and processes (ulimit -v, ulimit -u).",
    errno.ENOSPC: "Free some space, or write elsewhere.",
    errno.EMFILE: "Raise the limit of open files (ulimit -n).",
    errno.ENFILE: "Close other programs, or raise the limit of open files.",
    errno.ENOMEM: "Raise the limit of memory, or use fewer rows.",
}
_UNESCAPED = re.compile("[\x7f-\x9f\u2028\u2029]")


class OutputClosed(Exception):
    """The reader of the standard output has closed the pipe; click would report an error."""


def run(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; print each error as one line."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    with_traceback = _TRACEBACK in given
    given = [argument for argument in given if argument != _TRACEBACK]
    _warn_in_lines()
    try:
        status = _status(command, given, with_traceback)
        sys.stdout.flush()
    except (OutputClosed, BrokenPipeError):
        redirect_to_devnull(sys.stdout, sys.stderr)
        return ExitStatus.DONE
    except OSError as error:
        # Python writes the rest of the output again at exit, and would report the error too.
        redirect_to_devnull(sys.stdout)
        if status == ExitStatus.DONE:
            say(f"Error: The output cannot be written: {error.strerror or error}.")
            status = ExitStatus.ERROR
    _flush_standard_error()
    return status


def _status(command: click.Command, arguments: list[str], with_traceback: bool) -> int:
    try:
        with caller("shell"):
            result = command.main(arguments, prog_name="metaauto", standalone_mode=False)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.UsageError as error:
        # click 8.2 raises an error for a group without a subcommand; its text is the help.
        is_help = isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ()))
        if is_help and error.ctx is not None:
            print_document(error.ctx.get_help())
            return ExitStatus.DONE
        say(f"Error: {_usage(error)}")
        return error.exit_code
    except click.ClickException as error:
        say(f"Error: {_one_line(error.format_message())}")
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        say("Interrupted.")
        return ExitStatus.INTERRUPTED
    except OutputClosed:
        raise
    except MetaautoError as error:
        _show_traceback(with_traceback)
        say(f"Error: {_one_line(error)}")
        return ExitStatus.ERROR
    except (OSError, MemoryError) as error:
        _show_traceback(with_traceback)
        say(f"Error: {_one_line(_cause(error))}")
        return ExitStatus.ERROR
    except Exception as error:
        _show_traceback(with_traceback)
        if _NO_THREAD in str(error):
            say(f"Error: No more threads can be started. {_ADVICE[errno.EAGAIN]}")
            return ExitStatus.ERROR
        if isinstance(error, ImportError) and any(
            words in str(error) for words in _NO_MEMORY_FOR_LIBRARY
        ):
            say(f"Error: {_cause(MemoryError())}")
            return ExitStatus.ERROR
        what = f"{type(error).__name__}: {_one_line(error)}"
        advice = "" if with_traceback else " Please report it; --traceback shows the traceback."
        say(f"Error: unexpected {what.rstrip('. ')}.{advice}")
        return ExitStatus.INTERNAL_ERROR
    # Outside its standalone mode, click returns the status of an early exit such as --help.
    return result if isinstance(result, int) and not isinstance(result, bool) else ExitStatus.DONE


def _cause(error: OSError | MemoryError) -> str:
    """Return what the system refuses, and what to do."""
    if isinstance(error, MemoryError):
        return "There is not enough memory. Raise its limit, or use fewer rows."
    advice = _ADVICE.get(error.errno or 0, "Check the permissions and the free space.")
    place = "" if error.filename is None else f" {str(error.filename)!r}"
    return f"{error.strerror or error}{place}. {advice}"


def _usage(error: click.UsageError) -> str:
    message = _one_line(error.format_message())
    path = error.ctx.command_path if error.ctx is not None else "metaauto"
    return f"{message} See {path} --help."


def _one_line(message: object) -> str:
    return " ".join(str(message).split())


def _show_traceback(wanted: bool) -> None:
    if wanted:
        import traceback

        for line in traceback.format_exc().rstrip().split("\n"):
            say(line)


def _flush_standard_error() -> None:
    """Flush the standard error; a closed pipe must not cause the interpreter's exit status 120."""
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        redirect_to_devnull(sys.stderr)


def redirect_to_devnull(*streams: TextIO) -> None:
    """Redirect closed streams, so that the interpreter exits without an error."""
    for stream in streams:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


_writers: list[Callable[[str], None]] = []


@contextlib.contextmanager
def redirect_messages(write: Callable[[str], None]) -> Iterator[None]:
    """Redirect the lines of `say` to `write`, for example while a live view is shown."""
    _writers.append(write)
    try:
        yield
    finally:
        _writers.remove(write)


def say(line: str) -> None:
    """Write a line to the standard error; ignore a closed stream."""
    if _writers:
        _writers[-1](line)
        return
    write_error(line)


def write_error(line: str) -> None:
    """Write a line to the standard error, without the redirection of `say`."""
    try:
        click.echo(printable(line), err=True)
    except (OSError, ValueError):
        return


def write_from_handler(line: str) -> None:
    """Write a line to the standard error from a signal handler.

    The handler may have interrupted a write of the same stream, whose buffer cannot be entered
    twice: the line goes to the descriptor. A stream without one has no such buffer.
    """
    try:
        descriptor = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        write_error(line)
        return
    with contextlib.suppress(OSError):
        os.write(descriptor, f"{printable(line)}\n".encode(errors="replace"))


def say_wrapped(line: str, indent: int) -> None:
    """Write a line like `say`; wrap it on a terminal, continued at the column `indent`."""
    lines = [line]
    with contextlib.suppress(AttributeError, OSError, ValueError):
        if sys.stderr.isatty():
            import textwrap

            bullet = 2 if line[indent:].startswith("- ") else 0
            lines = textwrap.wrap(
                printable(line),
                max(os.get_terminal_size(sys.stderr.fileno()).columns, indent + 20),
                subsequent_indent=" " * (indent + bullet),
                break_long_words=False,
                break_on_hyphens=False,
            )
    for part in lines:
        say(part)


def print_line(line: str) -> None:
    """Write a line to the standard output."""
    click.echo(printable(line))


def print_document(text: str) -> None:
    """Write a text of several lines to the standard output."""
    for line in text.split("\n"):
        print_line(line)


def print_json(value: Any) -> None:
    """Write a value to the standard output as JSON; non-finite numbers become null."""
    text = json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    # JSON itself escapes the control characters below the space only.
    click.echo(_UNESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if value - value == 0 else None
    if value is None or isinstance(value, (str, int)):
        return value
    return str(value)


def print_table(rows: Sequence[Mapping[str, str]], left: Sequence[str] = ()) -> None:
    """Write rows of texts as aligned columns; those named in `left` are left-aligned."""
    for line in _aligned(rows, left):
        print_line(line)


def _aligned(rows: Sequence[Mapping[str, str]], left: Sequence[str]) -> Iterator[str]:
    if not rows:
        return
    names = list(rows[0])
    lines = [
        {name: printable(line[name]) for name in names}
        for line in ({name: name for name in names}, *rows)
    ]
    widths = {name: max(len(line[name]) for line in lines) for name in names}
    for line in lines:
        cells = [
            line[name].ljust(widths[name]) if name in left else line[name].rjust(widths[name])
            for name in names
        ]
        yield "  ".join(cells).rstrip()


class _Lines(logging.Handler):
    """Write warnings of metaauto as lines, each once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._shown: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        message = _one_line(record.getMessage())
        if message not in self._shown:
            self._shown.add(message)
            say(f"Warning: {message}")


def _warn_in_lines() -> None:
    """Show metaauto's warnings as lines, those of libraries only with Python's option -W."""
    logger = logging.getLogger("metaauto")
    logger.handlers = [_Lines()]
    logger.propagate = False
    if not sys.warnoptions:
        import warnings

        warnings.simplefilter("ignore")
