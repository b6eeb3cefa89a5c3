"""`audit`: which log it is given, and how what that says is shown."""

from __future__ import annotations

import io
import math
import os
import stat
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import click

from mercure_deploy.cli.options import formatted, quietly
from mercure_deploy.cli.push import Way, connected
from mercure_deploy.cli.spec import loaded_spec, root_of, select
from mercure_deploy.cli.terminal import NO, OK, can_ask, coloured, err, note, now, on_terminal, out, stdin
from mercure_deploy.errors import Trouble, typed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from mercure_deploy.audit import Block, Known, Tally
    from mercure_deploy.spec import Loaded

# seconds between two looks at a file that grows, and between two lines about it
_LOOK, _SAY = 0.5, 60.0
_LINES = 10_000


@click.command()
@click.argument("words", nargs=-1, metavar="[ENV] [FILE|-]...", type=click.Path())
@click.option("--from-coolify", is_flag=True, help="The log of the hub's container there, its last 10,000 lines.")
@click.option("--token-file", metavar="FILE", help="With --from-coolify: the API token, instead of COOLIFY_TOKEN.")
@click.option("--cacert", metavar="FILE", help="With --from-coolify: a certificate authority of your own, PEM.")
@click.option("--since", metavar="TIME", help="From then on: 2026-11-28, 2026-11-28T10:00Z, or 2h ago as 2h.")
@click.option("--until", metavar="TIME", help="Up to then.")
@click.option("--follow", is_flag=True, help="Go on reading; a line a minute and findings as they come, until ^C.")
@click.option("--addresses", is_flag=True, help="Addresses of clients in full.")
@click.option("--html", metavar="FILE", help="The same as one page, for a browser.")
@click.option("--strict", is_flag=True, help="Warnings count too.")
@click.option("-f", "--file", "spec", default="mercure.yaml", metavar="FILE", help="The spec, mercure.yaml.")
@click.option("-o", "--output", metavar="DIR", help="Root of the files, default: deploy/ beside the spec.")
@quietly
@formatted
def audit(  # noqa: PLR0913 - each is an option of the command
    *,
    words: tuple[str, ...],
    from_coolify: bool,
    token_file: str | None,
    cacert: str | None,
    since: str | None,
    until: str | None,
    follow: bool,
    addresses: bool,
    html: str | None,
    strict: bool,
    spec: str,
    output: str | None,
    form: str,
) -> int:
    """Say what the access log of a hub tells: numbers by hour, and what is out of the ordinary.

    FILE: a log, plain or gzip, with or without what docker or Coolify put before its lines; - is standard input. ENV:
    the environment that the hub is of, for its origins. No token and no full address is shown.
    """
    from mercure_deploy.audit import Tally, Window

    env, files = _environment(words, spec)
    loaded = loaded_spec(spec) if env else None
    window = Window(_time("--since", since) if since else 0.0, _time("--until", until) if until else math.inf)
    tally = Tally(_known(loaded, env), window)
    if from_coolify:
        if not loaded or not env or files:
            raise click.UsageError("--from-coolify is for an environment of the spec, and no files")
        _from_coolify(tally, loaded, env, Way(token_file, None, cacert), root_of(spec, output))
    elif follow:
        _follow(tally, files, form, full=addresses)
    else:
        for block in _blocks(files):
            _count(tally, block)
    if html:
        _page(html, tally, env or "The log of a Mercure hub", full=addresses)
    return _show(tally, form, full=addresses, strict=strict)


def _show(tally: Tally, form: str, *, full: bool, strict: bool) -> int:
    """Print what was found; the exit code."""
    from mercure_deploy.audit import anomalies
    from mercure_deploy.report import audit as reported

    found = anomalies(tally, full=full)
    counted = {"error"} | ({"warning"} if strict else set())
    wrong = any(each.finding.level in counted for each in found)
    if form == "json":
        out([reported.as_json(tally, found, ok=not wrong)], wrong=wrong)
    else:
        out(coloured(reported.text(tally, found, more=on_terminal())), wrong=bool(found))
    return NO if wrong else OK


def _count(tally: Tally, block: Block) -> None:
    from mercure_deploy.audit.counting import count

    count(tally, block)


def _environment(words: Sequence[str], spec: str) -> tuple[str | None, list[str]]:
    """The environment, where the first word is none of a file; and the files."""
    if not words or words[0] == "-" or _is_log(words[0]):
        return None, list(words)
    if not os.path.lexists(spec):
        raise Trouble(f"{typed(words[0])} is no file, and there is no {typed(spec)} with an environment of that name")
    return select(loaded_spec(spec), words[:1])[0], list(words[1:])


def _is_log(path: str) -> bool:
    """Whether there is something to read, be it a pipe, and no folder."""
    try:
        return "/" in path or not stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116 - as it was typed
    except (OSError, ValueError):
        return "/" in path or "." in path


