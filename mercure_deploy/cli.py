"""Words in, words out, exit codes: the only module that prints.

Nothing but click and the error type is imported until a command runs, so that --help and completion answer at once.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from mercure_deploy import __version__
from mercure_deploy.errors import Problem, Trouble

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from mercure_deploy.load import Loaded
    from mercure_deploy.root import Know, View

REPORT = "https://github.com/mercure-deploy/mercure-deploy/issues"
OK, NO, TROUBLE, BUG, INTERRUPTED = 0, 1, 2, 3, 130
_F = TypeVar("_F", bound=Callable[..., int])


def main(arguments: list[str]) -> int:
    """Run the command line; every exception becomes an exit code here and nowhere else."""
    try:
        return int(cli.main(arguments, prog_name="mercure-deploy", standalone_mode=False) or OK)
    except Trouble as trouble:
        _complain(trouble.problems)
        return trouble.code
    except click.ClickException as error:
        hint = error.ctx.command_path + " --help" if isinstance(error, click.UsageError) and error.ctx else None
        _complain([Problem(_lower(error.format_message()), hint)])
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
        _complain([Problem(f"this is a bug in mercure-deploy {__version__}", f"report the lines above at {REPORT}")])
        return BUG


def _complain(problems: Iterable[Problem]) -> None:
    for problem in problems:
        _err(str(problem))


def _err(line: str) -> None:
    click.echo(line, err=True, color=_colour(sys.stderr.isatty()))


def _out(line: str, colour: str | None = None) -> None:
    click.echo(click.style(line, fg=colour) if colour else line, color=_colour(sys.stdout.isatty()))


def _colour(terminal: bool) -> bool:  # noqa: FBT001 - it is the answer to a question
    return terminal and not os.environ.get("NO_COLOR")


def _lower(message: str) -> str:
    return (message[:1].lower() + message[1:]).rstrip(".")


# --- what every command has ------------------------------------------------------------------------------------------


def _common(*, several: bool = True) -> Callable[[_F], _F]:
    """-f, -o and the names of environments."""

    def decorate(function: _F) -> _F:
        if several:
            function = click.argument("names", nargs=-1, metavar="[ENV]...")(function)
        output = click.option(
            "-o", "--output", metavar="DIR", help="Root of the files, default: deploy/ beside the spec."
        )
        spec = click.option(
            "-f", "--file", "spec", default="mercure.yaml", metavar="FILE", help="The spec, mercure.yaml."
        )
        return spec(output(function))

    return decorate


def _format(function: _F) -> _F:
    return click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Default: text.")(
        function
    )


def _supported() -> None:
    if os.name != "posix":
        raise Trouble("this system is not supported", hint="use Linux, macOS or WSL; schema and lint work everywhere")


def _root(spec: str, output: str | None) -> "Path":
    from pathlib import Path

    return Path(output) if output else Path(spec).parent / "deploy"


def _load(spec: str) -> "Loaded":
    from pathlib import Path

    from mercure_deploy import disk
    from mercure_deploy.load import LARGEST, load

    _supported()
    data = disk.read(Path(spec), limit=LARGEST)
    if data is None:
        raise Trouble(f"{spec} does not exist", hint="mercure-deploy init writes one, -f names another")
    return load(data, spec)


def _select(loaded: "Loaded", names: Iterable[str]) -> list[str]:
    """The environments named, in the order of the spec; all when none is. Trouble for a name that is not there."""
    known = list(loaded.spec.environments)
    wanted = set(names)
    problems = []
    for name in sorted(wanted - set(known)):
        from difflib import get_close_matches

        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are: {', '.join(known[:20])}"
        problems.append(Problem(f"there is no environment {_printable(name)}", hint))
    if problems:
        raise Trouble(*problems)
    return [name for name in known if name in wanted or not wanted]


def _printable(name: str) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in name[:60])


def _waiting() -> None:
    _err("mercure-deploy: waiting for another run to end")


def _warn(loaded: "Loaded") -> None:
    for _, finding in loaded.findings:
        if finding.level == "warning":
            _err(f"mercure-deploy: warning: {finding.message} [{finding.id}]\n  hint: {finding.hint}")


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


# --- writing ---------------------------------------------------------------------------------------------------------


@cli.command()
@click.option("--app", "apps", multiple=True, metavar="[NAME=]URL", help="Origin of an app's pages; may be repeated.")
@click.option("--hub", metavar="URL", help="Origin of the hub as browsers see it.")
@click.option("--env", "name", default="production", show_default=True, metavar="NAME", help="Name of the environment.")
@click.option("--platform", type=click.Choice(["coolify", "compose"]), default="coolify", show_default=True)
@click.option("--hub-version", "version", type=click.Choice(["0.24", "1.0"]), default="0.24", show_default=True)
@_common(several=False)
def init(  # noqa: PLR0913 - each is an option of the command
    *, apps: tuple[str, ...], hub: str | None, name: str, platform: str, version: str, spec: str, output: str | None
) -> int:
    """Write a commented spec, then render it."""
    from pathlib import Path

    from mercure_deploy import exposure
    from mercure_deploy import init as starting

    _supported()
    root = _root(spec, output)
    starting.refuse_existing(Path(spec), root, name)
    if not (apps and hub) and not sys.stdin.isatty():
        missing = " and ".join(word for word, said in (("--app", apps), ("--hub", hub)) if not said)
        raise click.UsageError(f"{missing} is missing, and there is no terminal to ask on", click.get_current_context())
    apps = apps or (click.prompt("Origin of the app, as in https://app.example.com", err=True),)
    hub = hub or click.prompt("Origin of the hub, as in https://mercure.example.com", err=True)
    text = starting.spec_text(starting.named(apps), hub, name=name, platform=platform, version=version)
    loaded = starting.checked(text, spec)
    with starting.written(Path(spec), text):
        _render(loaded, [name], root)
    _err(f"mercure-deploy: wrote {spec}: commit it, and deploy/ without what its .gitignore names")
    line = exposure.dockerignore_line(Path(spec), root)
    if line:
        _err(f"mercure-deploy: add this line to .dockerignore: {line}")
    _err(f"mercure-deploy: next: {root / name / 'README.md'}")
    return OK


@cli.command()
@click.option("--dry-run", is_flag=True, help="Print the same, write nothing.")
@_common()
def render(*, names: tuple[str, ...], dry_run: bool, spec: str, output: str | None) -> int:
    """Bring the files in line with the spec."""
    loaded = _load(spec)
    selected = _select(loaded, names)
    _warn(loaded)
    if dry_run:
        _preview(loaded, selected, _root(spec, output))
    else:
        _render(loaded, selected, _root(spec, output))
    return OK


def _render(loaded: "Loaded", names: list[str], root: "Path") -> None:
    from mercure_deploy import disk
    from mercure_deploy.root import to_write, view

    with disk.lock(root, waiting=_waiting):
        planned = view(loaded.spec, names, root, to_write(_now()))
        changes = disk.commit(root, planned.files, private=planned.private)
    _changes(changes, planned)
    for path in (root / file.path for file in planned.files if file.secret):
        if disk.loose(path):
            hint = "put the output root on a file system with permissions, see -o"
            _err(f"mercure-deploy: warning: file modes do not stick here [secret-exposure]\n  hint: {hint}")
            break


def _preview(loaded: "Loaded", names: list[str], root: "Path") -> None:
    from mercure_deploy import disk
    from mercure_deploy.root import to_preview, view

    words = {"missing": "created", "changed": "updated", "same": "unchanged"}
    with disk.lock(root, shared=True, waiting=_waiting):
        planned = view(loaded.spec, names, root, to_preview(_now()))
        compared = disk.compare(root, planned.files)
    tighten = {file.path for file in planned.files if file.secret and disk.loose(root / file.path)}
    _changes([(p, "updated" if c == "same" and p in tighten else words[c]) for p, c in compared.items()], planned)


def _changes(changes: Iterable[tuple[str, str]], planned: "View") -> None:
    colours = {"created": "green", "updated": "yellow", "orphan": "magenta"}
    orphans = [(path, "orphan") for paths in planned.orphans.values() for path in paths]
    for path, change in [*changes, *orphans]:
        _out(f"{change} {path}", colours.get(change))


@cli.command("rotate-keys")
@click.argument("name", metavar="ENV")
@click.option("--now", "at_once", is_flag=True, help="One fresh key replaces all: for a leaked or a lost key.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_common(several=False)
def rotate_keys(*, name: str, at_once: bool, yes: bool, spec: str, output: str | None) -> int:
    """Take the next safe step of a key rotation."""
    from mercure_deploy import rotation

    loaded = _load(spec)
    _select(loaded, [name])
    root = _root(spec, output)
    if not at_once:
        raise Trouble("this version can only replace all keys at once", hint=f"rotate-keys {name} --now")
    if not yes:
        if not sys.stdin.isatty():
            hint = "say --yes, when app and hub can be deployed together now"
            raise Trouble("every token of the old keys will be refused, and there is no terminal to ask on", hint=hint)
        if not click.confirm("Every token of the old keys is refused once the hub restarts. Go on?", err=True):
            _err("mercure-deploy: nothing was changed")
            return NO
    changes, planned = rotation.now(loaded.spec, name, root, _now(), waiting=_waiting)
    _changes(changes, planned)
    for line in rotation.next_after_now(name, loaded.spec.environments[name]):
        _out(f"next: {line}")
    return OK


# --- reading ---------------------------------------------------------------------------------------------------------


@cli.command()
@click.option("--strict", is_flag=True, help="Warnings count too.")
@_format
@_common()
def check(*, names: tuple[str, ...], strict: bool, form: str, spec: str, output: str | None) -> int:
    """Find drift and doubtful settings; for CI."""
    from pathlib import Path

    from mercure_deploy import check as checks
    from mercure_deploy import report
    from mercure_deploy.root import lenient

    loaded, root, now = _load(spec), _root(spec, output), _now()
    with _view(loaded, names, root, know=lenient) as planned:
        checked = checks.check(planned, root, Path(spec), loaded.findings, now)
    ok = checks.good(checked, strict=strict)
    if form == "json":
        _out(report.check_json(checked, ok=ok))
    else:
        _findings(report.check_text(checked))
    return OK if ok else NO


@cli.command()
@_common()
def diff(*, names: tuple[str, ...], spec: str, output: str | None) -> int:
    """Show what render would change; a key shows as its fingerprint."""
    from mercure_deploy import disk, drift

    loaded, root = _load(spec), _root(spec, output)
    differs = False
    with _view(loaded, names, root) as planned:
        for file in planned.comparable:
            old = disk.read(root / file.path)
            if old != file.content:
                differs = True
                for line in drift.diff(file.path, old, file.content, secret=file.secret):
                    _out(line, {"+": "green", "-": "red"}.get(line[:1]))
    return NO if differs else OK


@cli.command()
@_format
@_common()
def status(*, names: tuple[str, ...], form: str, spec: str, output: str | None) -> int:
    """Show the keys, where a rotation stands and what comes next, and whether the files are in line."""
    from mercure_deploy import check as checks
    from mercure_deploy import report
    from mercure_deploy.spec import duration_text
    from mercure_deploy.status import status as state

    loaded, root, now = _load(spec), _root(spec, output), _now()
    with _view(loaded, names, root) as planned:
        statuses = {
            d.name: state(d, born=d.name not in planned.unborn, drift=bool(checks.drift(planned, d.name, root)))
            for d in planned.deployments
        }
    if form == "json":
        _out(report.status_json(statuses, now))
    else:
        ages = {name: duration_text(loaded.spec.environments[name].keys.max_age) for name in statuses}
        for line in report.status_text(statuses, ages, now):
            _out(line)
    return OK


@cli.command()
def schema() -> int:
    """Print the JSON Schema of the spec, for editors."""
    import json

    from mercure_deploy.spec import Spec

    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Spec.model_json_schema()}
    _out(json.dumps(about, indent=2))
    return OK


@contextmanager
def _view(loaded: "Loaded", names: Iterable[str], root: "Path", know: "Know | None" = None) -> "Iterator[View]":
    """What ought to be, while nobody else writes."""
    from mercure_deploy import disk
    from mercure_deploy.root import known, to_compare, view

    with disk.lock(root, shared=True, waiting=_waiting):
        yield view(loaded.spec, _select(loaded, names), root, to_compare(_now()), know or known)


def _findings(lines: Iterable[str]) -> None:
    colours = {": error: ": "red", ": warning: ": "yellow"}
    for line in lines:
        _out(line, next((colour for word, colour in colours.items() if word in line), None))


def _now() -> "datetime":
    from datetime import UTC, datetime

    return datetime.now(UTC)
