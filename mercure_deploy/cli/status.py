"""`status`: where the keys stand, and what comes next."""

import click

from mercure_deploy.cli.options import common, formatted
from mercure_deploy.cli.remote import CACERT, REMOTE, TOKEN, behind, lines_of
from mercure_deploy.cli.remote import remote as remote_of
from mercure_deploy.cli.spec import loaded_spec, root_of, select, view
from mercure_deploy.cli.terminal import OK, err, now, out
from mercure_deploy.report import status as standing


@click.command()
@REMOTE
@TOKEN
@CACERT
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
    from mercure_deploy.spec import duration_text
    from mercure_deploy.status import status as state

    loaded, root, moment = loaded_spec(spec), root_of(spec, output), now()
    with view(loaded, names, root) as planned:
        statuses = {
            d.name: state(d, moment, checks.drift(planned, d.name, root), born=d.name not in planned.unborn)
            for d in planned.deployments
        }
    found, unknown = remote_of(loaded, select(loaded, names), root, token_file, cacert) if remote else ({}, [])
    wrong = any(each.drift or each.old for each in statuses.values()) or behind(found)
    if form == "json":
        out([standing.status_json(statuses, found, moment)], wrong=wrong)
    else:
        ages = {name: duration_text(loaded.spec.environments[name].keys.max_age) for name in statuses}
        out([*standing.status_text(statuses, ages, moment), *lines_of(found)], wrong=wrong)
    for problem in unknown:
        err(str(problem))
    return OK
