"""The spec: every word it may say, its default and its description; what follows from two words is a property."""

import json
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mercure_deploy.facts.origins import Origin
from mercure_deploy.spec.fields import (
    Accepted,
    BundleText,
    Duration,
    HubUrl,
    InstanceUrl,
    Lifetime,
    Name,
    PageOrigin,
    PageUrl,
    Resource,
)
from mercure_deploy.spec.hub import STRICT, Hub

Bundle = Literal["0.3", "0.4", "0.5", "0.6"]
Algorithm = Literal["HS256", "HS384", "HS512", "RS256", "ES256"]
Platform = Literal["coolify", "compose", "frankenphp", "systemd", "kubernetes", "other", "managed"]


class App(BaseModel):
    """One app that publishes to the hub."""

    model_config = STRICT

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

    model_config = STRICT

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

    model_config = STRICT

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


def _url_of_the_app(schema: dict[str, Any]) -> None:
    """A hub inside an app has the app's URL; all others say theirs."""
    schema["if"] = {"properties": {"platform": {"const": "frankenphp"}}, "required": ["platform"]}
    schema["else"] = {"properties": {"hub": {"required": ["url"]}}}


class Environment(BaseModel):
    """One deployment of a hub and its apps, with keys of its own."""

    model_config = ConfigDict(**STRICT, json_schema_extra=_url_of_the_app)

    mode: Literal["production", "development"] = Field(
        default="production",
        description="development: plain http, localhost and anonymous subscribers are allowed there and only there.",
    )
    platform: Platform = Field(default="coolify", description="Where the hub runs.")
    hub: Hub = Field(description="The hub.")
    apps: Annotated[dict[Name, App], Field(min_length=1)] = Field(
        description="The apps, by name; the name becomes that of the env file."
    )
    keys: Keys = Field(default=Keys(), description="Keys and tokens.")
    coolify: Coolify | None = Field(default=None, description="platform: coolify only: all that push needs.")
    accept: Annotated[tuple[Accepted, ...], Field(strict=False)] = Field(
        default=(), description="Finding ids that this environment knowingly accepts."
    )

    @model_validator(mode="before")
    @classmethod
    def _inside(cls, said: Any) -> Any:  # noqa: ANN401 - whatever the YAML says
        """With the URL of the app for a hub that runs inside of it."""
        if not isinstance(said, dict) or said.get("platform") != "frankenphp":
            return said
        hub, apps = said.get("hub", {}), said.get("apps")
        if not isinstance(hub, dict) or not isinstance(apps, dict) or "url" in hub:
            return said
        named = hub.get("app", next(iter(apps)) if len(apps) == 1 else None)
        home = apps.get(named) if isinstance(named, str) else None
        url = home.get("url") if isinstance(home, dict) else None
        return said if url is None else {**said, "hub": {**hub, "url": url}}

    @property
    def tls(self) -> Literal["proxy", "hub"]:
        """Who terminates TLS."""
        return self.hub.tls or ("hub" if self.platform == "compose" and not self.hub.proxy else "proxy")

    @property
    def delivery(self) -> str:
        """How the hub gets its configuration."""
        return self.hub.delivery or ("manifests" if self.platform == "kubernetes" else "caddyfile")

    @property
    def port(self) -> int | None:
        """The port at which a proxy of this machine finds the hub, None where none is published."""
        return self.hub.port or (3000 if self.platform == "systemd" and self.tls == "proxy" else None)

    @property
    def home(self) -> str | None:
        """The app in whose server the hub runs, None where it has a server of its own or the spec does not tell."""
        if self.platform != "frankenphp":
            return None
        return self.hub.app or (next(iter(self.apps)) if len(self.apps) == 1 else None)

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

    @property
    def inside(self) -> Origin | None:
        """Where apps reach the hub by another name than its public ones, None where they do not."""
        found = self.hub.internal_url
        return None if found in self.hub_names else found

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

    model_config = ConfigDict(**{**STRICT, "title": "mercure-deploy spec", "defer_build": False})

    version: Literal[1] = Field(description="Version of this format.")
    environments: Annotated[dict[Name, Environment], Field(min_length=1)] = Field(
        description="The deployments, by name."
    )
