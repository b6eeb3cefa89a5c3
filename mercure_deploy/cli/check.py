"""`check`: are the files in line, is anything doubtful, and what does Coolify have."""

from pathlib import Path

import click

from mercure_deploy.cli.options import common, formatted
from mercure_deploy.cli.remote import CACERT, REMOTE, TOKEN, behind, lines_of
from mercure_deploy.cli.remote import remote as remote_of
from mercure_deploy.cli.spec import loaded_spec, root_of, select, view
from mercure_deploy.cli.terminal import NO, OK, coloured, now, on_terminal, out
from mercure_deploy.errors import Trouble
from mercure_deploy.report import files as reported


@click.command()
@click.option("--strict", is_flag=True, help="Warnings count too.")
@REMOTE
@TOKEN
@CACERT
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
    from mercure_deploy import check as checks
    from mercure_deploy.output import lenient

    loaded, root, moment = loaded_spec(spec), root_of(spec, output), now()
    with view(loaded, names, root, know=lenient) as planned:
        checked = checks.check(planned, root, Path(spec), loaded.findings, moment)
    found, unknown = remote_of(loaded, select(loaded, names), root, token_file, cacert) if remote else ({}, [])
    ok = checks.good(checked, strict=strict) and not unknown and not behind(found)
    if form == "json":
        out([reported.check_json(checked, found, ok=ok)], wrong=not ok)
    else:
        out([*coloured(reported.check_text(checked, root, more=on_terminal())), *lines_of(found)], wrong=not ok)
    if unknown:
        raise Trouble(*unknown)
    return OK if ok else NO
