"""The spec: every word it may say, its default and its description; what follows from two words is a property."""

from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from mercure_deploy.facts.hubs import GENERATIONS, Version
from mercure_deploy.facts.origins import Origin
from mercure_deploy.spec.fields import (
    Accepted,
    Duration,
    Email,
    Image,
    Issuer,
    Lifetime,
    Line,
    Name,
    PageOrigin,
    Url,
    VersionText,
)

HUB_PATH = "/.well-known/mercure"
Algorithm = Literal["HS256", "HS384", "HS512", "RS256", "ES256"]

_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)


class Hub(BaseModel):
    """The hub of one environment."""

    model_config = _STRICT

    url: Url = Field(description="Origin of the hub as browsers see it.")
    version: Annotated[Version, VersionText] = Field(
        default="0.24", description="Generation of the hub; in quotes, or YAML reads a number."
    )
    image: Image | None = Field(
        default=None,
        description="Container image, one release of that generation; default: the one this tool was tested with.",
    )
    internal_url: Url | None = Field(
        default=None, description="Origin the apps publish to when it is not the public one, e.g. http://mercure."
    )
    tls: Literal["proxy", "hub"] | None = Field(
        default=None, description="Who terminates TLS; default: proxy on coolify, hub on compose."
    )
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        default=None, description="compose with tls: proxy only, required there: the loopback port for the proxy."
    )
    email: Email | None = Field(default=None, description="tls: hub only: the address for the certificate authority.")
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
    def public_url(self) -> str:
        """What browsers connect to, MERCURE_PUBLIC_URL."""
        return f"{self.url}{HUB_PATH}"

    @property
    def publish_url(self) -> str:
        """What the apps publish to, MERCURE_URL."""
        return f"{self.internal_url or self.url}{HUB_PATH}"

    @property
    def issued_by(self) -> str:
        """The `iss` of 1.0 tokens."""
        return self.issuer or str(self.url)


class App(BaseModel):
    """One app that publishes to the hub."""

    model_config = _STRICT

    url: Url = Field(description="Origin of its pages.")
    origins: Annotated[tuple[PageOrigin, ...], Field(strict=False)] = Field(
        default=(), description="Further origins whose pages subscribe; https://*.example.com is allowed here."
    )
    subscribe: bool = Field(
        default=True, description="false: it publishes only and needs neither cookie nor CORS origin."
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
    accept: Annotated[tuple[Accepted, ...], Field(strict=False)] = Field(
        default=(), description="Finding ids that this environment knowingly accepts."
    )

    @property
    def tls(self) -> Literal["proxy", "hub"]:
        """Who terminates TLS."""
        return self.hub.tls or ("proxy" if self.platform == "coolify" else "hub")

    @cached_property
    def origins(self) -> tuple[Origin, ...]:
        """The origins of all subscribing pages, sorted, each once: the cors_origins of the hub."""
        pages = (origin for app in self.apps.values() if app.subscribe for origin in (app.url, *app.origins))
        return tuple(sorted(set(pages)))


class Spec(BaseModel):
    """mercure.yaml: what is deployed where. No secrets; one file, no includes."""

    model_config = ConfigDict(**_STRICT, title="mercure-deploy spec")

    version: Literal[1] = Field(description="Version of this format.")
    environments: Annotated[dict[Name, Environment], Field(min_length=1)] = Field(
        description="The deployments, by name."
    )