def _known(loaded: Loaded | None, name: str | None) -> Known:
    """What the spec says of the hub."""
    from mercure_deploy.audit import Known
    from mercure_deploy.facts.hubs import HUB_PATH
    from mercure_deploy.facts.origins import allows

    if loaded is None or name is None:
        return Known()
    env = loaded.spec.environments[name]
    origins = [str(each) for each in (*env.origins, env.hub.url)]
    paths = dict.fromkeys([env.hub.path, HUB_PATH])
    lifetime = env.keys.token_lifetime.total_seconds()
    return Known(lambda origin: allows(origins, origin), env.hub.anonymous, lifetime, tuple(paths))


def _blocks(files: Sequence[str]) -> Iterator[Block]:
    """All lines of all logs. Trouble for one that cannot be read, before any is."""
    from mercure_deploy.audit import blocks
    from mercure_deploy.audit.reading import opened

    if not files and can_ask():
        raise click.UsageError("name the log: a file, or - for standard input")
    for path in files:
        if path != "-":
            opened(path).close() if not _is_pipe(path) else None
    for path in files or ["-"]:
        if path == "-":
            yield from blocks("-", stdin(), note)
        else:
            with opened(path) as stream:
                yield from blocks(path, stream, note)


def _is_pipe(path: str) -> bool:
    """Whether opening it once more would take what is in it."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)  # noqa: PTH116 - as it was typed
    except OSError:
        return False


def _follow(tally: Tally, files: Sequence[str], form: str, *, full: bool) -> None:
    """Read on until ^C, or the end of standard input, and say what comes."""
    from mercure_deploy.audit import following

    if len(files) > 1:
        raise click.UsageError("--follow is for one log")
    said = _Saying(tally, _aside if form == "json" else partial(out, wrong=True), full=full)

    def wait() -> None:
        said.now_and_then()
        time.sleep(_LOOK)

    try:
        for block in following(files[0], wait, note) if files and files[0] != "-" else _blocks(files):
            _count(tally, block)
            said.now_and_then()
    except KeyboardInterrupt:
        err("mercure-deploy: ends")


def _aside(lines: Iterable[str | tuple[str, str | None]]) -> None:
    """Beside the JSON that comes at the end."""
    for line in lines:
        err(line if isinstance(line, str) else line[0])


class _Saying:
    """What is said while a log grows: each finding once, and a line a minute."""

    def __init__(
        self, tally: Tally, say: Callable[[Iterable[str | tuple[str, str | None]]], None], *, full: bool
    ) -> None:
        self.tally, self.say, self.full = tally, say, full
        self.told: set[tuple[str, object]] = set()
        self.minute, self.second, self.before = time.monotonic(), time.monotonic(), 0

    def now_and_then(self) -> None:
        """Say what there is to say now."""
        from mercure_deploy.audit import anomalies
        from mercure_deploy.report import audit as reported

        moment = time.monotonic()
        if moment - self.second < 1:
            return
        self.second = moment
        for each in anomalies(self.tally, full=self.full):
            identity = each.finding.id, each.finding.place
            if identity not in self.told:
                self.told.add(identity)
                self.say(coloured(reported.finding(each)))
        if moment - self.minute >= _SAY:
            self.minute = moment
            lines, self.before = self.tally.lines - self.before, self.tally.lines
            self.say([reported.minute(self.tally, lines)])


def _from_coolify(tally: Tally, loaded: Loaded, name: str, way: Way, root: Path) -> None:
    """The last lines of the hub's container."""
    from mercure_deploy import push as pushing
    from mercure_deploy.audit import blocks

    with connected(loaded, name, root, way, exclusive=False, reading=True) as where:
        text = pushing.log(where, _LINES)
    for block in blocks(f"coolify:{name}", io.BytesIO(text.encode()), note):
        _count(tally, block)


def _page(path: str, tally: Tally, name: str, *, full: bool) -> None:
    from mercure_deploy import doctor
    from mercure_deploy.audit import anomalies
    from mercure_deploy.keys import KNOWN
    from mercure_deploy.report import audit as reported
    from mercure_deploy.targets.render import render

    words = reported.page(tally, anomalies(tally, full=full), now(), name)
    doctor.write(path, KNOWN.mask(render("audit.html.j2", **words).decode()).encode())
    note(f"wrote {path}")


def _time(option: str, text: str) -> float:
    """A moment in seconds since 1970: as a date, a date with a time (UTC unless it says), or so long ago."""
    from mercure_deploy.spec.fields import duration

    try:
        length = duration(text)
    except ValueError:
        length = None
    if isinstance(length, timedelta):
        return (now() - length).timestamp()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        hint = "2026-11-28, 2026-11-28T10:00:00Z, or 2h for two hours ago"
        raise Trouble(f"{option} {typed(text)} is no time", hint=hint) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
