"""The command line. Commands are plain functions, one file each; nothing heavy is imported before one runs."""

from __future__ import annotations

import sys

from legonet.cli.app import app
from legonet.errors import LegonetError

DONE, INPUT_AT_FAULT, BUG, INTERRUPTED = 0, 1, 3, 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command and say how it ended.

    Args:
        arguments: of the command line; default: those of the process.

    Returns:
        The exit status: 0 done, 1 the user's input is at fault, 3 a bug, 130 interrupted.
    """
    import typer

    command = typer.main.get_command(app)
    try:
        result = command.main(args=arguments, prog_name="legonet", standalone_mode=False)
        return result if isinstance(result, int) else DONE
    except LegonetError as error:
        print(error, file=sys.stderr)
        return INPUT_AT_FAULT
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted; run the same command again to go on from here", file=sys.stderr)
        return INTERRUPTED
    except typer.Exit as error:
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; Python would complain once more at exit
        return DONE
    except Exception as error:
        if hasattr(error, "format_message") and hasattr(error, "show"):
            error.show()  # pyright: ignore[reportAttributeAccessIssue]  # a usage error of the command line
            return INPUT_AT_FAULT
        import traceback

        traceback.print_exc()
        print("This is a bug in legonet; please report it with the lines above.", file=sys.stderr)
        return BUG
