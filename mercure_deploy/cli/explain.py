"""`explain`: the page of a finding, or all of them a line each."""

import click

from mercure_deploy import explain as pages
from mercure_deploy.cli.terminal import OK, out
from mercure_deploy.findings import IDS


def _ids(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    return sorted(each for each in IDS if each.startswith(incomplete))


@click.command()
@click.argument("id_", metavar="[ID]", required=False, shell_complete=_ids)
def explain(*, id_: str | None) -> int:
    """Say what a finding is, how to be sure of it, and its cure.

    Without an ID: all that there are, a line each.
    """
    if id_:
        out(pages.page(id_).rstrip().splitlines(), wrong=True)
        return OK
    listed = pages.index()
    width = max(len(each) for each, _ in listed)
    out([f"{each:{width}}  {what}" for each, what in listed], wrong=True)
    return OK
