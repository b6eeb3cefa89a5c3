"""`token`: what a person may do with it, and where its secret goes: stdout alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mercure_deploy import disk
from mercure_deploy.cli.options import common, environments
from mercure_deploy.cli.spec import loaded_spec, root_of, select
from mercure_deploy.cli.terminal import NO, OK, can_ask, note, now, on_terminal, out, waiting
from mercure_deploy.errors import Trouble, printable, typed

if TYPE_CHECKING:
    from datetime import datetime

    from mercure_deploy.readers.tokens import Token

# a token is a few hundred characters; a header is at most some thousand
_LONGEST = 64 * 1024


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
    from mercure_deploy import token as tokens
    from mercure_deploy.hub.tokens import Grants
    from mercure_deploy.output import known
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


@token.command()
@click.argument("file", metavar="[FILE]", default="-", type=click.Path())
@common(several=False)
def inspect(*, file: str, spec: str, output: str | None) -> int:
    """Say what a token says, which key signed it, and whether the hub takes it; from a file or from stdin."""
    from mercure_deploy import token as tokens
    from mercure_deploy.readers.tokens import parse

    found = parse(_text(file))
    if found is None:
        raise Trouble("that is no token", hint="a token is three parts with points between: eyJ….eyJ….…")
    moment = now()
    lines = [f"header {json.dumps(found.header)}", f"claims {json.dumps(found.claims)}"]
    lines += [*tokens.times(found, moment), *tokens.grants(found)]
    said = _verdicts(found, spec, output, moment)
    out([*map(printable, lines), *(line for line, _ in said)], wrong=True)
    return NO if said and all(wrong for _, wrong in said) else OK


def _text(file: str) -> str:
    """What stands in that file, or on stdin; never in an argument, which others on the machine can read."""
    if file.startswith("eyJ"):
        raise Trouble("a token is a secret", hint="put it into a file, or give it on stdin: token inspect < FILE")
    if file == "-":
        if can_ask():
            note("paste the token, end with a new line and ^D")
        return sys.stdin.read(_LONGEST) if sys.stdin else ""
    data = disk.read(file, limit=_LONGEST, pipe=True)
    if data is None:
        raise Trouble(f"{typed(file)} does not exist")
    return data.decode("utf-8", errors="replace")


def _verdicts(found: Token, spec: str, output: str | None, moment: datetime) -> list[tuple[str, bool]]:
    """A line for each environment of the spec, if there is one, and whether its hub refuses the token."""
    from mercure_deploy import token as tokens
    from mercure_deploy.hub.tokens import signer
    from mercure_deploy.keys import WELL_KNOWN
    from mercure_deploy.output import known

    lines = [("signed with a key that everybody knows", True)] if any(map(found.signed_by, WELL_KNOWN)) else []
    if not Path(spec).exists():
        return lines
    loaded, root = loaded_spec(spec), root_of(spec, output)
    environments = loaded.spec.environments
    with disk.lock(root, shared=True, waiting=waiting):
        rings = {name: known(root, name).any() for name in environments}
    for name, env in environments.items():
        ring = rings[name]
        if ring is None:
            continue
        if all(key.symmetric and key.secret is None for key in ring.keys):
            lines.append((f"{name}: its keys are not on this machine, so nobody knows", False))
            continue
        key = signer(found, ring.keys)
        why = tokens.refusal(found, env, ring, moment.timestamp())
        signed = f"signed with the key {key.fingerprint}; " if key else ""
        lines.append(
            (f"{name}: {signed}{f'its hub answers 401: {why}' if why else 'its hub takes it'}", why is not None)
        )
    return lines
