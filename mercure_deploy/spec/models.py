"""The spec: every word it may say, its default and its description; what follows from two words is a property."""

import json
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mercure_deploy.facts.hubs import GENERATIONS, HUB_PATH, Version
from mercure_deploy.facts.origins import Origin
from mercure_deploy.spec.fields import (
    Accepted,
    Address,
    BundleText,
    CookieName,
    Duration,
    Email,
    HubPath,
    HubUrl,
    Image,
    InstanceUrl,
    InternalUrl,
    Issuer,
    Lifetime,
    Line,
    Name,
    Network,
    PageOrigin,
    PageUrl,
    Resource,
    VersionText,
)

Bundle = Literal["0.3", "0.4", "0.5", "0.6"]
Algorithm = Literal["HS256", "HS384", "HS512", "RS256", "ES256"]

_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)


class Hub(BaseModel):
    """The hub of one environment."""

    model_config = _STRICT

    url: HubUrl = Field(description="Origin of the hub as browsers see it.")
    version: Annotated[Version, VersionText] = Field(
        default="0.24", description="Generation of the hub; in quotes, or YAML reads a number."
    )
    image: Image | None = Field(
        default=None,
        description="Container image, one release of that generation; default: the one this tool was tested with.",
    )
    internal_url: InternalUrl | None = Field(
        default=None, description="Origin the apps publish to when it is not the public one, e.g. http://hub-shop."
    )
    network: Network | None = Field(
        default=None,
        description="External docker network that the hub joins as internal_url's name; default on coolify: coolify.",
    )
    path: HubPath = Field(
        default=HUB_PATH,
        description="Path of the public URL, where a proxy or an app keeps that one for itself, e.g. /hub.",
    )
    cookie_name: CookieName | None = Field(
        default=None, description="Default: the generation's; another one needs mercure-bundle 0.5 in every app."
    )
    tls: Literal["proxy", "hub"] | None = Field(
        default=None, description="Who terminates TLS; default: proxy on coolify, hub on compose."
    )
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        default=None, description="compose with tls: proxy only, required there: the loopback port for the proxy."
    )
    bind: Address | None = Field(
        default=None,
        description="Address of that port; default 127.0.0.1, in development 0.0.0.0 for a plain http url in a LAN.",
    )
    email: Email | None = Field(default=None, description="tls: hub only: the address for the certificate authority.")
    engine: Annotated[int, Field(ge=1, le=999)] | None = Field(
        default=None,
        description="Major version of the docker engine that runs the hub; from 25 on the hub is found healthy sooner.",
    )
    delivery: Literal["caddyfile", "environment"] = Field(
        default="caddyfile",
        description="coolify only. caddyfile: ours, as a compose config; environment: the image's own.",
    )
    anonymous: bool = Field(
        default=False,
        description="Subscribers without a token see public updates; needs mode: development, or accept: [anonymous].",
    )
    subscriptions: bool = Field(default=False, description="The subscription API.")
    history: Annotated[int, Field(ge=0, le=10_000)] = Field(
        default=10_000, description="Updates kept for Last-Event-ID; 0: none are kept."
    )
    directives: Annotated[tuple[Line, ...], Field(strict=False)] = Field(
        default=(), description="Further lines for the mercure block of the Caddyfile."
    )
    issuer: Issuer | None = Field(
        default=None, description="1.0 only: the iss of the tokens; default: the origin of url."
    )
    legacy_clients: bool = Field(
        default=False, description="1.0 only: also accept tokens of 0.x clients, to upgrade the hub before the apps."
    )

    @property
    def release(self) -> str:
        """The image to deploy."""
        return self.image or GENERATIONS[self.version].image

    @property
    def starts_fast(self) -> bool:
        """Whether the engine looks every second while the hub starts: those before 25 refuse the word for it."""
        return self.engine is not None and self.engine >= 25

    @property
    def public_url(self) -> str:
        """What browsers connect to, MERCURE_PUBLIC_URL; also the audience of 1.0 tokens."""
        return f"{self.url}{self.path}"

    @property
    def publish_url(self) -> str:
        """What the apps publish to, MERCURE_URL: another way to the hub knows no path but the hub's own."""
        inside = self.internal_url is not None and self.internal_url != self.url
        return f"{self.internal_url}{HUB_PATH}" if inside else self.public_url

    @property
    def cookie(self) -> str:
        """Name of the cookie with the subscriber's token."""
        return self.cookie_name or GENERATIONS[self.version].cookie

    @property
    def issued_by(self) -> str:
        """The `iss` of 1.0 tokens."""
        return self.issuer or str(self.url)


class App(BaseModel):
    """One app that publishes to the hub."""

    model_config = _STRICT

    url: PageUrl = Field(description="Origin of its pages.")
    origins: Annotated[tuple[PageOrigin, ...], Field(strict=False)] = Field(
        default=(), description="Further origins whose pages subscribe; https://*.example.com is allowed here."
    )
    subscribe: bool = Field(
        default=True, description="false: it publishes only and needs neither cookie nor CORS origin."
    )
    hub_url: HubUrl | None = Field(
        default=None, description="The hub as this app's pages see it, when it is not hub.url: another name of it."
    )
    bundle: Annotated[Bundle | None, BundleText] = Field(
        default=None,
        description="mercure-bundle of the app; default: older than 0.5 on hub 0.24, 0.5 or newer on 1.0.",
    )


