"""What the commands have in common: how they print, where spec and root are, which environments are meant."""

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from mercure_deploy.errors import Problem, Trouble, closest, masked, typed

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from mercure_deploy.spec import Loaded

# the largest spec; a fleet of 10,000 environments is below
LARGEST = 8 * 1024 * 1024
_QUIET, _FORM = f"{__name__}.quiet", f"{__name__}.form"
OK, NO, TROUBLE, BUG, INTERRUPTED = 0, 1, 2, 3, 130
_F = TypeVar("_F", bound=Callable[..., int])


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
    if not _meta().get(_QUIET):
        err(f"mercure-deploy: {line}")


def out(lines: Iterable[str | tuple[str, str | None]], *, done: bool = False, wrong: bool = False) -> None:
    """Print lines to stdout, those that come with a colour coloured on a terminal.

    Trouble when it cannot be written; `done` is whether what the lines speak of has happened all the same, `wrong`
    whether they say that something is not as it should be: nothing else is printed with -q.
    """
    if _meta().get(_QUIET) and not wrong:
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


def _meta() -> dict[str, Any]:
    """What was said of the whole command."""
    context = click.get_current_context(silent=True)
    return context.meta if context else {}


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> object:
    context.meta[f"{__name__}.{parameter.name}"] = value
    return value


def environments(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The names of environments that begin so, for the completion of a shell."""
    from pathlib import Path

    try:
        text = Path(context.params.get("spec") or "mercure.yaml").read_bytes()
        from mercure_deploy.spec import load

        names = load(text, "").spec.environments if len(text) <= LARGEST else {}
    except (OSError, Trouble):
        return []
    return [name for name in names if name.startswith(incomplete)]


def common(*, several: bool = True) -> Callable[[_F], _F]:
    """-f, -o, -q and the names of environments."""

    def decorate(function: _F) -> _F:
        if several:
            names = click.argument("names", nargs=-1, metavar="[ENV]...", shell_complete=environments)
            function = names(function)
        function = quietly(function)
        output = click.option(
            "-o", "--output", metavar="DIR", help="Root of the files, default: deploy/ beside the spec."
        )
        spec = click.option(
            "-f", "--file", "spec", default="mercure.yaml", metavar="FILE", help="The spec, mercure.yaml."
        )
        return spec(output(function))

    return decorate


def quietly(function: _F) -> _F:
    """-q."""
    about = "Only what is wrong."
    return click.option("-q", "--quiet", is_flag=True, expose_value=False, callback=_remember, help=about)(function)


def replacing(function: _F) -> _F:
    """--replace."""
    about = "Files that are not ours give way, and are kept beside ours."
    return click.option("--replace", is_flag=True, help=about)(function)


def formatted(function: _F) -> _F:
    """--format text|json."""
    kinds = click.Choice(["text", "json"])
    option = click.option("--format", "form", type=kinds, default="text", callback=_remember, help="Default: text.")
    return option(function)


def supported() -> None:
    """Trouble on a system without the locks and modes that keys need."""
    if os.name != "posix":
        raise Trouble("this system is not supported", hint="use Linux, macOS or WSL; schema and lint work everywhere")


def root_of(spec: str, output: str | None) -> "Path":
    """The output root: -o, else deploy/ beside the spec."""
    from pathlib import Path

    return Path(output) if output else Path(spec).parent / "deploy"


def spec_bytes(spec: str) -> bytes:
    """The bytes of that file. Trouble when there is none."""
    from mercure_deploy import disk

    supported()
    data = disk.read(spec, limit=LARGEST, pipe=True)
    if data is None:
        raise Trouble(f"{spec} does not exist", hint="mercure-deploy init writes one, -f names another")
    return data


def loaded_spec(spec: str, data: bytes | None = None) -> "Loaded":
    """The spec in that file, whose bytes may have been read already. Trouble when there is none or it is wrong."""
    data = spec_bytes(spec) if data is None else data
    from mercure_deploy.spec import load

    try:
        return load(data, spec)
    except Trouble as trouble:
        if _meta().get(_FORM) == "json":
            from mercure_deploy import report

            out([report.problems_json(trouble.problems)], wrong=True)
        raise


def select(loaded: "Loaded", names: Iterable[str]) -> list[str]:
    """The environments named, in the order of the spec; all when none is. Trouble for a name that is not there."""
    known = list(loaded.spec.environments)
    wanted = set(names)
    unknown = sorted(wanted - set(known))
    if unknown:
        what = "there is no environment"
        raise Trouble(*(Problem(f"{what} {typed(name)}", closest(name, known)) for name in unknown))
    return [name for name in known if name in wanted or not wanted]


def coloured(lines: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    """Lines of findings, each with the colour of its level."""
    colours = {": error: ": "red", ": warning: ": "yellow"}
    for line in lines:
        yield line, next((colour for word, colour in colours.items() if word in line), None)


def waiting() -> None:
    """Say that another run holds the lock."""
    note("waiting for another run to end")


def warn(loaded: "Loaded") -> list[str]:
    """Print the warnings of a spec to stderr; what was printed."""
    lines = [
        f"mercure-deploy: warning: {finding.message} [{finding.id}]\n  hint: {finding.hint}"
        for _, finding in loaded.findings
        if finding.level == "warning"
    ]
    for line in lines:
        err(line)
    return lines


def show(
    changes: Iterable[tuple[str, str]],
    root: "Path",
    following: Iterable[str] = (),
    *,
    form: str = "text",
    prefix: str = "",
) -> None:
    """Print what a commit did, and the orphans, one line a file, then the lines that follow; or all of it as JSON.

    What an orphan still holds goes to stderr.
    """
    colours = {"created": "green", "updated": "yellow", "orphan": "magenta", "deleted": "magenta"}
    said = list(changes)
    if form == "json":
        from mercure_deploy import report

        out([report.changes_json(said)], done=True)
    else:
        out([*((f"{prefix}{change} {path}", colours.get(change)) for path, change in said), *following], done=True)
    orphans = [path for path, change in said if change == "orphan"]
    if orphans:
        from mercure_deploy.disk import exposure
        from mercure_deploy.keys import KNOWN

        for path, mark in exposure.holding(root, orphans, KNOWN):
            note(f"{path} is no longer rendered and still holds the key {mark}")
        note("render --prune deletes what is no longer rendered, all but key rings")
        for name in (path.partition("/")[0] for path in orphans if path.endswith("/keys.json")):
            moved = f"{name} renamed keeps its key when its folder is renamed, too: mv {root / name} {root}/NEW-NAME"
            note(f"{moved}; render --prune-keys {name} deletes it")


def now() -> "datetime":
    """The present moment."""
    from datetime import UTC, datetime

    return datetime.now(UTC)
