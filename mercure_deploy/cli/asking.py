"""What a person is asked and told on a terminal; each stream may be closed, and then there is none."""

import sys
import time
from typing import TYPE_CHECKING

import click

from mercure_deploy.cli.common import err

if TYPE_CHECKING:
    from mercure_deploy.errors import Trouble


# seconds between two lines to a log, and when the last one was
_EVERY = 60.0
_SAID = [time.monotonic()]


def can_ask() -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin is not None and sys.stdin.isatty()


def watched() -> bool:
    """Whether somebody sees what stderr says while it goes on."""
    return sys.stderr is not None and sys.stderr.isatty()


def sure(question: str, alone: "Trouble", *, yes: bool, nothing: str | None = None) -> bool:
    """Whether to go on: it was said before, or is asked; `alone` is raised where nobody is there.

    `nothing` is what is said after a no.
    """
    if yes:
        return True
    if not can_ask():
        raise alone
    answer = click.confirm(question, err=True)
    if not answer and nothing:
        err(f"mercure-deploy: {nothing}")
    return answer


def progress(what: str, left: float) -> None:
    """Say what is waited for, and for how many seconds at most: to who watches always, to a log once a minute."""
    now = time.monotonic()
    if watched() or now - _SAID[-1] >= _EVERY:
        _SAID[:] = [now]
        err(f"mercure-deploy: {what}; waiting up to {left:.0f} s")
