"""Options that several commands have: -f -o -q, --format, --replace, the names of environments, the way to a hub."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from mercure_deploy.cli.terminal import FORM, QUIET
from mercure_deploy.errors import Trouble, typed
from mercure_deploy.facts.hubs import HUB_PATH
from mercure_deploy.facts.origins import parse_origin

if TYPE_CHECKING:
    from mercure_deploy.facts.origins import Origin
    from mercure_deploy.hub.fetch import Way

_F = TypeVar("_F", bound=Callable[..., int])
_MEANING = {"form": FORM}
# the largest spec that completion reads
_LARGEST = 8 * 1024 * 1024


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> object:
    context.meta[_MEANING.get(str(parameter.name), QUIET)] = value
    return value


def common(*, several: bool = True) -> Callable[[_F], _F]:
    """-f, -o, -q and the names of environments."""

    def decorate(function: _F) -> _F:
        if several:
            names = click.argument("names", nargs=-1, metavar="[ENV]...", shell_complete=environments)
            function = names(function)
        function = quietly(function)
        output = click.option(
            "-o", "--output", metavar="DIR", help="Root of the files, default: deploy/ beside the spec."
        )
        spec = click.option(
            "-f", "--file", "spec", default="mercure.yaml", metavar="FILE", help="The spec, mercure.yaml."
        )
        return spec(output(function))

    return decorate


def quietly(function: _F) -> _F:
    """-q."""
    about = "Only what is wrong."
    return click.option("-q", "--quiet", is_flag=True, expose_value=False, callback=_remember, help=about)(function)


def replacing(function: _F) -> _F:
    """--replace."""
    about = "Files that are not ours give way, and are kept beside ours."
    return click.option("--replace", is_flag=True, help=about)(function)


def formatted(function: _F) -> _F:
    """--format text|json."""
    kinds = click.Choice(["text", "json"])
    option = click.option("--format", "form", type=kinds, default="text", callback=_remember, help="Default: text.")
    return option(function)


def environments(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """The names of environments that begin so, for the completion of a shell."""
    try:
        text = Path(context.params.get("spec") or "mercure.yaml").read_bytes()
        from mercure_deploy.spec import load

        names = load(text, "").spec.environments if len(text) <= _LARGEST else {}
    except (OSError, Trouble):
        return []
    return [name for name in names if name.startswith(incomplete)]


_ELSEWHERE = "Another address of the hub; Host and certificate stay those of its url."


def reaching(about: str = _ELSEWHERE) -> Callable[[_F], _F]:
    """--via and --cacert, for `via_of` and `way_to`."""

    def decorate(function: _F) -> _F:
        authority = click.option("--cacert", metavar="FILE", help="A certificate authority of your own, PEM.")
        return click.option("--via", metavar="URL", help=about)(authority(function))

    return decorate


def via_of(text: str | None) -> "Origin | None":
    """The other address of a hub, if one was said. Trouble when it is none."""
    if not text:
        return None

    try:
        return parse_origin(text, drop_path=HUB_PATH)
    except ValueError as error:
        hint = "the origin that is to be asked instead, as in --via http://127.0.0.1:8080"
        raise Trouble(f"--via {typed(text)}: {error}", hint=hint) from None


def way_to(via: "Origin | None", cacert: str | None) -> "Way":
    """How a live hub is asked; who asks none has no need of the HTTP client."""
    from mercure_deploy.hub.fetch import Way

    return Way(via, Path(cacert) if cacert else None)
