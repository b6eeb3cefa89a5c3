"""The one hub of a setup as 0.24 would run it: its block, its keys, and what it answers to whom."""

import re
from dataclasses import dataclass, field, replace

from mercure_deploy.facts.origins import allows
from mercure_deploy.findings import Finding, Place
from mercure_deploy.readers.caddyfile import lines_of
from mercure_deploy.readers.places import Directive, Service, Value
from mercure_deploy.readers.setup import Block, Setup, as_it_comes, is_hub
from mercure_deploy.simulation.block import Taken, take

_PLACEHOLDER = re.compile(r"\{env\.(\w+)\}")
_OFFICIAL = re.compile(r"^(docker\.io/)?dunglas/mercure(:|@|$)")
KEYS = ("MERCURE_PUBLISHER_JWT_KEY", "MERCURE_SUBSCRIBER_JWT_KEY")
_HMAC = frozenset({"HS256", "HS384", "HS512"})
# PS256 is one of a JWK Set alone (measured)
_ASYMMETRIC = frozenset({f"{kind}{size}" for kind in ("RS", "ES") for size in (256, 384, 512)} | {"EdDSA"})


@dataclass(frozen=True)
class Role:
    """What verifies tokens of a role: a key with its algorithm, or a JWK Set; `key` is None where that is unknown."""

    key: str | None = field(repr=False)
    algorithm: str
    place: Place
    jwks: bool = False


@dataclass(frozen=True)
class Hub:
    """A hub 0.24 with what it has taken from its settings; `environment` are its variables, `whole` whether all are.

    `certain` is whether they are all that the hub gets. `embedded`: inside FrankenPHP, which starts without a key for
    publishers, and answers them with 405.
    """

    taken: Taken
    environment: dict[str, Value]
    whole: bool
    place: Place
    embedded: bool = False
    certain: bool = False

    def role(self, name: str) -> Role:
        """The key of `publisher` or `subscriber`."""
        jwks = self.taken.one(f"{name}_jwks_url")
        if jwks is not None and jwks.text:
            return Role(None, "", jwks.place, jwks=True)
        said = self.taken.values.get(f"{name}_jwt", ())
        key = self._filled(said[0]) if said else Value("", self.place)
        algorithm = self._filled(said[1]) if len(said) > 1 else Value("", self.place)
        place = said[0].place if said else self.place
        return Role(key.text if key is not None else None, (algorithm and algorithm.text) or "HS256", place)

    def _filled(self, value: Value) -> Value | None:
        """With what stands in the environment; None where that is unknown."""
        found = _PLACEHOLDER.fullmatch(value.text)
        if not found:
            return None if value.text.startswith("{$") else value
        known = self.environment.get(found[1])
        return known if known is not None else Value("", value.place) if self.whole else None

    @property
    def anonymous(self) -> bool:
        """Whether somebody without a token may subscribe; an argument behind the word changes nothing."""
        return "anonymous" in self.taken.flags

    def lets_in(self, origin: str) -> bool:
        """Whether pages of that origin get the headers of CORS."""
        return allows((value.text for value in self.taken.values.get("cors_origins", ())), origin)

    @property
    def unseen(self) -> bool:
        """Whether it starts depends on a file that is not among these."""
        return any(self.role(name).jwks for name in ("publisher", "subscriber"))

    def refused(self) -> list[Finding]:
        """All that keeps it from starting, each with its place."""
        found = list(self.taken.refused)
        for name, role in (("publisher", self.role("publisher")), ("subscriber", self.role("subscriber"))):
            if role.jwks or role.key is None:
                continue
            needed = not self.embedded if name == "publisher" else not self.anonymous
            if not role.key and needed:
                what = f"no key for {name}s: the hub does not start"
                variable = f"MERCURE_{name.upper()}_JWT_KEY"
                hint = f"{variable}: the key that the app signs with"
                # what people show of their own Caddyfile or env file need not be all of it
                found.append(Finding("key-missing", "error" if self.certain else "warning", what, hint, role.place))
            elif role.key and role.algorithm not in _HMAC | _ASYMMETRIC:
                what = f"{name}s: the hub knows no such algorithm, and does not start"
                found.append(Finding("alg-mismatch", "error", what, "HS256, as Symfony signs", role.place))
            elif role.key and role.algorithm in _ASYMMETRIC and "-----BEGIN" not in role.key:
                what = (
                    f"{name}s: {role.algorithm} wants a public key in PEM, and this is a text: the hub does not start"
                )
                found.append(Finding("alg-mismatch", "error", what, "HS256, as Symfony signs", role.place))
        return found

    def takes(self, name: str, key: str, algorithm: str) -> bool | None:
        """Whether it takes tokens of a role that are signed so, None where the files do not tell."""
        role = self.role(name)
        if role.jwks or role.key is None or role.algorithm in _ASYMMETRIC:
            return None
        if not role.key:
            # without a key nobody looks at tokens: who comes with one is let in as a stranger is
            return name == "subscriber" and self.anonymous
        return role.key == key and role.algorithm == algorithm