class Keys(BaseModel):
    """How keys are made and how long they and their tokens live."""

    model_config = _STRICT

    algorithm: Algorithm = Field(
        default="HS256", description="Algorithm of new keys; a change comes into force with the next rotation."
    )
    max_age: Duration = Field(
        default=timedelta(days=90),
        json_schema_extra={"default": "90d"},
        description="status and check warn about keys older than this; units s m h d.",
    )
    token_lifetime: Lifetime = Field(
        default=timedelta(hours=1),
        json_schema_extra={"default": "1h"},
        description="Longest life of a token or cookie that the apps issue; at least 1m.",
    )


class Coolify(BaseModel):
    """Where push finds things on a Coolify instance; render and check work without it."""

    model_config = _STRICT

    url: InstanceUrl = Field(description="Origin of the instance.")
    project: Resource = Field(description="Name or uuid of the project.")
    environment: Resource | None = Field(
        default=None, description="Name of its environment; default: the name of this environment."
    )
    server: Resource | None = Field(
        default=None, description="Name or uuid of the server that a new Service gets; default: the only one there is."
    )
    service: Resource | None = Field(
        default=None,
        description="Name or uuid of the hub's Service, made when there is none; default: mercure-<environment>.",
    )
    apps: dict[Name, Resource] = Field(
        default={}, description="Name or uuid of the Application of each app; one that is not named is not pushed."
    )


class Environment(BaseModel):
    """One deployment of a hub and its apps, with keys of its own."""

    model_config = _STRICT

    mode: Literal["production", "development"] = Field(
        default="production",
        description="development: plain http, localhost and anonymous subscribers are allowed there and only there.",
    )
    platform: Literal["coolify", "compose"] = Field(default="coolify", description="Where the hub runs.")
    hub: Hub = Field(description="The hub.")
    apps: Annotated[dict[Name, App], Field(min_length=1)] = Field(
        description="The apps, by name; the name becomes that of the env file."
    )
    keys: Keys = Field(default=Keys(), description="Keys and tokens.")
    coolify: Coolify | None = Field(default=None, description="platform: coolify only: all that push needs.")
    accept: Annotated[tuple[Accepted, ...], Field(strict=False)] = Field(
        default=(), description="Finding ids that this environment knowingly accepts."
    )

    @property
    def tls(self) -> Literal["proxy", "hub"]:
        """Who terminates TLS."""
        return self.hub.tls or ("proxy" if self.platform == "coolify" else "hub")

    @property
    def bind(self) -> str:
        """The address of the published port."""
        open_ = self.mode == "development" and self.hub.url.scheme == "http" and not self.hub.url.is_local
        return self.hub.bind or ("0.0.0.0" if open_ else "127.0.0.1")  # noqa: S104 - for a network that is at hand

    @property
    def alias(self) -> str | None:
        """The name of the hub in its external network, None where it joins none."""
        inside = self.hub.internal_url
        joins = self.hub.network or self.platform == "coolify"
        return inside.host if inside and inside != self.hub.url and joins else None

    def public_url(self, app: App) -> str:
        """What the pages of that app connect to, its MERCURE_PUBLIC_URL."""
        return f"{self.hub_seen_by(app)}{self.hub.path}"

    def hub_seen_by(self, app: App) -> Origin:
        """The hub as the pages of that app see it."""
        return app.hub_url or self.hub.url

    @property
    def hub_names(self) -> tuple[Origin, ...]:
        """Every origin under which browsers see the hub, its own first."""
        return tuple(dict.fromkeys([self.hub.url, *(app.hub_url for app in self.apps.values() if app.hub_url)]))

    @property
    def shares_origin(self) -> bool:
        """Whether an app has the hub's own origin, so that only a path of it is the hub's."""
        return any(app.url == self.hub_seen_by(app) for app in self.apps.values())

    def modern(self, app: App) -> bool:
        """Whether the app has mercure-bundle 0.5 or newer, whose configuration names protocol and cookie."""
        return app.bundle in {"0.5", "0.6"} if app.bundle else self.hub.version == "1.0"

    @cached_property
    def origins(self) -> tuple[Origin, ...]:
        """The origins of all subscribing pages, sorted, each once: the cors_origins of the hub."""
        pages = (origin for app in self.apps.values() if app.subscribe for origin in (app.url, *app.origins))
        return tuple(sorted(set(pages)))


def schema_text() -> str:
    """The JSON Schema (2020-12) of the spec."""
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Spec.model_json_schema()}
    return json.dumps(_with_own(about), indent=2) + "\n"


def _with_own(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """The schema with the user's own keys, which begin with x-, in every mapping, as `load` takes them."""
    if isinstance(schema, list):
        return [_with_own(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {word: _with_own(each) for word, each in schema.items()}
    if found.get("type") == "object":
        names = {f"^(?!x-){name.removeprefix('^')}": each for name, each in found.get("patternProperties", {}).items()}
        found["patternProperties"] = {"^x-": True, **names}
        if names:
            found["additionalProperties"] = False
    return found


class Spec(BaseModel):
    """mercure.yaml: what is deployed where. No secrets; one file, no includes."""

    model_config = ConfigDict(**_STRICT, title="mercure-deploy spec")

    version: Literal[1] = Field(description="Version of this format.")
    environments: Annotated[dict[Name, Environment], Field(min_length=1)] = Field(
        description="The deployments, by name."
    )
