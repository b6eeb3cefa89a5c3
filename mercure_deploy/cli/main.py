"""The group of commands, and the one place where an exception becomes an exit code.

Nothing but click and the error type is imported until a command runs, so that --help and completion answer at once.
"""

import errno
import io
import os
import sys

import click

from mercure_deploy import __version__
from mercure_deploy.cli.terminal import BUG, INTERRUPTED, OK, TROUBLE, complain, err, lower, unwritten
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


# name -> (module, attribute, one line of help): the module of a command is imported when it is typed
TABLE = {
    "init": ("init", "init", "Write a commented spec, or add an environment to one, then render it."),
    "render": ("render", "render", "Bring the files in line with the spec."),
    "check": ("check", "check", "Find drift and doubtful settings; for CI."),
    "diff": ("diff", "diff", "Show what render would change; a key shows as its fingerprint."),
    "status": ("status", "status", "Show the keys, where a rotation stands, and whether the files are in line."),
    "rotate-keys": ("rotate_keys", "rotate_keys", "Take the next safe step of a key rotation, and say what to deploy."),
    "push": ("push", "push", "Bring the files to Coolify, deploy them, and prove that they work."),
    "import": ("import_", "import_", "Begin with what is there: spec and key ring from files that run."),
    "lint": ("lint", "lint", "Say what is wrong in the files of a hub and its app, whoever wrote them."),
    "explain": ("explain", "explain", "Say what a finding is, how to be sure of it, and its cure."),
    "doctor": ("doctor", "doctor", "Ask a hub that runs what is wrong, and say one cause with its cure."),
    "audit": ("audit", "audit", "Say what the access log of a hub tells: numbers by hour, and what is wrong."),
    "kit": ("kit", "kit", "Write what an app's code has to do into its Symfony project."),
    "token": ("token", "token", "Tokens by hand, to ask a hub with curl."),
    "schema": ("schema", "schema", "Print the JSON Schema of the spec, for editors."),
}


class _Table(click.Group):
    """The commands of the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order of the table."""
        del ctx
        return list(TABLE)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, None when there is none."""
        del ctx
        if cmd_name not in TABLE:
            return None
        from importlib import import_module

        module, attribute, _ = TABLE[cmd_name]
        found: click.Command = getattr(import_module(f"mercure_deploy.cli.{module}"), attribute)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Their lines of help, without any of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in TABLE.items()])


@click.group(cls=_Table, context_settings={"help_option_names": ["-h", "--help"], "terminal_width": _width()})
@click.version_option(__version__, prog_name="mercure-deploy", message="%(prog)s %(version)s")
def cli() -> None:
    """Matched env files, Caddyfile, compose file and keys for a Mercure hub and its Symfony apps, from one spec.

    Exit codes: 0 yes or done, 1 no (drift, findings, not yet), 2 trouble, 3 a bug, 130 interrupted.
    """
