"""The group of commands, and the one place where an exception becomes an exit code.

Nothing but click and the error type is imported until a command runs, so that --help and completion answer at once.
"""

import errno
import io
import os
import sys

import click

from mercure_deploy import __version__
from mercure_deploy.cli import diagnosing, importing, init, linting, minting, pushing, reading, render, rotating
from mercure_deploy.cli.common import BUG, INTERRUPTED, OK, TROUBLE, complain, err, lower, unwritten
from mercure_deploy.errors import Problem, Trouble, hidden, random_words

_REPORT = "https://github.com/mercure-deploy/mercure-deploy/issues"


def main(arguments: list[str]) -> int:
    """Run the command line; every exception becomes an exit code here and nowhere else."""
    for stream in (sys.stdout, sys.stderr):
        # a terminal that knows no more than ASCII must not end a command
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    _remember(arguments)
    try:
        code = int(cli.main(arguments, prog_name="mercure-deploy", standalone_mode=False) or OK)
        complain(_unread())
    except (click.Abort, KeyboardInterrupt):
        err("mercure-deploy: interrupted")
        return INTERRUPTED
    except BaseException as error:  # noqa: BLE001 - the last line of defence
        return _ended(error)
    return TROUBLE if sys.stdout is None else code


def _remember(arguments: list[str]) -> None:
    """What looks like a secret in the wrong place is not repeated, by whatever complains of it."""
    suspicious = [word for each in arguments if not os.path.lexists(each) for word in random_words(each)]
    if suspicious:
        from mercure_deploy.keys import KNOWN

        for word in suspicious:
            KNOWN.add(word, "typed")


def _ended(error: BaseException) -> int:
    """The exit code of a command that could not be finished, after its reasons have been printed."""
    if isinstance(error, Trouble):
        complain(error.problems)
        return error.code
    if isinstance(error, click.ClickException):
        hint = error.ctx.command_path + " --help" if isinstance(error, click.UsageError) and error.ctx else None
        complain([Problem(lower(hidden(error.format_message())), hint)])
        return TROUBLE
    if isinstance(error, SystemExit):
        if not error.code:
            # a shell was told how to complete
            return OK
        # click's answer to a reader of its own output that has gone
        error = BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
    if isinstance(error, OSError) and error.filename is None:
        # all that is read and written elsewhere has its own message: this was the help, or a question
        complain(unwritten(error).problems)
        return TROUBLE
    # neither the message nor any local: both may hold what was read from a secret file
    import traceback

    err("".join(traceback.format_tb(error.__traceback__)) + type(error).__name__)
    complain([Problem(f"this is a bug in mercure-deploy {__version__}", f"report the lines above at {_REPORT}")])
    return BUG


def _unread() -> tuple[Problem, ...]:
    """What there is to say when stdout is closed, and a command had nothing to print or left that to click."""
    return unwritten(OSError(errno.EBADF, "it is closed")).problems if sys.stdout is None else ()


def _width() -> int:
    # click would import shutil, and with it every compression there is, to find that out
    try:
        return max(40, min(100, os.get_terminal_size(1).columns) - 2)
    except OSError:
        return 98


@click.group(context_settings={"help_option_names": ["-h", "--help"], "terminal_width": _width()})
@click.version_option(__version__, prog_name="mercure-deploy", message="%(prog)s %(version)s")
def cli() -> None:
    """Matched env files, Caddyfile, compose file and keys for a Mercure hub and its Symfony apps, from one spec.

    Exit codes: 0 yes or done, 1 no (drift, findings, not yet), 2 trouble, 3 a bug, 130 interrupted.
    """


for command in (
    init.init,
    render.render,
    reading.check,
    reading.diff,
    reading.status,
    rotating.rotate_keys,
    pushing.push,
    importing.import_,
    linting.lint,
    reading.explain,
    diagnosing.doctor,
    minting.token,
    reading.schema,
):
    cli.add_command(command)
