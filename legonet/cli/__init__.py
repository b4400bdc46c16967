"""The command line: one plain function per command, and nothing heavy is imported before one runs."""

from __future__ import annotations

import functools
import os
import re
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import Any

import typer

from legonet.cli.app import app
from legonet.errors import LegonetError, LegonetWarning
from legonet.terminal import printable_streams

_EXTRA = re.compile(r"extra arguments?.* \((\S+:\S+?)[ )]")
DONE, INPUT_AT_FAULT, BUG, INTERRUPTED = 0, 1, 3, 130


def main(arguments: list[str] | None = None) -> int:
    """Run a command of legonet; see `run_app`."""
    return run_app(app, "legonet", arguments)


def run_app(app: typer.Typer, name: str, arguments: list[str] | None = None) -> int:
    """Run one command and say how it ended.

    Args:
        app: The commands.
        name: How the program is called, such as `legonet`.
        arguments: Those of the command line; default: the process's.

    Returns:
        The exit status: 0 done, 1 the user's input is at fault, 3 a bug, 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no bug
    if f"_{name.upper()}_COMPLETE" in os.environ:  # a shell asks what Tab offers; see legonet.cli.completion
        from typer.completion import completion_init  # pyright: ignore[reportPrivateImportUsage]

        completion_init()
        os.environ["COLUMNS"] = "1000"  # a line of help that were wrapped would be an item of its own
    with printable_streams():
        return _run(_command(app), name, arguments)


_command = functools.cache(typer.main.get_command)
"""Commands as they are run, made once in a process that runs several: it takes as long as many a command."""


def _run(command: Any, name: str, arguments: list[str] | None) -> int:
    try:
        with _warnings_told():
            result = command.main(args=arguments, prog_name=name, standalone_mode=False)
        sys.stdout.flush()
        if result == INTERRUPTED:  # what typer makes of a KeyboardInterrupt
            return _interrupted(name, arguments)
        return result if isinstance(result, int) else DONE
    except LegonetError as error:
        print(error, file=sys.stderr)
        return INPUT_AT_FAULT
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted(name, arguments)
    except typer.Exit as error:
        return error.exit_code
    except (BrokenPipeError, SystemExit):  # typer exits when a pipe is closed, and nothing else does
        _abandon_output()  # the reader has gone, such as `head`, and needs no more
        return DONE
    except OSError as error:
        place = error.filename if error.filename is not None else "output"
        print(
            f"{place}: {error.strerror or error}; check its permissions and the free space", file=sys.stderr
        )
        _abandon_output()
        return INPUT_AT_FAULT
    except Exception as error:
        if hasattr(error, "format_message") and hasattr(error, "show"):
            error.show()  # pyright: ignore[reportAttributeAccessIssue]  # a usage error of the command line
            _tell_option(error)
            return INPUT_AT_FAULT
        import traceback

        traceback.print_exc()
        print("This is a bug in legonet; please report it with the lines above.", file=sys.stderr)
        return BUG


def _tell_option(error: Any) -> None:
    """Say where a path belongs that was given as an argument."""
    options = getattr(getattr(error.ctx, "command", None), "params", ())
    found = _EXTRA.search(error.format_message())
    if found and any("--path" in each.opts for each in options):
        print(f"Paths are chosen by an option: --path {found[1]}", file=sys.stderr)


@contextmanager
def _warnings_told() -> Iterator[None]:
    """Say legonet's own warnings as notes, without the place in the code that they come from."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def tell(message: Warning | str, kind: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(kind, LegonetWarning):
                print(f"note: {message}", file=sys.stderr)
            else:
                show(message, kind, *where, **more)

        warnings.simplefilter("always", LegonetWarning)
        warnings.showwarning = tell
        yield


def _interrupted(name: str, arguments: list[str] | None) -> int:
    command = shlex.join([*name.split(), *(sys.argv[1:] if arguments is None else arguments)])
    print(f"interrupted; run the same command again to go on from here: {command}", file=sys.stderr)
    return INTERRUPTED


def _abandon_output() -> None:
    """Send what is left in the buffer nowhere, or Python would complain of it once more at exit."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