def hubs(setup: Setup) -> list[Hub]:
    """The hubs 0.24 that the files describe: one for each mercure block, or that of the image with its variables."""
    modern = any(block.named(word) for block in setup.blocks for word in ("issuer", "resource_identifier"))
    if modern if setup.generation is None else not (0, 11) <= setup.generation < (1, 0):
        return []
    blocks = [block for block in setup.blocks if block.whole]
    if blocks:
        return [
            Hub(
                take(each.directives, modules=_own_image(setup)),
                setup.hub,
                whole=False,
                place=each.place,
                embedded=embedded(setup, each),
            )
            for each in blocks
        ]
    services = [service for service in setup.hub_services if not service.charted]
    if len(services) == 1 and as_it_comes(services[0]):
        unknown = {name for name in services[0].passed if name.startswith("MERCURE_")}
        return [replace(_shipped(services[0].environment, services[0].place, whole=not unknown), certain=True)]
    extra = setup.hub.get("MERCURE_EXTRA_DIRECTIVES")
    keys = [value for name, value in setup.hub.items() if name in KEYS]
    if services or setup.charts or (extra is None and not keys):
        return []
    # an env file of a hub with a key in it is meant to hold all of its settings
    places = [value.place for value in (*keys, extra) if value is not None]
    return [_shipped(setup.hub, places[0], whole=bool(keys))]


def _own_image(setup: Setup) -> bool:
    """Whether a hub is in an image that is not the official one."""
    images = [service.image.text for service in setup.services if service.image is not None and is_hub(service)]
    return any(not _OFFICIAL.search(image) for image in images)


def development(service: Service) -> bool:
    """Whether a hub is started with the dev.Caddyfile of its image, as the recipe of Symfony Flex does."""
    return service.command is not None and "/dev.Caddyfile" in service.command.text


def embedded(setup: Setup, block: Block) -> bool:
    """Whether that block is one of FrankenPHP, by its image or by the words that only it knows."""
    words = {each.name for each in block.site} | {each.name for file in setup.caddyfiles for each in file.options}
    images = [service.image.text for service in setup.services if service.image is not None]
    return bool(words & {"php", "php_server", "frankenphp"}) or any("frankenphp" in image for image in images)


def _shipped(environment: dict[str, Value], place: Place, *, whole: bool) -> Hub:
    """That of the image's own Caddyfile, which has the variables of the recipe in it."""
    lines = []
    for role in ("PUBLISHER", "SUBSCRIBER"):
        words = tuple(Value(f"{{env.MERCURE_{role}_JWT_{word}}}", place) for word in ("KEY", "ALG"))
        lines.append(Directive(f"{role.lower()}_jwt", place, words))
    extra = environment.get("MERCURE_EXTRA_DIRECTIVES")
    lines += lines_of(extra) if extra is not None else ()
    return Hub(take(lines), environment, whole=whole, place=place)
