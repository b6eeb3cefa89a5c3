"""`doctor`: what it is told, and how what it found is shown."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from mercure_deploy import disk
from mercure_deploy.cli.options import common, formatted, reaching, via_of, way_to
from mercure_deploy.cli.spec import loaded_spec, root_of, select
from mercure_deploy.cli.terminal import NO, OK, err, note, now, on_terminal, out, waiting, watched
from mercure_deploy.errors import Trouble, typed
from mercure_deploy.facts.origins import origin_of_url, parse_origin
from mercure_deploy.report import diagnosis
from mercure_deploy.report.diagnosis import Diagnosed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mercure_deploy.doctor import Said
    from mercure_deploy.hub.fetch import Way
    from mercure_deploy.probes.engine import Target


@click.command()
@click.option("--hub", metavar="URL", help="A hub of which no spec speaks.")
@click.option("--app", "apps", multiple=True, metavar="URL", help="With --hub: an origin of pages; may be repeated.")
@click.option("--env-file", "env_file", metavar="FILE", help="With --hub: the env file of its app, for the key.")
@click.option("--page", metavar="URL", help="A page of an app, whose cookie is looked at.")
@click.option("--idle", metavar="TIME", help="Watch a stream for so long, as in 70s.")
@click.option("--timeout", default="10s", metavar="TIME", show_default=True, help="For each exchange.")
@reaching()
@click.option("--write-probe", "script", metavar="FILE", help="Write a PHP script that asks from inside the app.")
@click.option("--probe-answer", "answer", metavar="FILE", help="What that script printed; - for stdin.")
@click.option("--html", metavar="FILE", help="The same as one page, for a browser.")
@click.option("--strict", is_flag=True, help="Warnings count too.")
@formatted
@common()
def doctor(  # noqa: PLR0913 - each is an option of the command
    *,
    names: tuple[str, ...],
    hub: str | None,
    apps: tuple[str, ...],
    env_file: str | None,
    page: str | None,
    idle: str | None,
    timeout: str,
    via: str | None,
    cacert: str | None,
    script: str | None,
    answer: str | None,
    html: str | None,
    strict: bool,
    form: str,
    spec: str,
    output: str | None,
) -> int:
    """Ask a hub that runs what is wrong, and say one cause with its cure.

    It publishes private updates to topics of nobody, with tokens of a minute; it changes nothing and shows no key.
    """
    if (hub and names) or (not hub and (apps or env_file)):
        raise click.UsageError("--hub URL, --app and --env-file are for a hub of which no spec speaks")
    if script:
        return _script(script, names, spec, output)
    way = _way(via, cacert, timeout)
    said = _said(way, page, idle, answer)
    targets = [_stranger(hub, apps, env_file, said)] if hub else _targets(names, spec, output, said)
    diagnosed = _diagnosed(targets)
    wrong = any(each.wrong(strict=strict) for each in diagnosed)
    if html:
        _page(html, diagnosed)
    _show(diagnosed, form, ok=not wrong)
    return NO if wrong else OK


def _way(via: str | None, cacert: str | None, timeout: str) -> Way:
    return replace(way_to(via_of(via), cacert), seconds=_seconds("--timeout", timeout))


def _said(way: Way, page: str | None, idle: str | None, answer: str | None) -> Said:
    from mercure_deploy.doctor import Said

    silence = _seconds("--idle", idle) if idle else None
    return Said(way, now, _url("--page", page) if page else None, silence, _answer(answer) if answer else None)


def _diagnosed(targets: Sequence[Target]) -> list[Diagnosed]:
    from mercure_deploy import probes

    found = []
    for target in targets:
        if watched():
            err(f"mercure-deploy: asking {target.url}")
        asking = probes.Asking(target)
        seen = probes.run(asking)
        found.append(Diagnosed(target, seen, asking.known.generation))
    return found


def _show(diagnosed: Sequence[Diagnosed], form: str, *, ok: bool) -> None:
    if form == "json":
        out([diagnosis.as_json(diagnosed, ok=ok)], wrong=not ok)
    else:
        out(diagnosis.text(diagnosed, more=on_terminal()), wrong=not ok)


def _page(path: str, diagnosed: Sequence[Diagnosed]) -> None:
    from mercure_deploy import doctor as asking
    from mercure_deploy.keys import KNOWN
    from mercure_deploy.probes import PROBES
    from mercure_deploy.targets.render import render

    words = diagnosis.page(diagnosed, now(), {each.name: each.about for each in PROBES})
    asking.write(path, KNOWN.mask(render("doctor.html.j2", **words).decode()).encode())
    note(f"wrote {path}")


def _targets(names: Sequence[str], spec: str, output: str | None, said: Said) -> list[Target]:
    from mercure_deploy import doctor as asking

    loaded, root = loaded_spec(spec), root_of(spec, output)
    selected = select(loaded, names)
    if said.answer is not None and len(selected) > 1:
        raise Trouble("an answer is of one environment", hint=f"name it: {', '.join(selected)}")
    with disk.lock(root, shared=True, waiting=waiting):
        return [asking.of_spec(loaded.spec, name, root, said) for name in selected]


def _stranger(hub: str, apps: Sequence[str], env_file: str | None, said: Said) -> Target:
    from mercure_deploy import doctor as asking
    from mercure_deploy.lint import Told

    try:
        pages = [parse_origin(each.rstrip("/")) for each in apps]
    except ValueError as error:
        raise Trouble(f"--app {error}", hint="an origin, as in https://app.example.com") from None
    try:
        told = Told(tuple(pages), origin_of_url(hub), now=now().timestamp())
        return asking.of_url(hub, pages, asking.env_file(env_file, told) if env_file else None, said)
    except ValueError:
        raise Trouble(f"--hub {typed(hub)} is no URL of a hub", hint="as in https://hub.example.com") from None


def _script(path: str, names: Sequence[str], spec: str, output: str | None) -> int:
    from mercure_deploy import doctor as asking

    loaded, root = loaded_spec(spec), root_of(spec, output)
    selected = select(loaded, names)
    if len(selected) > 1:
        raise Trouble("a script is for one environment", hint=f"name it: {', '.join(selected)}")
    with disk.lock(root, shared=True, waiting=waiting):
        data = asking.probe_script(loaded.spec, selected[0], root)
    asking.write(path, data)
    note(f"wrote {path}: run it where the app runs, and give what it prints to --probe-answer")
    note(f"as in: docker compose exec -T app php < {path} | mercure-deploy doctor {selected[0]} --probe-answer -")
    return OK


def _answer(path: str) -> Mapping[str, object]:
    from mercure_deploy.probes import app

    if path == "-":
        data: bytes | None = sys.stdin.read(app.LARGEST).encode() if sys.stdin else b""
    else:
        data = disk.read(path, limit=app.LARGEST, pipe=True)
    if data is None:
        raise Trouble(f"{typed(path)} does not exist")
    return app.read(data)


def _seconds(option: str, text: str) -> float:
    from mercure_deploy.spec.fields import duration

    try:
        return min(duration(text).total_seconds(), math.floor(24 * 3600))
    except ValueError as error:
        raise Trouble(f"{option} {error}", hint="as in 10s or 2m") from None


def _url(option: str, text: str) -> str:
    try:
        origin_of_url(text.partition("?")[0])
    except ValueError as error:
        raise Trouble(f"{option} {error}") from None
    return text.partition("#")[0]
