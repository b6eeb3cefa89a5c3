"""`check`: are the files in line, is anything doubtful, and what does Coolify have."""

from pathlib import Path

import click

from mercure_deploy import disk
from mercure_deploy.cli.options import common, formatted
from mercure_deploy.cli.remote import CACERT, REMOTE, TOKEN, behind, lines_of
from mercure_deploy.cli.remote import remote as remote_of
from mercure_deploy.cli.spec import loaded_spec, root_of, select, spec_bytes, view
from mercure_deploy.cli.terminal import NO, OK, coloured, now, on_terminal, out, waiting
from mercure_deploy.errors import Trouble
from mercure_deploy.findings import Checked
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
    data = spec_bytes(spec)
    if not names and not remote and _answered(spec, data, root_of(spec, output), form):
        return OK
    from mercure_deploy import check as checks
    from mercure_deploy.output import lenient

    loaded, root, moment = loaded_spec(spec, data), root_of(spec, output), now()
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


def _answered(spec: str, data: bytes, root: Path, form: str) -> bool:
    """Whether nothing has changed since the last render, and nothing else is there to judge: then that is printed."""
    from mercure_deploy.disk import git, stamp

    if (Path(spec).parent / "Dockerfile").exists():
        return False
    with disk.lock(root, shared=True, waiting=waiting):
        found = stamp.find(root, stamp.key(spec, data, ()))
        if found is None or now().timestamp() >= found.silent or not stamp.alone(root, found.paths):
            return False
        tracked = git.tracked(root)
    if tracked is None or tracked & found.secret:
        return False
    checked = {name: Checked(secrets_checked=True, drift=(), findings=()) for name in found.environments}
    if form == "json":
        out([reported.check_json(checked, {}, ok=True)])
    else:
        out(coloured(reported.check_text(checked, root)))
    return True
