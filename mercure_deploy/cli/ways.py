"""How a live hub is reached: the options of it, and what they say."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

from mercure_deploy.errors import Trouble, typed

if TYPE_CHECKING:
    from mercure_deploy.facts.origins import Origin
    from mercure_deploy.live.fetch import Way

_F = TypeVar("_F", bound=Callable[..., int])
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
    from mercure_deploy.facts.hubs import HUB_PATH
    from mercure_deploy.facts.origins import parse_origin

    try:
        return parse_origin(text, drop_path=HUB_PATH)
    except ValueError as error:
        hint = "the origin that is to be asked instead, as in --via http://127.0.0.1:8080"
        raise Trouble(f"--via {typed(text)}: {error}", hint=hint) from None


def way_to(via: "Origin | None", cacert: str | None) -> "Way":
    """How a live hub is asked; who asks none has no need of the HTTP client."""
    from pathlib import Path

    from mercure_deploy.live.fetch import Way

    return Way(via, Path(cacert) if cacert else None)
