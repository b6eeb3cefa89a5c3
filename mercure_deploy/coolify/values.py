"""What an instance has, as values: the hub's Service, Applications, variables, and where all of it is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mercure_deploy.coolify.client import Client
from mercure_deploy.spec.models import Coolify


@dataclass(frozen=True)
class Variable:
    """One row; `value` is None where none is set, or where it is hidden. `updated` is when, as the API writes times."""

    uuid: str
    key: str
    value: str | None = field(repr=False)
    literal: bool = False
    buildtime: bool = True
    runtime: bool = True
    multiline: bool = False
    shown_once: bool = False
    preview: bool = False
    hidden: bool = False
    updated: str = ""


@dataclass(frozen=True)
class Service:
    """The hub's Service. `compose` is the text as it is stored, `urls` the domain of its container.

    `container` is the uuid of that, `container_name` its name in the compose file.
    """

    uuid: str
    name: str
    compose: str
    description: str
    container: str
    container_name: str
    urls: str
    gzip: bool
    strip: bool
    running: bool
    variables: tuple[Variable, ...] = ()


@dataclass(frozen=True)
class Application:
    """One app; `deployed` are its deployments in production that ended well: (uuid, when it began).

    `urls` are its domains, with commas.
    """

    uuid: str
    name: str
    variables: tuple[Variable, ...] = ()
    deployed: tuple[tuple[str, str], ...] = ()
    urls: str = ""

    def stale(self, names: Iterable[str], own: str = "") -> bool:
        """Whether one of these variables is newer than what runs; `own` is the deployment that push followed.

        Deployments know whole seconds alone: of one that began in the second of the change only ours is known to have
        begun after it.
        """
        wanted = set(names)
        newest = max((row.updated for row in self.variables if row.key in wanted and not row.preview), default="")
        counts = (
            began[:19] > newest[:19] or (uuid == own and began[:19] == newest[:19]) for uuid, began in self.deployed
        )
        return bool(newest) and not any(counts)


@dataclass(frozen=True)
class Instance:
    """Where the hub's Service is, or is to be: uuids of project and server, the name of the environment.

    `engine` is the major version of the docker engine there, None where it is not known.
    """

    project: str
    environment: str
    server: str
    service_name: str
    service: Service | None
    apps: Mapping[str, Application]
    engine: int | None = None


@dataclass(frozen=True)
class Place:
    """An environment called `name`, on the instance behind the client; `apps` are those that are meant."""

    client: Client
    words: Coolify
    name: str
    apps: tuple[str, ...]
