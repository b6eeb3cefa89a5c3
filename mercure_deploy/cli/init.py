"""`init`: what the user says or is asked, and what is next."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from mercure_deploy import disk
from mercure_deploy.cli.options import common, replacing
from mercure_deploy.cli.render import render_all
from mercure_deploy.cli.spec import root_of, supported, warn
from mercure_deploy.cli.terminal import OK, can_ask, complain, err, note, now
from mercure_deploy.errors import Trouble

if TYPE_CHECKING:
    from mercure_deploy.draft.beginning import Draft
    from mercure_deploy.keys import KeyRing
    from mercure_deploy.spec import Environment, Loaded


PLATFORMS = click.Choice(["coolify", "compose", "frankenphp", "systemd", "kubernetes", "other", "managed"])
_TLS = click.Choice(["proxy", "hub"])


class _Port(click.ParamType):  # type: ignore[type-arg] # generic in newer releases alone
    """A TCP port; what is none is refused in a sentence."""

    name = "port"

    def convert(self, value: object, param: click.Parameter | None, context: click.Context | None) -> int:
        text = str(value).strip()
        if not text.isascii() or not text.isdecimal() or not 0 < int(text) <= 65535:
            self.fail("a port is a number from 1 to 65535", param, context)
        return int(text)


PORT = _Port()
# a PEM is far below
_LARGEST_KEY = 64 * 1024


@click.command()
@click.option("--app", "apps", multiple=True, metavar="[NAME=]URL", help="Origin of an app's pages; may be repeated.")
@click.option("--hub", metavar="URL", help="Origin of the hub as browsers see it.")
@click.option("--env", "name", default="production", show_default=True, metavar="NAME", help="Name of the environment.")
@click.option("--platform", type=PLATFORMS, help="Where the hub runs; default: coolify.")
@click.option("--hub-version", "version", type=click.Choice(["0.24", "1.0"]), default="0.24", show_default=True)
@click.option("--tls", type=_TLS, help="Who terminates TLS; default: proxy on coolify, hub on compose.")
@click.option("--port", type=PORT, metavar="N", help="compose with a proxy: the loopback port for it.")
@click.option("--mode", type=click.Choice(["production", "development"]), help="Default: by the hub's URL.")
@click.option("--key-from", metavar="FILE", help="A key that there is already, alone or in an env file; - is stdin.")
@replacing
@common(several=False)
def init(  # noqa: PLR0913 - each is an option of the command
    *,
    apps: tuple[str, ...],
    hub: str | None,
    name: str,
    platform: str | None,
    version: str,
    tls: str | None,
    port: int | None,
    mode: str | None,
    key_from: str | None,
    replace: bool,
    spec: str,
    output: str | None,
) -> int:
    """Write a commented spec, or add an environment to one, then render it."""
    from mercure_deploy.draft import beginning
    from mercure_deploy.draft import typed as starting

    supported()
    root, place = root_of(spec, output), Path(spec)
    before = beginning.existing(place, root, name)
    # inside the server of an app the hub has its url
    wanted = (("--app", apps), ("--hub", hub or platform == "frankenphp"))
    missing = [word for word, said in wanted if not said]
    if missing and not can_ask():
        verb = "are" if len(missing) > 1 else "is"
        what = f"{' and '.join(missing)} {verb} missing, and there is no terminal to ask on"
        raise click.UsageError(what, click.get_current_context())
    said = beginning.Draft(name, starting.named(apps), hub, platform or "coolify", version, tls, port, mode)
    ring = handed(key_from) if key_from else None
    if ring and ring.current.algorithm != "HS256":
        said.algorithm = ring.current.algorithm
    text, loaded = _asked(said, spec, before, platform is None) if missing else _checked(said, spec, before)
    written(loaded, Begun(name, text, before, ring), place, root, replace=replace)
    return OK


def handed(path: str) -> KeyRing:
    """The ring with the key in that file, `-` for stdin. Trouble when there is none in it that can be used."""
    from mercure_deploy.draft import keys

    if path == "-":
        text = sys.stdin.read(_LARGEST_KEY)
    else:
        data = disk.read(Path(path), limit=_LARGEST_KEY, pipe=True)
        if data is None:
            raise Trouble(f"{path} is not there", hint="--key-from takes a file, or - for stdin")
        text = data.decode(errors="replace")
    return keys.handed(text, "stdin" if path == "-" else path, now())


class Begun(NamedTuple):
    """A new environment: the text of the spec with it, that before it, and the ring where it has a key already."""

    name: str
    text: bytes
    before: bytes | None
    ring: KeyRing | None = None


def written(loaded: Loaded, begun: Begun, spec: Path, root: Path, *, replace: bool = False) -> None:
    """Write the spec and its schema, render the new environment, and say what is next."""
    from mercure_deploy.draft import beginning
    from mercure_deploy.render import Wish

    warn(loaded)
    with beginning.written(spec, begun.text, begun.before):
        render_all(loaded, Wish((begun.name,), replace=replace, ring=begun.ring), root)
    _schema_beside(spec)
    done = "wrote" if begun.before is None else f"added {begun.name} to"
    note(f"{done} {spec}: commit it, and {root}/ without what its .gitignore names")
    _afterwards(spec, root, begun.name)


def _afterwards(spec: Path, root: Path, name: str) -> None:
    """Say what is next for a new environment."""
    from mercure_deploy.output import exposure

    line = exposure.dockerignore_line(spec, root)
    if line:
        note(f"add this line to .dockerignore: {line}")
    note(f"next: {root / name / 'README.md'}")


def _checked(said: Draft, spec: str, before: bytes | None) -> tuple[bytes, Loaded]:
    from mercure_deploy.draft import beginning

    text = beginning.spec_text(said, before)
    return text, beginning.checked(text, spec, before)


def _asked(said: Draft, spec: str, before: bytes | None, unsaid: bool) -> tuple[bytes, Loaded]:  # noqa: FBT001
    """Ask for what is missing, until it makes a spec."""
    others = _others(before)
    platform: str = others[-1].platform if others else "coolify"
    while True:
        if not said.apps:
            said.apps = _apps()
        if said.platform != "frankenphp":
            said.hub = said.hub or asked_url("Origin of the hub, as in https://mercure.example.com")
        if unsaid:
            said.platform = platform = click.prompt("Where the hub runs", platform, type=PLATFORMS, err=True)
        if said.platform == "frankenphp" and len(said.apps) > 1:
            names = list(said.apps)
            said.home = click.prompt("The app it runs in", names[0], type=click.Choice(names), err=True)
        if said.platform == "compose" and said.tls is None:
            said.tls = click.prompt("Who terminates TLS: a proxy, or the hub itself", "hub", type=_TLS, err=True)
        if said.platform == "compose" and said.tls == "proxy" and said.port is None:
            free = _free_port(others)
            said.port = click.prompt("Loopback port for the proxy", free, type=PORT, err=True)
        _coolify(said)
        try:
            return _checked(said, spec, before)
        except Trouble as trouble:
            complain(trouble.problems)
            err("mercure-deploy: once more, with other answers")
            said.apps, said.hub, said.tls, said.port, said.coolify, unsaid = {}, None, None, None, {}, True


def _apps() -> dict[str, str]:
    """The origins of the apps by their names."""
    first = click.prompt("Origin of the app, as in https://app.example.com", err=True)
    word, equals, url = first.partition("=")
    if equals and ":" not in word:
        apps = {word: asked_url(None, url)}
    else:
        origin = asked_url(None, first)
        apps = {click.prompt("Name of that app, and of its env file", "app", err=True).strip(): origin}
    while more := click.prompt("One more app, as in admin=https://admin.example.com", "", err=True):
        word, equals, url = more.partition("=")
        if equals and word not in apps:
            apps[word] = asked_url(None, url)
        else:
            err("mercure-deploy: a name of its own, = and its origin")
    return apps


def _others(before: bytes | None) -> list[Environment]:
    """The environments that the spec has already, in its order."""
    if before is None:
        return []
    from mercure_deploy.spec import load

    return list(load(before, "").spec.environments.values())


def _free_port(others: list[Environment]) -> int:
    """A port that no other environment of the spec has, and nothing on this machine listens on."""
    import socket

    taken = {env.hub.port for env in others}
    for port in range(8080, 8180):
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(("127.0.0.1", port))
            if port not in taken:
                return port
    return 8080


def _coolify(said: Draft) -> None:
    """Where Coolify is, for push, from who has a token of it."""
    if said.platform != "coolify" or not os.environ.get("COOLIFY_TOKEN") or said.coolify:
        return
    url = click.prompt("URL of Coolify, for push (empty: not now)", "", err=True, show_default=False).strip()
    if not url:
        return
    said.coolify = {"url": url, "project": click.prompt("Its project, name or uuid", err=True)}
    said.coolify["service"] = click.prompt("The hub's Service there", f"mercure-{said.name}", err=True)
    apps: dict[str, str] = {}
    for app in said.apps:
        word = click.prompt(f"The Application of {app} (empty: none)", "", err=True, show_default=False).strip()
        apps |= {app: word} if word else {}
    said.coolify["apps"] = apps


def asked_url(question: str | None, said: str | None = None) -> str:
    """An origin, asked for until it is one; what was understood is shown when it is not what was typed."""
    from mercure_deploy.draft import typed as starting

    while True:
        text = said or click.prompt(question or "Its origin", err=True)
        try:
            url = starting.completed(text)
        except ValueError as error:
            err(f"mercure-deploy: {error}")
            said = None
            continue
        if url != text:
            err(f"mercure-deploy: taken for {url}")
        return url


def _schema_beside(spec: Path) -> None:
    """The schema beside the spec, where the first line of the spec tells an editor to look for it."""
    from mercure_deploy.draft import beginning
    from mercure_deploy.spec import schema_text

    place = spec.parent / beginning.SCHEMA
    if not disk.exists(place):
        disk.create(place, schema_text().encode())
