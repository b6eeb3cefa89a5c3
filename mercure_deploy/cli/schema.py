"""`schema`: the JSON Schema of the spec."""

import click

from mercure_deploy.cli.terminal import OK, out


@click.command()
def schema() -> int:
    """Print the JSON Schema of the spec, for editors."""
    from mercure_deploy.spec import schema_text

    out([schema_text().rstrip("\n")])
    return OK
