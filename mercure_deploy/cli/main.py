"""The group of commands, and the one place where an exception becomes an exit code.

Nothing but click and the error type is imported until a command runs, so that --help and completion answer at once.
"""

import os
import sys

import click

from mercure_deploy import __version__
from mercure_deploy.cli import reading, rotating, writing
from mercure_deploy.cli.common import BUG, INTERRUPTED, OK, TROUBLE, complain, lower
from mercure_deploy.errors import Problem, Trouble

_REPORT = "https://github.com/mercure-deploy/mercure-deploy/issues"


def main(arguments: list[str]) -> int:
    """Run the command line; every exception becomes an exit code here and nowhere else."""
    try:
        return int(cli.main(arguments, prog_name="mercure-deploy", standalone_mode=False) or OK)
    except Trouble as trouble:
        complain(trouble.problems)
        return trouble.code
    except click.ClickException as error:
        hint = error.ctx.command_path + " --help" if isinstance(error, click.UsageError) and error.ctx else None
        complain([Problem(lower(error.format_message()), hint)])
        return TROUBLE
    except (click.Abort, KeyboardInterrupt):
        click.echo("mercure-deploy: interrupted", err=True)
        return INTERRUPTED
    except SystemExit:
        # click's answer to a reader of our output that has gone
        return TROUBLE
    except Exception as error:  # noqa: BLE001 - the last line of defence
        # neither the message nor any local: both may hold what was read from a secret file
        import traceback

        frames = "".join(traceback.format_tb(error.__traceback__))
        click.echo(f"{frames}{type(error).__name__}", err=True)
        complain([Problem(f"this is a bug in mercure-deploy {__version__}", f"report the lines above at {_REPORT}")])
        return BUG


def _width() -> int:
    # click would import shutil, and with it every compression there is, to find that out
    try:
        return max(40, min(100, os.get_terminal_size(sys.stdout.fileno()).columns) - 2)
    except (OSError, ValueError):
        return 98


@click.group(context_settings={"help_option_names": ["-h", "--help"], "terminal_width": _width()})
@click.version_option(__version__, prog_name="mercure-deploy", message="%(prog)s %(version)s")
def cli() -> None:
    """Matched env files, Caddyfile, compose file and keys for a Mercure hub and its Symfony apps, from one spec.

    Exit codes: 0 yes or done, 1 no (drift, findings, not yet), 2 trouble, 3 a bug, 130 interrupted.
    """


for command in (
    writing.init,
    writing.render,
    reading.check,
    reading.diff,
    reading.status,
    rotating.rotate_keys,
    reading.schema,
):
    cli.add_command(command)
