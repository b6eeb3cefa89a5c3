"""The words of the spec below `hub`."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from mercure_deploy.facts.hubs import GENERATIONS, HUB_PATH, Version
from mercure_deploy.spec.fields import (
    Address,
    CookieName,
    Email,
    HubPath,
    HubUrl,
    Image,
    InternalUrl,
    Issuer,
    Line,
    Name,
    Network,
    VersionText,
)
from mercure_deploy.spec.words import Binary, Namespace, OptionValue, Quantity, Word, quantity

# what is below is built with the spec itself, once, and by itself only where somebody asks for it alone
STRICT = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


class Traefik(BaseModel):
    """What the labels of the hub name in a Traefik that is there already."""

    model_config = STRICT

    network: Network = Field(default="traefik", description="The external docker network that Traefik is in.")
    entrypoint: Word | None = Field(
        default=None, description="Its entry point; default: websecure, in development web for a plain http url."
    )
    certresolver: Word | None = Field(
        default="letsencrypt", description="Who brings the certificate; null: Traefik has one already."
    )
    router: Name | None = Field(default=None, description="Name of router and service; default: mercure-<environment>.")


class Ingress(BaseModel):
    """How requests get into the cluster."""

    model_config = STRICT

    class_: Word | None = Field(default=None, alias="class", description="Ingress class; null: the cluster's default.")
    issuer: Word | None = Field(default=None, description="Cluster issuer of cert-manager.")
    secret: Word | None = Field(
        default=None, description="Secret with the certificate; default with an issuer: mercure-tls."
    )


def _or_size(schema: dict[str, Any]) -> None:
    """The schema of a size alone, or of the mapping."""
    mapping = dict(schema)
    schema.clear()
    schema["anyOf"] = [mapping["properties"]["size"] | {"title": "Size"}, mapping]


class Storage(BaseModel):
    """The volume in which the hub keeps its history; a text alone is its size."""

    model_config = ConfigDict(**STRICT, json_schema_extra=_or_size)

    size: Quantity = Field(default="1Gi", description="As Kubernetes writes it, e.g. 1Gi.")
    class_: Word | None = Field(default=None, alias="class", description="Storage class; null: the cluster's default.")


def _sized(value: Any) -> Any:  # noqa: ANN401 - whatever the YAML says
    return {"size": quantity(value)} if isinstance(value, str) else value


class Transport(BaseModel):
    """A module of the image in which several hubs share their updates."""

    model_config = STRICT

    name: Word = Field(description="Name of the module, e.g. redis.")
    options: dict[Word, OptionValue] = Field(
        default={}, description="Lines of its block, one each; a secret as {env.NAME} only."
    )

    @property
    def shared(self) -> bool:
        """Whether it is one that hubs share, as bolt and local are not."""
        return self.name not in {"bolt", "local"}


def _url_elsewhere(schema: dict[str, Any]) -> None:
    """That `url` is required is said by the environment: a hub inside an app has the app's."""
    del schema["required"]


class Hub(BaseModel):
    """The hub of one environment."""

    model_config = ConfigDict(**STRICT, json_schema_extra=_url_elsewhere)

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
        default=None, description="Who terminates TLS; default: hub on compose, proxy everywhere else."
    )
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        default=None,
        description="With tls: proxy, the loopback port for it: required on compose, 3000 on systemd when left out.",
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
    delivery: Literal["caddyfile", "environment", "manifests", "chart"] | None = Field(
        default=None,
        description="coolify, frankenphp: caddyfile, ours (the default), or environment, the image's own; kubernetes:"
        " manifests (the default), or chart, values for the official one.",
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

    proxy: Literal["traefik"] | None = Field(
        default=None, description="compose with tls: proxy only: the hub gets labels for it, and publishes no port."
    )
    traefik: Traefik | None = Field(default=None, description="proxy: traefik only: the names of its things.")
    app: Name | None = Field(
        default=None, description="frankenphp only: the app in whose server the hub runs; default: the only one."
    )
    binary: Binary | None = Field(
        default=None, description="systemd only: where the hub's program lies; default: /usr/local/bin/mercure."
    )
    namespace: Namespace | None = Field(
        default=None, description="kubernetes only; default: the name of the environment."
    )
    ingress: Ingress | None = Field(default=None, description="kubernetes only: how requests get in.")
    storage: Annotated[Storage | None, BeforeValidator(_sized)] = Field(
        default=None, description="kubernetes only, with history: the size of its volume; default: 1Gi."
    )
    transport: Transport | None = Field(
        default=None, description="Where updates are kept when that is neither bolt nor the process itself."
    )
    replicas: Annotated[int, Field(ge=1, le=99)] = Field(
        default=1, description="kubernetes only: hubs behind one name; more than one need a transport that they share."
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
