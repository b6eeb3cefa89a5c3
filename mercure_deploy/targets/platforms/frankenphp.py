"""Platform frankenphp: the hub in the server of one of the apps, beside the block of its template (symfony-docker).

What the template reads, and what of it Caddy lets another block win over, was measured with FrankenPHP 1.12.2 and
symfony-docker as it is in November 2026.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence

from mercure_deploy import keys
from mercure_deploy.facts import frankenphp
from mercure_deploy.facts.hubs import GENERATIONS, HUB_PATH
from mercure_deploy.file import File
from mercure_deploy.targets import directives
from mercure_deploy.targets.hub import jwk_set
from mercure_deploy.targets.plan import Deployment, Platform
from mercure_deploy.targets.render import render

BLOCK = "mercure.caddy"
COMPOSE = "compose.mercure.yaml"
_PATH = f"/etc/mercure/{BLOCK}"
_IMPORT = f"import {_PATH}"
# the service of the template, and the name under which its containers find it
_SERVICE = "php"
# a proxy in front, be it Coolify's, another container or one of the machine; read by every version of Symfony
_PRIVATE = "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7,::1"


def files(d: Deployment) -> Iterator[File]:
    """Our block, and the compose file that brings it into the container; none where variables are all there is."""
    if d.env.delivery == "environment":
        return
    block = _block(d)
    yield File(BLOCK, block)
    yield File(COMPOSE, _compose(d, block.decode()))


def _overlap(d: Deployment) -> bool:
    return len(d.ring.keys) > 1


def _block(d: Deployment) -> bytes:
    return render(
        "frankenphp/mercure.caddy.j2",
        path=HUB_PATH,
        methods=" ".join(GENERATIONS[d.env.hub.version].methods),
        lines=directives.mercure_block(d, jwks=_overlap(d)),
    )


def _compose(d: Deployment, block: str) -> bytes:
    configs = {"mercure_block": (_PATH, block.replace("$", "$$"))}
    if _overlap(d):
        rows = [{"kty": "oct", "k": f"${{{name}:?}}"} for name in _numbered(d)]
        configs["mercure_keys"] = (directives.JWKS_PATH, jwk_set(rows))
    trusted = sorted(key.fingerprint for key in d.ring.keys)
    return render(
        "frankenphp/compose.mercure.yaml.j2",
        service=_SERVICE,
        literals=_literals(d),
        references=_secrets(d),
        configs=configs,
        digest=hashlib.sha256(json.dumps([configs, trusted]).encode()).hexdigest()[:32],
        ports=_ports(d),
    )


def _ports(d: Deployment) -> list[str] | None:
    """The ports that replace those of the template behind a proxy, None where its own stay."""
    if d.env.tls == "hub":
        return None
    return [f"127.0.0.1:{d.env.hub.port}:80"] if d.env.hub.port else []


def _numbered(d: Deployment) -> dict[str, str]:
    """The variables of a JWK Set whose secrets stand elsewhere: each key as base64url."""
    if not _overlap(d):
        return {}
    return {f"MERCURE_JWK_{number}": keys.jwk(key)["k"] for number, key in enumerate(d.ring.keys, start=1)}


def _secrets(d: Deployment) -> dict[str, str]:
    """The names in the container of what is signed and verified with, each with the variable that feeds it."""
    names = ("MERCURE_JWT_SECRET", "MERCURE_PUBLISHER_JWT_KEY", "MERCURE_SUBSCRIBER_JWT_KEY")
    return {**dict.fromkeys(names, "CADDY_MERCURE_JWT_SECRET"), **{name: name for name in _numbered(d)}}


def _literals(d: Deployment) -> dict[str, str]:
    """What the container is told in the compose file, where the template would say otherwise or nothing."""
    env = d.env
    home = str(env.home)
    algorithm = d.signer(home).algorithm
    found = {
        "CADDY_GLOBAL_OPTIONS": _options(d),
        "CADDY_SERVER_EXTRA_DIRECTIVES": _IMPORT,
        "MERCURE_PUBLISHER_JWT_ALG": algorithm,
        "MERCURE_PUBLIC_URL": env.public_url(env.apps[home]),
        "MERCURE_SUBSCRIBER_JWT_ALG": algorithm,
        "MERCURE_URL": _inside(d),
        "SERVER_NAME": f"{_names(d)}, {_SERVICE}:80",
    }
    return {**found, **({"SYMFONY_TRUSTED_PROXIES": _PRIVATE} if env.tls == "proxy" else {})}


def _options(d: Deployment) -> str:
    # without it a stop with an open stream was still running after 14 s (measured)
    return "\n".join([directives.GRACE_PERIOD, *([f"email {d.env.hub.email}"] if d.env.hub.email else [])])


def _names(d: Deployment) -> str:
    """The addresses of the site without that of the service, which the template adds."""
    if d.env.tls == "proxy":
        return ":80"
    return ", ".join(str(name).removeprefix("https://") for name in d.env.hub_names)


def _inside(d: Deployment) -> str:
    """Where the app publishes to within a compose project."""
    said = d.env.hub.internal_url
    return f"{said or f'http://{_SERVICE}'}{HUB_PATH}"


def _alone(d: Deployment) -> str:
    """Where the app publishes to in a container of its own, without a compose file."""
    if d.env.hub.internal_url:
        return d.env.hub.publish_url
    # under another name than its own the server would redirect to https
    return f"http://localhost{HUB_PATH}" if d.env.tls == "proxy" else d.env.hub.public_url


def app_values(d: Deployment, app: str, values: dict[str, str]) -> dict[str, str]:
    """The variables of an app; those of the one with the hub feed both sides, with a compose file and without."""
    if app != d.env.home:
        return values
    secret, algorithm = values["MERCURE_JWT_SECRET"], d.signer(app).algorithm
    found = {
        "CADDY_GLOBAL_OPTIONS": directives.GRACE_PERIOD,
        "CADDY_MERCURE_JWT_SECRET": secret,
        "CADDY_MERCURE_PUBLIC_URL": values["MERCURE_PUBLIC_URL"],
        "CADDY_MERCURE_URL": _inside(d),
        **values,
        "MERCURE_URL": _alone(d),
        "SERVER_NAME": _names(d),
    }
    for role in ("PUBLISHER", "SUBSCRIBER"):
        found |= {f"MERCURE_{role}_JWT_KEY": secret, f"MERCURE_{role}_JWT_ALG": algorithm}
    if d.env.tls == "proxy":
        found["SYMFONY_TRUSTED_PROXIES"] = _PRIVATE
    return dict(sorted({**found, **_extra(d), **_numbered(d)}.items()))


def _extra(d: Deployment) -> dict[str, str]:
    if d.env.delivery == "caddyfile":
        return {"CADDY_SERVER_EXTRA_DIRECTIVES": _IMPORT}
    others = [origin for origin in d.env.origins if origin != d.env.hub.url]
    return {"MERCURE_EXTRA_DIRECTIVES": f"cors_origins {' '.join(map(str, others))}"} if others else {}


def one_key(d: Deployment) -> str | None:
    """Why the hub cannot trust two keys at once."""
    if d.env.delivery == "environment":
        return "with delivery: environment the hub of the template takes one key"
    return frankenphp.two_keys(d.env.hub.image)


def no_pair(_: Deployment) -> str | None:
    """Why no key pair reaches the hub."""
    return "one variable of the template feeds both sides"


def deploy_hub(d: Deployment) -> str:
    """How new keys reach the hub."""
    return f"redeploy {d.env.home}, in whose container it is: {_up(d)}; the old container has to be gone first"


def _up(d: Deployment) -> str:
    return f"docker compose … -f {d.name}/{COMPOSE} up -d --wait {_SERVICE}"


def deploy_apps(_: Deployment, apps: Sequence[str]) -> str:
    """How these apps take their new variables."""
    return f"redeploy {', '.join(apps)}: web, workers and cron, the old container gone before the new one starts"


def words(d: Deployment) -> dict[str, object]:
    """What the README needs: which container it is, and how the files get into it."""
    home = str(d.env.home)
    return {
        "logs": f"`docker compose logs {_SERVICE}`",
        "secrets": "`keys.json` and the `*.env` files",
        "home": home,
        "delivery": d.env.delivery,
        "image": d.env.hub.image,
        "port": d.env.hub.port,
        "names": _names(d),
        "alone": _alone(d),
        "overlap": _overlap(d),
        "redeploy": "Redeploy **web, workers and cron**: each of them signs.",
        "steps": {
            "hub": f"redeploy {home}",
            "hub_stays": "the hub in it trusts both already",
            "apps": f"redeploy {home}, its workers and the other apps",
            "apps_all": f"redeploy {home}, workers, other apps",
            "apps_stay": "workers and other apps stay as they are",
        },
    }


def applied(changed: Mapping[str, tuple[bytes, bytes]]) -> str | None:
    """How changed files of the hub come into force."""
    return f"docker compose … -f {COMPOSE} up -d --wait {_SERVICE}" if changed else None


PLATFORM = Platform(
    files,
    (BLOCK, COMPOSE),
    deploy_hub,
    words,
    applied,
    app_values=app_values,
    deploy_apps=deploy_apps,
    one_key=one_key,
    no_pair=no_pair,
)
