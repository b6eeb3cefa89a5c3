"""`token`: what a person may do with it, and where its secret goes: stdout alone."""

import click

from mercure_deploy.cli.common import (
    OK,
    common,
    environments,
    loaded_spec,
    note,
    now,
    on_terminal,
    out,
    root_of,
    select,
    waiting,
)
from mercure_deploy.errors import Trouble


@click.group("token")
def token() -> None:
    """Tokens by hand, to ask a hub with curl."""


@token.command()
@click.argument("name", metavar="ENV", shell_complete=environments)
@click.option("--publish", multiple=True, metavar="TOPIC", help="May publish to it; may be repeated, * is every topic.")
@click.option("--subscribe", multiple=True, metavar="TOPIC", help="May subscribe to it; may be repeated.")
@click.option("--ttl", default="1h", show_default=True, metavar="TIME", help="How long it lives; units s m h d.")
@click.option("--app", metavar="NAME", help="The app whose token it is; hub 1.0 is told.")
@click.option("--key", "mark", metavar="FINGERPRINT", help="The key of the ring that signs; default: the current one.")
@common(several=False)
def mint(  # noqa: PLR0913 - each is an option of the command
    *,
    name: str,
    publish: tuple[str, ...],
    subscribe: tuple[str, ...],
    ttl: str,
    app: str | None,
    mark: str | None,
    spec: str,
    output: str | None,
) -> int:
    """Print a token, and nothing else, to stdout; its claims to stderr."""
    import json

    from mercure_deploy import disk
    from mercure_deploy import token as tokens
    from mercure_deploy.live.tokens import Grants
    from mercure_deploy.root import known
    from mercure_deploy.spec import duration

    loaded, root = loaded_spec(spec), root_of(spec, output)
    select(loaded, [name])
    with disk.lock(root, shared=True, waiting=waiting):
        ring = known(root, name).secret()
    if ring is None:
        raise Trouble(f"{name} has no key yet", hint=f"render {name} makes one")
    try:
        expiry = now() + duration(ttl)
    except ValueError as error:
        raise Trouble(f"--ttl {error}") from None
    env = loaded.spec.environments[name]
    text, said, key = tokens.mint(env, ring, Grants(publish, subscribe), expiry, app=app, mark=mark)
    note(f"signed with the key {key.fingerprint}, {key.algorithm}: {json.dumps(said)}")
    if on_terminal():
        note("this is a secret: who has it may do what it says")
    out([text], wrong=True)
    return OK
