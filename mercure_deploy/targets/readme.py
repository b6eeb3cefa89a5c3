"""The README of an environment: what to do with its files, in order, for its platform and the state of its keys."""

from collections.abc import Iterator

from mercure_deploy.file import File
from mercure_deploy.spec import Environment, duration_text
from mercure_deploy.targets.apps import needs_configuration
from mercure_deploy.targets.plan import Deployment, target
from mercure_deploy.targets.platforms import platform
from mercure_deploy.targets.render import render


@target
def readme(d: Deployment) -> Iterator[File]:
    """What to do with these files, in order."""
    env, hub = d.env, d.env.hub
    apps = [
        {
            "name": name,
            "url": str(app.url),
            "configuration": needs_configuration(d, name),
            "modern": env.modern(app),
            "bundle": app.bundle,
        }
        for name, app in sorted(env.apps.items())
    ]
    text = render(
        "README.md.j2",
        name=d.name,
        platform=env.platform,
        mode=env.mode,
        tls=env.tls,
        hub=str(hub.url),
        hub_host=hub.url.host,
        hub_path=hub.path,
        **_names(env),
        public_url=hub.public_url,
        publish_url=hub.publish_url,
        version=hub.version,
        legacy_clients=hub.legacy_clients,
        anonymous=hub.anonymous,
        apps=apps,
        hub_env=bool(platform(d).variables(d)),
        page=str(env.origins[0]).replace("*", "www") if env.origins else None,
        shared_origin=env.shares_origin,
        **_keys(d),
        **{"steps": _STEPS, "redeploy": _REDEPLOY, "inside": None, **platform(d).words(d)},
    )
    yield File("README.md", text)


# how the steps of a rotation are said where hub and apps are deployed apart
_STEPS = {
    "hub": "deploy the hub",
    "hub_stays": "the hub stays as it is",
    "apps": "deploy the apps",
    "apps_all": "deploy the apps: web, workers and cron",
    "apps_stay": "the apps stay as they are",
}
_REDEPLOY = "Redeploy **web, workers and cron**: each of them signs."


def _keys(d: Deployment) -> dict[str, object]:
    """Which keys there are, where a rotation stands, and whose job it is."""
    return {
        "secret": "MERCURE_JWT_SECRET" if d.ring.current.symmetric else "MERCURE_JWT_KEY_B64",
        "keys": d.ring.keys,
        "state": next((key.state for key in d.ring.keys if key.state != "current"), "steady"),
        "aborting": d.ring.aborting,
        "lifetime": duration_text(d.env.keys.token_lifetime),
        "one_key": platform(d).one_key(d),
        "foreign": platform(d).foreign,
    }


def _names(env: Environment) -> dict[str, list[str]]:
    """Every name of the hub: as Markdown, as hosts, as the URLs that browsers open."""
    return {
        "hub_names": [f"`{name.host}`" for name in env.hub_names],
        "hub_hosts": [name.host for name in env.hub_names],
        "public_urls": [f"{name}{env.hub.path}" for name in env.hub_names],
    }
