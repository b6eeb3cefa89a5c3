"""`push`, and what other commands ask Coolify: the token, the way, what is said before anything is written."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from mercure_deploy import disk
from mercure_deploy.cli.options import common, environments, formatted, reaching, via_of, way_to
from mercure_deploy.cli.spec import loaded_spec, root_of, select, warn
from mercure_deploy.cli.terminal import NO, OK, err, note, now, out, progress, sure, waiting
from mercure_deploy.errors import Trouble, typed
from mercure_deploy.report import findings as shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mercure_deploy.coolify.client import Client
    from mercure_deploy.facts.origins import Origin
    from mercure_deploy.hub.fetch import Way as HubWay
    from mercure_deploy.output import View
    from mercure_deploy.push import Done, Plan, Where, Wish
    from mercure_deploy.spec import Loaded

_LARGEST_TOKEN = 4096


@click.command()
@click.argument("name", metavar="ENV", shell_complete=environments)
@click.option("--dry-run", is_flag=True, help="Only say what is different; exit 1 when something is.")
@click.option("--hub", "only_hub", is_flag=True, help="The hub alone.")
@click.option("--apps", "only_apps", is_flag=True, help="The apps alone.")
@click.option("--no-deploy", is_flag=True, help="Write, and start nothing.")
@click.option("--token-file", metavar="FILE", help="The API token, instead of COOLIFY_TOKEN.")
@reaching("Another address of the hub, for the proof.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@formatted
@common(several=False)
def push(  # noqa: PLR0913 - each is an option of the command
    *,
    name: str,
    dry_run: bool,
    only_hub: bool,
    only_apps: bool,
    no_deploy: bool,
    token_file: str | None,
    via: str | None,
    cacert: str | None,
    yes: bool,
    form: str,
    spec: str,
    output: str | None,
) -> int:
    """Bring the files of an environment to Coolify, deploy them, and prove on the live hub that they work."""
    from mercure_deploy import push as pushing

    both = only_hub == only_apps
    wish = pushing.Wish(only_hub or both, only_apps or both, not no_deploy)
    loaded = loaded_spec(spec)
    select(loaded, [name])
    warn(loaded)
    way = Way(token_file, via, cacert)
    with connected(loaded, name, root_of(spec, output), way, exclusive=not dry_run) as where:
        planned = pushing.plan(where, wish)
        advice = pushing.advice(where, planned)
        if advice:
            note(advice)
        if planned.nothing or dry_run:
            _say(where, planned, form)
            return NO if dry_run and not planned.nothing else OK
        pushing.able(where)
        if not _agreed(planned, form, yes=yes):
            return NO
        done = carried_out(where, planned, wish)
    return said_of(where, planned, done, form)


def _agreed(planned: Plan, form: str, *, yes: bool) -> bool:
    """Show what is different, and ask."""
    from mercure_deploy import push as pushing

    lines = pushing.lines(planned)
    if form == "text":
        out(_coloured(lines), wrong=True)
    elif not yes:
        for line in lines:
            err(line)
    hint = "say --yes, or look with --dry-run"
    alone = Trouble("there is something to write, and no terminal to ask on", hint=hint)
    return sure("Write this to Coolify?", alone, yes=yes, nothing="nothing was written")


def push_all(loaded: Loaded, name: str, root: Path, way: Way) -> int:
    """Push whatever is different, without asking, and say what became of it."""
    from mercure_deploy import push as pushing

    with connected(loaded, name, root, way, exclusive=True) as where:
        wish = pushing.Wish()
        planned = pushing.plan(where, wish)
        if planned.nothing:
            return OK
        pushing.able(where)
        done = carried_out(where, planned, wish)
    return said_of(where, planned, done, "text")


def carried_out(where: Where, planned: Plan, wish: Wish) -> Done:
    """Write, deploy and prove. Who ends it meanwhile, by ^C or a signal, finds what was there before."""
    from mercure_deploy import push as pushing

    done = pushing.Done()
    try:
        with _interruptible():
            pushing.carry_out(where, planned, wish, done)
    except KeyboardInterrupt:
        if done.written:
            begun = f", and what was begun goes on there ({', '.join(done.deployed)})" if done.deployed else ""
            err(f"mercure-deploy: what was written stays{begun}; push once more goes on from there")
        raise
    return done


@contextmanager
def _interruptible() -> Iterator[None]:
    """The first signal to end is a KeyboardInterrupt, and no other one keeps what was written from being taken back."""
    ends = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_number: int, _frame: object) -> None:
        for each in ends:
            signal.signal(each, signal.SIG_IGN)
        err("mercure-deploy: ends; a write that is not finished is taken back")
        raise KeyboardInterrupt

    # whoever ignores a signal, as nohup does, goes on ignoring it
    before = {each: signal.getsignal(each) for each in ends if signal.getsignal(each) is not signal.SIG_IGN}
    try:
        for each in before:
            signal.signal(each, end)
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


class Way:
    """How Coolify and the hub are reached: where the token is, another address of the hub, an authority."""

    def __init__(self, token_file: str | None, via: str | None, cacert: str | None) -> None:
        self.token_file, self.via, self.cacert = token_file, via, cacert

    def token(self) -> str:
        """The API token. Trouble when there is none; it is never an argument, which others on the machine can read."""
        if self.token_file:
            data = disk.read(self.token_file, limit=_LARGEST_TOKEN, pipe=True)
            if data is None:
                raise Trouble(f"{typed(self.token_file)} does not exist")
            text = data.decode(errors="replace").strip()
        else:
            text = os.environ.get("COOLIFY_TOKEN", "").strip()
        if not text:
            hint = "COOLIFY_TOKEN=…, or --token-file FILE; Coolify makes one at /security/api-tokens"
            raise Trouble("there is no API token of Coolify", hint=hint)
        why = _no_token(text)
        if why:
            where = self.token_file or "COOLIFY_TOKEN"
            raise Trouble(f"the API token in {typed(where)} {why}", hint="it is one line of letters and digits, as 1|…")
        return text


def _no_token(text: str) -> str | None:
    """Why that text cannot be an API token, None when it may be one; nothing of it is told."""
    if text.startswith(("\ufeff", "\xef\xbb\xbf")):
        return "begins with a byte order mark: save the file without one"
    if "\n" in text or "\r" in text:
        return "has a line break in it"
    return None if text.isprintable() and text.isascii() and " " not in text else "holds characters that no token has"


@contextmanager
def connected(  # noqa: PLR0913 - what is reached, and for what
    loaded: Loaded, name: str, root: Path, way: Way, *, exclusive: bool, reading: bool = False
) -> Iterator[Where]:
    """An environment whose files are in line, and the way to its Coolify; the lock is held throughout.

    Trouble when the files are not in line, unless it is only for `reading`: then what render would write counts.
    """
    from mercure_deploy import push as pushing
    from mercure_deploy.coolify.values import Place
    from mercure_deploy.hub.rendered import running
    from mercure_deploy.output import look, to_compare

    env = loaded.spec.environments[name]
    if env.coolify is None:
        if env.platform != "coolify":
            what = f"{name} is deployed on {env.platform}, and push is for Coolify"
            raise Trouble(what, hint=f"{root / name / 'README.md'} says how it is deployed")
        hint = "say coolify: {url: https://…, project: …} in that environment, see docs/spec.md"
        raise Trouble(f"{name}: the spec does not say where Coolify is", hint=hint)
    token = way.token()
    hub = way_to(via_of(way.via), way.cacert)
    with disk.lock(root, shared=not exclusive, waiting=waiting):
        view = look(loaded.spec, [name], root, to_compare(now()))
        d = pushing.deployment(view, name)
        if not reading:
            _in_line(view, name, root)
        wanted = pushing.wanted(view, d)
        with api(env.coolify.url, token, hub) as client:
            place = Place(client, env.coolify, name, tuple(env.apps))
            yield pushing.Where(place, d, wanted, hub, now, lambda: running(pushing.mark_url(d), hub))


def api(url: Origin, token: str, hub: HubWay) -> Client:
    """The API of an instance; who watches is told what is waited for."""
    from mercure_deploy.coolify.client import Client, Clock

    return Client(url, token, hub, Clock(time.monotonic, time.sleep, progress))


def _in_line(view: View, name: str, root: Path) -> None:
    from mercure_deploy import check as checks

    drift = checks.drift(view, name, root)
    if drift:
        said = ", ".join(f"{each.change} {each.path}" for each in drift[:5])
        raise Trouble(f"{name} is not in line with the spec: {said}", hint=f"mercure-deploy render {name}, then push")


def _coloured(lines: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    for line in lines:
        yield line, "green" if ": + " in line else "red" if ": - " in line else None


def _say(where: Where, planned: Plan, form: str) -> None:
    from mercure_deploy import push as pushing

    if form == "json":
        said = {"version": 1, "ok": planned.nothing, "environment": where.d.name, **pushing.row(planned, None)}
        out([json.dumps(said, indent=2)], wrong=not planned.nothing)
    elif planned.nothing:
        out([f"{where.d.name}: Coolify has what the files say"])
    else:
        out(_coloured(pushing.lines(planned)), wrong=True)


def said_of(where: Where, planned: Plan, done: Done, form: str) -> int:
    """Say what became of it; the exit code."""
    from mercure_deploy import push as pushing

    proved = done.proved is not False and done.failed is None
    findings = [finding for each in done.seen for finding in each.findings]
    if form == "json":
        said = {"version": 1, "ok": proved, "environment": where.d.name, **pushing.row(planned, done)}
        out([json.dumps({**said, "findings": [shown.finding_row(each) for each in findings]}, indent=2)], done=True)
        return OK if proved else NO
    deployed = f"deployed: {', '.join(done.deployed)}" if done.deployed else "written, nothing was deployed"
    if done.proved is False:
        deployed = f"written and started, not proved: {', '.join(done.deployed)}"
    out([f"{where.d.name}: {deployed}"], done=True)
    if done.proved:
        note("proved on the live hub: the new container, its keys, a round trip, the origins")
    for each in done.seen:
        err(f"mercure-deploy: not proved: {each.name}: {each.evidence}")
    for finding in findings:
        for line in shown.finding_text(finding):
            err(line)
    if done.failed:
        err(f"mercure-deploy: {done.failed}")
    return OK if proved else NO
