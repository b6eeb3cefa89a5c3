"""`diff`: what render would change, with fingerprints in the place of keys."""

import click

from mercure_deploy import disk
from mercure_deploy.cli.options import common, formatted
from mercure_deploy.cli.spec import loaded_spec, root_of, view
from mercure_deploy.cli.terminal import NO, OK, out
from mercure_deploy.report import files as reported


@click.command()
@formatted
@common()
def diff(*, names: tuple[str, ...], form: str, spec: str, output: str | None) -> int:
    """Show what render would change; a key shows as its fingerprint."""
    from mercure_deploy.output import drift

    loaded, root = loaded_spec(spec), root_of(spec, output)
    differences: dict[str, list[str]] = {}
    with view(loaded, names, root) as planned:
        for file in planned.comparable:
            old = disk.read(root / file.path)
            if old != file.content:
                differences[file.path] = list(drift.diff(file.path, old, file.content, secret=file.secret))
    if form == "json":
        out([reported.diff_json(differences)], wrong=bool(differences))
    else:
        lines = [line for each in differences.values() for line in each]
        out(((line, {"+": "green", "-": "red"}.get(line[:1])) for line in lines), wrong=True)
    return NO if differences else OK
