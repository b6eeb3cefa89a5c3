"""`lint`: what it is given, and how what it found is shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from mercure_deploy.cli.options import quietly
from mercure_deploy.cli.terminal import NO, OK, coloured, note, now, on_terminal, out
from mercure_deploy.errors import Trouble, typed
from mercure_deploy.facts.origins import origin_of_url
from mercure_deploy.report import files as reported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mercure_deploy.facts.origins import Origin
    from mercure_deploy.lint import Examined

_FORMS = click.Choice(["text", "json", "github"])


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path())
@click.option("--app-url", "apps", multiple=True, metavar="URL", help="An origin of pages; may be repeated.")
@click.option("--hub-url", "hub", metavar="URL", help="The hub as browsers see it.")
@click.option("--hub-version", "version", metavar="V", help="1.0, 0.24, a release such as 0.14.3, or pre-0.11.")
@click.option("--strict", is_flag=True, help="Warnings count too.")
@click.option("--explain-run", "explained", is_flag=True, help="Show step by step what would happen; ? is not told.")
@click.option("--format", "form", type=_FORMS, default="text", help="Default: text.")
@quietly
def lint(  # noqa: PLR0913 - each is an option of the command
    *,
    paths: tuple[str, ...],
    apps: tuple[str, ...],
    hub: str | None,
    version: str | None,
    strict: bool,
    explained: bool,
    form: str,
) -> int:
    """Say what is wrong in the files of a hub and its app, whoever wrote them.

    That is env files, compose files, Caddyfiles, config/packages/mercure.yaml, templates, tokens; Helm values and
    manifests of Kubernetes, units of systemd, Dockerfiles; nginx, Apache, HAProxy. Reads, never writes; needs no spec,
    no key and no network. PATH: files or folders, default: the current one.
    """
    from mercure_deploy import lint as examining
    from mercure_deploy.disk import searching
    from mercure_deploy.readers import kinds

    paths = paths or (".",)
    pages = tuple(_origin("--app-url", text) for text in apps)
    found = searching.search(paths, lambda path: kinds.by_name(path) is not None or kinds.is_unread(path))
    origin, tracked = _origin("--hub-url", hub) if hub else None, searching.tracked(path for path, _ in found.files)
    told = examining.Told(pages, origin, _version(version), tracked, now().timestamp())
    examined = examining.examine(found.files, told, set(paths).__contains__)
    for line in found.left_out:
        note(f"left out: {line}")
    read = {path for path, _ in examined.files}
    unread = [path for path, _ in found.files if kinds.is_unread(path) and path not in read]
    if not examined.files and not (pages and origin):
        raise _nothing(found.rendered)
    if explained and form == "text":
        out(reported.play_text(examined.play))
    _show(examined, unread, form)
    counted = {"error"} | ({"warning"} if strict else set())
    return NO if counted & {finding.level for finding in examined.findings} else OK


def _show(examined: Examined, unread: Sequence[str], form: str) -> None:
    wrong = bool(examined.findings)
    if form == "text":
        lines = reported.lint_text(examined.files, examined.findings, examined.play, unread, more=on_terminal())
        out(coloured(lines), wrong=wrong)
    elif form == "json":
        out(reported.lint_json(examined.files, examined.findings, examined.play), wrong=wrong)
    else:
        out(reported.lint_github(examined.files, examined.findings), wrong=wrong)


def _nothing(rendered: Sequence[str]) -> Trouble:
    if rendered:
        what = f"{typed(rendered[0])} is what render wrote, and lint is for what others wrote"
        return Trouble(what, hint="mercure-deploy check says whether it is in line with its spec")
    hint = "name the files or the folder: env files, compose files, Caddyfiles, config/packages/mercure.yaml"
    return Trouble("there is nothing here that lint knows", hint=hint)


def _origin(option: str, text: str) -> Origin:
    try:
        # the URL of a page, or of the hub with its path
        return origin_of_url(text)
    except ValueError as error:
        raise Trouble(f"{option} {error}") from None


def _version(text: str | None) -> str | None:
    if text is None or text == "pre-0.11" or re.fullmatch(r"v?\d{1,4}(\.\d{1,4}){1,2}", text):
        return text
    raise Trouble("--hub-version is none", hint="1.0, 0.24, a release such as 0.14.3, or pre-0.11")
