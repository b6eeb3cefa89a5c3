"""The facts of one setup, put together from all files: what the app has, what the hub has, where each value stands."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

from mercure_deploy.facts.origins import Origin, parse_origin
from mercure_deploy.facts.variables import APP, CERTAIN, HUB, IMAGE, LEGACY_APP
from mercure_deploy.findings import Finding, Place
from mercure_deploy.readers import tokens
from mercure_deploy.readers.helm import Chart
from mercure_deploy.readers.keys import Key
from mercure_deploy.readers.places import Caddyfile, Directive, EnvFile, Route, Service, Value
from mercure_deploy.readers.twig import Template


@dataclass(frozen=True)
class Block:
    """The directives of a mercure block, and the addresses of the site that it is in, as far as they are known."""

    directives: tuple[Directive, ...]
    place: Place
    addresses: tuple[Value, ...] = ()
    site: tuple[Directive, ...] = ()
    whole: bool = True

    def named(self, name: str) -> list[Directive]:
        """Its directives of that name."""
        return [each for each in self.directives if each.name == name]


@dataclass
class Setup:
    """Everything that the files say, and what was told besides. It is put together before anybody asks.

    That is the origins of `pages` and of the hub (`told_hub`), its `version`, and the files that git has `tracked`.
    `aside` are env files that count where a service names them alone: .env.docker, .env.dev; `bases` the images that
    those of Dockerfiles begin with.
    """

    env_files: list[EnvFile] = field(default_factory=list)
    aside: list[EnvFile] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    caddyfiles: list[Caddyfile] = field(default_factory=list)
    tokens: list[Value] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    symfony: dict[str, Value] = field(default_factory=dict)
    charts: list[Chart] = field(default_factory=list)
    nginx: list[tuple[Directive, ...]] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    apache: list[tuple[Directive, ...]] = field(default_factory=list)
    haproxy: list[tuple[Directive, ...]] = field(default_factory=list)
    templates: list[Template] = field(default_factory=list)
    bases: list[Value] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    app: dict[str, Value] = field(default_factory=dict)
    hub: dict[str, Value] = field(default_factory=dict)
    pages: list[Origin] = field(default_factory=list)
    told_hub: Origin | None = None
    version: str | None = None
    tracked: frozenset[str] = frozenset()
    now: float | None = None

    @cached_property
    def assumed(self) -> set[Place]:
        """Where defaults stand, which the process may replace: in compose, and in the .env of Symfony's recipes."""
        found = {value.place for each in self.services for value in each.environment.values() if value.assumed}
        for file in self.env_files:
            development = "APP_ENV" in file.variables and file.variables["APP_ENV"].text == "dev"
            if development and file.path.rpartition("/")[2] == ".env":
                found |= {value.place for value in file.variables.values()}
        return found

    @cached_property
    def hub_services(self) -> list[Service]:
        """The services that run a hub."""
        return [service for service in self.services if is_hub(service)]

    @cached_property
    def hub_names(self) -> set[str]:
        """The names by which other containers reach a hub."""
        return {name for service in self.hub_services for name in service.names}

    @property
    def public(self) -> tuple[Origin, Value] | None:
        """The hub as browsers see it, by MERCURE_PUBLIC_URL."""
        return origin_of(self.app.get("MERCURE_PUBLIC_URL") or self.app.get("MERCURE_SUBSCRIBE_URL"))

    @property
    def internal(self) -> tuple[Origin, Value] | None:
        """The hub as the app reaches it."""
        return origin_of(self.app.get("MERCURE_URL") or self.app.get("MERCURE_PUBLISH_URL"))

    @property
    def hub_origin(self) -> Origin | None:
        """Where browsers find the hub, as it was told or by the app's variable."""
        public = self.public
        known = public[0] if public and public[1].place not in self.assumed else None
        return self.told_hub or known

    @property
    def generation(self) -> tuple[int, int] | None:
        """(major, minor) of the hub, None when nothing tells."""
        if self.version == "pre-0.11":
            return 0, 10
        found = re.match(r"v?(\d+)\.(\d+)", self.version or "")
        return (int(found[1]), int(found[2])) if found else None

    @property
    def somewhere(self) -> Place:
        """A place for what no file says: where the hub is set up."""
        name = self.hub.get("SERVER_NAME")
        values = [*([name] if name is not None else []), *self.hub.values(), *self.app.values()]
        places = [*(block.place for block in self.blocks), *(service.place for service in self.hub_services)]
        first = [name.place] if name is not None else []
        return next(iter([*first, *places, *(value.place for value in values)]), Place("", 1))

    def used_keys(self) -> Iterator[Key]:
        """Every key in use, the hub's by its roles."""
        secret = self.app.get("MERCURE_JWT_SECRET")
        if secret is not None:
            yield Key("app", secret, None, "MERCURE_JWT_SECRET")
        for role in ("publisher", "subscriber"):
            yield from self._hub_keys(role)

    def _keyed(self, role: str) -> Iterator[Directive]:
        """The directives that tell a hub the key of a role."""
        for block in self.blocks:
            yield from [*block.named(f"{role}_jwt"), *block.named(f"{role}_jwt_key"), *_issued(block, role)]

    def _hub_keys(self, role: str) -> Iterator[Key]:
        literal = False
        for directive in self._keyed(role):
            if directive.arguments and not directive.arguments[0].text.startswith("{env."):
                literal = True
                algorithm = directive.arguments[1] if len(directive.arguments) > 1 else None
                yield Key(role, directive.arguments[0], algorithm, directive.name)
        if literal:
            return
        upper = role.upper()
        for name in (f"MERCURE_{upper}_JWT_KEY", f"{upper}_JWT_KEY", "JWT_KEY", "MERCURE_JWT_KEY"):
            if name in self.hub:
                algorithm = self.hub.get(f"MERCURE_{upper}_JWT_ALG") or self.hub.get(f"{upper}_JWT_ALGORITHM")
                yield Key(role, self.hub[name], algorithm or self.hub.get("JWT_ALGORITHM"), name)
                return

    def env_files_of(self, service: Service) -> list[EnvFile]:
        """Those that `env_file:` of a service names, as far as they are known."""
        folder = service.file.rpartition("/")[0]
        names = [path.text.removeprefix("./") for path in service.env_files]
        paths = [f"{folder}/{name}" if folder else name for name in names]
        return [file for path in paths for file in (*self.env_files, *self.aside) if file.path == path]

    @property
    def app_key(self) -> bool:
        """Whether the files say what the app signs with, be it by a reference."""
        return "MERCURE_JWT_SECRET" in self.app

    def used_tokens(self) -> list[Value]:
        """Every token that is used as one."""
        static = self.app.get("MERCURE_JWT_TOKEN") or self.symfony.get("jwt.value")
        return [*self.tokens, *([static] if static is not None and tokens.looks_like(static.text) else [])]

    def algorithm(self, role: str) -> Value | None:
        """What the hub is told of the algorithm, even where the key is not in the files."""
        said = [directive.arguments[1] for directive in self._keyed(role) if len(directive.arguments) > 1]
        upper = role.upper()
        if said and not said[-1].text.startswith("{"):
            return said[-1]
        return self.hub.get(f"MERCURE_{upper}_JWT_ALG") or self.hub.get(f"{upper}_JWT_ALGORITHM")

    def origins(self, name: str = "cors_origins") -> list[Value] | None:
        """The origins that the hub allows, None when nothing says any."""
        found: list[Value] = []
        said = False
        for block in self.blocks:
            # of two lines the last one counts (measured)
            for directive in block.named(name)[-1:]:
                said = True
                found += directive.arguments
        legacy = {"cors_origins": "CORS_ALLOWED_ORIGINS", "publish_origins": "PUBLISH_ALLOWED_ORIGINS"}[name]
        value = self.hub.get(legacy) or self.hub.get(f"MERCURE_{legacy}")
        if value is not None:
            said = True
            found += [Value(word, value.place) for word in re.split(r"[\s,]+", value.text.strip("'\"")) if word]
        return found if said else None


