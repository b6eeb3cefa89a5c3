"""`kit`: for which app, into which project, and what there is to do then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mercure_deploy import disk
from mercure_deploy.cli.options import environments, quietly, replacing
from mercure_deploy.cli.spec import loaded_spec, root_of, select, show, view
from mercure_deploy.cli.terminal import OK, note
from mercure_deploy.errors import Trouble, closest, typed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mercure_deploy.kit import Plan

_NEEDED = {
    "symfony/mercure-bundle": "composer require mercure: without it nothing here runs",
    "symfony/security-bundle": "composer require security: who may see what is decided by it",
    "symfony/stimulus-bundle": "without Stimulus, start the stream of assets/mercure_stream.js as its head shows",
}
_LARGEST = 1024 * 1024


@click.command()
@click.argument("name", metavar="ENV", shell_complete=environments)
@click.argument("app", metavar="APP")
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option("--dry-run", is_flag=True, help="Print the same, write nothing.")
@replacing
@click.option("-f", "--file", "spec", default="mercure.yaml", metavar="FILE", help="The spec, mercure.yaml.")
@click.option("-o", "--output", metavar="DIR", help="Root of the files, default: deploy/ beside the spec.")
@quietly
def kit(  # noqa: PLR0913 - each is an option of the command
    *, name: str, app: str, folder: str, dry_run: bool, replace: bool, spec: str, output: str | None
) -> int:
    """Write what the code of an app has to do into its Symfony project: a stream that stays, and who gets a cookie.

    The files become yours: what you change stays as it is, what you leave alone is brought up to date by the next run.
    """
    from mercure_deploy import kit as making
    from mercure_deploy.targets.kit import files

    loaded, project = loaded_spec(spec), Path(folder)
    select(loaded, [name])
    apps = loaded.spec.environments[name].apps
    if app not in apps:
        raise Trouble(f"{name} has no app {typed(app)}", hint=closest(app, apps))
    with view(loaded, [name], root_of(spec, output)) as seen:
        [d] = [each for each in seen.deployments if each.name == name]
        made = files(d, app)
    found = making.plan(project, made, replace=replace)
    changed = (making.changes if dry_run else making.write)(project, found, replace=replace)
    show([(path, change) for path, change in changed if path != making.MANIFEST], project, _following(found, project))
    for path in found.behind:
        note(f"{path} is yours, and this version writes it otherwise: look at it, or say --replace")
    return OK


def _following(found: Plan, project: Path) -> Iterator[str]:
    """What there is to be done by hand."""
    yield from (f"kept {path}, which you changed" for path in found.kept)
    if found.merge:
        yield "to be merged into config/packages/mercure.yaml:"
        yield from (f"    {line}" for line in found.merge.splitlines())
    required = _required(project)
    yield from (
        f"{package} is not required by composer.json: {what}"
        for package, what in _NEEDED.items()
        if package not in required
    )


def _required(project: Path) -> set[str]:
    """The packages that composer.json names."""
    try:
        said = json.loads(disk.read(project / "composer.json", limit=_LARGEST) or b"{}")
        return {package for word in ("require", "require-dev") for package in said.get(word, {})}
    except (ValueError, RecursionError, AttributeError, TypeError):
        return set()
