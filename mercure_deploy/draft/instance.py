"""What a Coolify instance has now, as the files that it would have been pasted from."""

from collections.abc import Iterable, Iterator

from mercure_deploy.coolify.remembered import NAME
from mercure_deploy.coolify.values import Instance, Variable
from mercure_deploy.facts.quoting import dotenv


def texts(found: Instance) -> Iterator[tuple[str, str]]:
    """(name, text) of each: the compose file, the hub's variables, those of each app.

    A value that no env file can hold is left out, as no reader would have it either.
    """
    if found.service:
        yield "coolify/docker-compose.yaml", found.service.compose
        yield "coolify/hub.env", "".join(_lines(found.service.variables))
    for name, application in found.apps.items():
        yield f"coolify/{name}.env", "".join(_lines(application.variables))


def _lines(rows: Iterable[Variable]) -> Iterator[str]:
    for row in rows:
        if row.preview or row.value is None or row.key == NAME:
            continue
        try:
            yield f"{row.key}={dotenv(row.value)}\n"
        except ValueError:
            continue


def origin(urls: str) -> str | None:
    """The origin that browsers see of a domain of Coolify, whose port is that of the container."""
    first = urls.partition(",")[0].strip()
    scheme, separator, rest = first.partition("://")
    host = rest.partition("/")[0].partition(":")[0]
    return f"{scheme}{separator}{host}" if separator and host else None