def _issued(block: Block, role: str) -> list[Directive]:
    """The keys of a role in the issuer blocks of hub 1.0."""
    roles = [inner for issuer in block.named("issuer") for inner in issuer.block if inner.name == role]
    return [key for inner in roles for key in inner.block if key.name == "jwt"]


def is_hub(service: Service) -> bool:
    """Whether a service runs a hub: by its image, else by its variables."""
    image = service.image.text if service.image else ""
    if IMAGE.search(image):
        return True
    words = service.environment.keys()
    certain = bool(words & (HUB | CERTAIN)) or ("JWT_KEY" in words and service.name == "mercure")
    # an image of somebody's own that is named after it, as one with another transport is
    named = service.name == "mercure" and (not image or "mercure" in image.rpartition("/")[2])
    return certain or named


def as_it_comes(service: Service) -> bool:
    """Whether it is the image with its own Caddyfile, and all of its variables stand at the service itself."""
    mounted = any("addy" in target or target == "/etc/mercure" for target in service.volumes)
    elsewhere = mounted or service.configs or service.command or service.env_files or service.open
    return not elsewhere and service.image is not None and IMAGE.search(service.image.text) is not None


def is_hub_file(file: EnvFile) -> bool:
    """Whether an env file is the hub's."""
    words = file.variables.keys()
    if is_app_file(file):
        # an app has names of its own; a key of the hub alone may be one that somebody misnamed
        return bool(words & (HUB | CERTAIN - {"MERCURE_JWT_KEY"})) or "SERVER_NAME" in words
    return bool(words & (HUB | CERTAIN)) or bool({"JWT_KEY", "ADDR"} & words) or "SERVER_NAME" in words


def is_app_file(file: EnvFile) -> bool:
    """Whether an env file is the app's."""
    return bool(file.variables.keys() & (APP | LEGACY_APP.keys()))


def origin_of(value: Value | None) -> tuple[Origin, Value] | None:
    """The origin of a URL and where it stands, None when it is none."""
    if value is None:
        return None
    found = re.match(r"(https?://[^/?#\s]+)", value.text)
    if not found:
        return None
    with suppress(ValueError):
        return parse_origin(found[1]), value
    # no name for the net, and one that containers have all the same
    container = re.fullmatch(r"(https?://)([a-z0-9][a-z0-9_-]*)(:[0-9]{1,5})?", found[1])
    if container:
        with suppress(ValueError):
            return replace(parse_origin(f"{container[1]}x{container[3] or ''}"), host=container[2]), value
    return None


def split(names: Value | None) -> list[str]:
    """The addresses of SERVER_NAME."""
    return [part for part in re.split(r"[\s,]+", names.text) if part] if names is not None else []


def host_of(address: str) -> str:
    """The name in an address of a site, or in an origin; "" where it is for every name."""
    return re.sub(r"^https?://", "", address).partition("/")[0].partition(":")[0]


def bare(value: Value) -> str:
    """Its text without quotes around it."""
    return value.text.strip("'\"")


def as_origin(value: Value) -> Origin | None:
    """The origin that stands there, None when it is none."""
    try:
        return parse_origin(bare(value), wildcard=True)
    except ValueError:
        return None
