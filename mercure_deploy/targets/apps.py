"""The files of the apps: env files, and the bundle's configuration where the recipe's is not enough."""

import base64
from collections.abc import Iterator

from mercure_deploy.file import PUBLIC, File
from mercure_deploy.keys import Key
from mercure_deploy.targets.plan import Deployment, target
from mercure_deploy.targets.render import render

SYMFONY_ALGORITHMS = {
    "HS256": "hmac.sha256",
    "HS384": "hmac.sha384",
    "HS512": "hmac.sha512",
    "RS256": "rsa.sha256",
    "ES256": "ecdsa.sha256",
}


def values(d: Deployment, name: str) -> dict[str, str]:
    """The variables of that app: where it publishes to, where its pages subscribe, and what signs."""
    urls = {"MERCURE_URL": d.env.hub.publish_url, "MERCURE_PUBLIC_URL": d.env.public_url(d.env.apps[name])}
    return {**urls, **_secret(d.signer(name))}


def _secret(key: Key) -> dict[str, str]:
    if key.symmetric:
        return {"MERCURE_JWT_SECRET": key.text()}
    # a PEM in one line: the only form that every reader of env files hands on unchanged
    return {"MERCURE_JWT_KEY_B64": base64.b64encode(key.text().encode()).decode()}


@target
def symfony(d: Deployment) -> Iterator[File]:
    """config/packages/mercure.yaml, where that of the bundle's recipe is not enough."""
    for name in d.env.apps:
        if needs_configuration(d, name):
            yield File(f"symfony/{name}.mercure.yaml", configuration(d, name), PUBLIC)


def configuration(d: Deployment, name: str, lifetime: int | None = None) -> bytes:
    """The bundle's configuration for that app; with a `lifetime`, in seconds, of the cookie and the token in it."""
    hub, app = d.env.hub, d.env.apps[name]
    key = d.signer(name)
    secret = "%env(MERCURE_JWT_SECRET)%" if key.symmetric else "%env(base64:MERCURE_JWT_KEY_B64)%"
    claims = {"iss": hub.issued_by, "aud": hub.public_url, "sub": str(app.url), "client_id": str(app.url)}
    modern = d.env.modern(app)
    protocol = ("1.0" if hub.version == "1.0" else "0.x") if modern else None
    return render(
        "symfony.yaml.j2",
        lifetime=lifetime,
        secret=secret,
        algorithm=SYMFONY_ALGORITHMS[key.algorithm],
        protocol=protocol,
        # the bundle's own name is another one under kernel.debug, and the hub would not look at that cookie
        cookie_name=hub.cookie if modern and (hub.version == "1.0" or hub.cookie_name) else None,
        claims=claims if protocol == "1.0" else {},
    )


def needs_configuration(d: Deployment, app: str) -> bool:
    """Whether the configuration of the bundle's recipe is not enough for that app."""
    return d.signer(app).algorithm != "HS256" or d.env.modern(d.env.apps[app])
