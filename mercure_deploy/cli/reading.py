"""Commands that only read: `check`, `diff`, `status` and `schema`."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from mercure_deploy.cli.common import (
    NO,
    OK,
    coloured,
    common,
    err,
    formatted,
    loaded_spec,
    now,
    on_terminal,
    out,
    root_of,
    select,
    waiting,
)
from mercure_deploy.errors import Trouble

if TYPE_CHECKING:
    from pathlib import Path

    from mercure_deploy.errors import Problem
    from mercure_deploy.push import Remote
    from mercure_deploy.root import Know, View
    from mercure_deploy.spec import Loaded


def _ids(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    from mercure_deploy.findings import IDS

    return sorted(each for each in IDS if each.startswith(incomplete))


_REMOTE = click.option("--remote", is_flag=True, help="What Coolify has, too; nothing is written there.")
_TOKEN = click.option("--token-file", metavar="FILE", help="With --remote: the API token, instead of COOLIFY_TOKEN.")
_CACERT = click.option("--cacert", metavar="FILE", help="With --remote: a certificate authority of your own, PEM.")


@click.command()
@click.option("--strict", is_flag=True, help="Warnings count too.")
@_REMOTE
@_TOKEN
@_CACERT
@formatted
@common()
def check(  # noqa: PLR0913 - each is an option of the command
    *,
    names: tuple[str, ...],
    strict: bool,
    remote: bool,
    token_file: str | None,
    cacert: str | None,
    form: str,
    spec: str,
    output: str | None,
) -> int:
    """Find drift and doubtful settings; for CI."""
    from pathlib import Path

    from mercure_deploy import check as checks
    from mercure_deploy import report
    from mercure_deploy.root import lenient

    loaded, root, moment = loaded_spec(spec), root_of(spec, output), now()
    with _view(loaded, names, root, know=lenient) as planned:
        checked = checks.check(planned, root, Path(spec), loaded.findings, moment)
    there, unknown = _there(loaded, names, root, token_file, cacert) if remote else ({}, [])
    ok = checks.good(checked, strict=strict) and not unknown and not _behind(there)
    if form == "json":
        out([report.check_json(checked, there, ok=ok)], wrong=not ok)
    else:
        out([*coloured(report.check_text(checked, root, more=on_terminal())), *_there_lines(there)], wrong=not ok)
    if unknown:
        raise Trouble(*unknown)
    return OK if ok else NO


def _there(
    loaded: "Loaded", names: Iterable[str], root: "Path", token_file: str | None, cacert: str | None
) -> "tuple[dict[str, Remote], list[Problem]]":
    from mercure_deploy.cli import remote

    return remote.remote(loaded, select(loaded, names), root, token_file, cacert)


def _behind(there: "dict[str, Remote]") -> bool:
    """Whether something in Coolify is not as the files say, or does not run yet."""
    if not there:
        return False
    from mercure_deploy import push as pushing

    return any(map(pushing.behind, there.values()))


def _there_lines(there: "dict[str, Remote]") -> list[str]:
    from mercure_deploy.cli import remote

    return list(remote.remote_lines(there)) if there else []


@click.command()
@click.argument("id_", metavar="[ID]", required=False, shell_complete=_ids)
def explain(*, id_: str | None) -> int:
    """Say what a finding is, how to be sure of it, and its cure.

    Without an ID: all that there are, a line each.
    """
    from mercure_deploy import explain as pages

    if id_:
        out(pages.page(id_).rstrip().splitlines(), wrong=True)
        return OK
    listed = pages.index()
    width = max(len(each) for each, _ in listed)
    out([f"{each:{width}}  {what}" for each, what in listed], wrong=True)
    return OK


@click.command()
@formatted
@common()
def diff(*, names: tuple[str, ...], form: str, spec: str, output: str | None) -> int:
    """Show what render would change; a key shows as its fingerprint."""
    from mercure_deploy import disk, report
    from mercure_deploy.root import drift

    loaded, root = loaded_spec(spec), root_of(spec, output)
    differences: dict[str, list[str]] = {}
    with _view(loaded, names, root) as planned:
        for file in planned.comparable:
            old = disk.read(root / file.path)
            if old != file.content:
                differences[file.path] = list(drift.diff(file.path, old, file.content, secret=file.secret))
    if form == "json":
        out([report.diff_json(differences)], wrong=bool(differences))
    else:
        lines = [line for each in differences.values() for line in each]
        out(((line, {"+": "green", "-": "red"}.get(line[:1])) for line in lines), wrong=True)
    return NO if differences else OK


@click.command()
@_REMOTE
@_TOKEN
@_CACERT
@formatted
@common()
def status(  # noqa: PLR0913 - each is an option of the command
    *,
    names: tuple[str, ...],
    remote: bool,
    token_file: str | None,
    cacert: str | None,
    form: str,
    spec: str,
    output: str | None,
) -> int:
    """Show the keys, where a rotation stands, and whether the files are in line."""
    from mercure_deploy import check as checks
    from mercure_deploy import report
    from mercure_deploy.spec import duration_text
    from mercure_deploy.status import status as state

    loaded, root, moment = loaded_spec(spec), root_of(spec, output), now()
    with _view(loaded, names, root) as planned:
        statuses = {
            d.name: state(d, moment, checks.drift(planned, d.name, root), born=d.name not in planned.unborn)
            for d in planned.deployments
        }
    there, unknown = _there(loaded, names, root, token_file, cacert) if remote else ({}, [])
    wrong = any(each.drift or each.old for each in statuses.values()) or _behind(there)
    if form == "json":
        out([report.status_json(statuses, there, moment)], wrong=wrong)
    else:
        ages = {name: duration_text(loaded.spec.environments[name].keys.max_age) for name in statuses}
        out([*report.status_text(statuses, ages, moment), *_there_lines(there)], wrong=wrong)
    for problem in unknown:
        err(str(problem))
    return OK


@click.command()
def schema() -> int:
    """Print the JSON Schema of the spec, for editors."""
    from mercure_deploy.spec import schema_text

    out([schema_text().rstrip("\n")])
    return OK


@contextmanager
def _view(loaded: "Loaded", names: Iterable[str], root: "Path", know: "Know | None" = None) -> "Iterator[View]":
    """What ought to be, while nobody else writes."""
    from mercure_deploy import disk
    from mercure_deploy.root import known, look, to_compare

    with disk.lock(root, shared=True, waiting=waiting):
        yield look(loaded.spec, select(loaded, names), root, to_compare(now()), know or known)
