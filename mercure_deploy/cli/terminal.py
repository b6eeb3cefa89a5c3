"""What is said and asked: stdout for data, stderr for all else; each stream may be closed, and then there is none."""

import contextlib
import errno
import io
import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TextIO

import click

from mercure_deploy.errors import Problem, Trouble, masked

if TYPE_CHECKING:
    from datetime import datetime

OK, NO, TROUBLE, BUG, INTERRUPTED = 0, 1, 2, 3, 130
QUIET, FORM = "mercure_deploy.quiet", "mercure_deploy.form"


def complain(problems: Iterable[Problem]) -> None:
    """Print problems to stderr, as they print themselves."""
    for problem in problems:
        err(str(problem))


def err(line: str) -> None:
    """Print a line to stderr; where that cannot be written nobody reads it, and the exit code says enough."""
    with contextlib.suppress(OSError):
        click.echo(masked(line), err=True, color=_colour(sys.stderr))


def note(line: str) -> None:
    """Print a line to stderr that is no trouble: not with -q."""
    if not meta().get(QUIET):
        err(f"mercure-deploy: {line}")


def out(lines: Iterable[str | tuple[str, str | None]], *, done: bool = False, wrong: bool = False) -> None:
    """Print lines to stdout, those that come with a colour coloured on a terminal.

    Trouble when it cannot be written; `done` is whether what the lines speak of has happened all the same, `wrong`
    whether they say that something is not as it should be: nothing else is printed with -q.
    """
    if meta().get(QUIET) and not wrong:
        return
    try:
        for line in lines:
            text, colour = line if isinstance(line, tuple) else (line, None)
            _write(click.style(masked(text), fg=colour) if colour else masked(text))
    except OSError as error:
        raise unwritten(error, done=done) from None


def unwritten(error: OSError, *, done: bool = False) -> Trouble:
    """Why stdout cannot be written; from now on what is left of it goes nowhere, so that the exit is quiet."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    hint = "what was asked for is done: mercure-deploy status says where it stands" if done else None
    reason = (error.strerror or "it is closed").lower()
    return Trouble(f"stdout cannot be written: {reason}", hint=hint)


def _write(text: str) -> None:
    if sys.stdout is None:
        raise OSError(errno.EBADF, "it is closed")
    click.echo(text, color=_colour(sys.stdout))


def _colour(stream: "TextIO | None") -> bool:
    return stream is not None and stream.isatty() and not os.environ.get("NO_COLOR")


def on_terminal() -> bool:
    """Whether a person reads stdout."""
    return sys.stdout is not None and sys.stdout.isatty()


def lower(message: str) -> str:
    """A message of click's in our style."""
    return (message[:1].lower() + message[1:]).rstrip(".")


def coloured(lines: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    """Lines of findings, each with the colour of its level."""
    colours = {": error: ": "red", ": warning: ": "yellow"}
    for line in lines:
        yield line, next((colour for word, colour in colours.items() if word in line), None)


def waiting() -> None:
    """Say that another run holds the lock."""
    note("waiting for another run to end")


def meta() -> dict[str, Any]:
    """What was said of the whole command."""
    context = click.get_current_context(silent=True)
    return context.meta if context else {}


def now() -> "datetime":
    """The present moment."""
    from datetime import UTC, datetime

    return datetime.now(UTC)


# seconds between two lines to a log, and when the last one was
_EVERY = 60.0
_SAID = [time.monotonic()]


def can_ask() -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin is not None and sys.stdin.isatty()


def stdin() -> io.BufferedIOBase:
    """Standard input, as bytes. Trouble when it is closed."""
    if sys.stdin is None:
        raise Trouble("standard input is closed", hint="name a file, or give it by a pipe")
    raw = getattr(sys.stdin, "buffer", None)
    return raw if isinstance(raw, io.BufferedIOBase) else io.BytesIO(sys.stdin.read().encode())


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
