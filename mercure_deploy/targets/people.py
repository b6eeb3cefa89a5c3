"""The README of an environment: what to do with its files, in order, for its platform and the state of its keys."""

from collections.abc import Iterator

from mercure_deploy.spec import HUB_PATH, duration_text
from mercure_deploy.targets.apps import needs_configuration
from mercure_deploy.targets.output import File
from mercure_deploy.targets.planning import Deployment, target
from mercure_deploy.targets.platforms import platform
from mercure_deploy.targets.render import render


@target
def readme(d: Deployment) -> Iterator[File]:
    """What to do with these files, in order."""
    env, hub = d.env, d.env.hub
    state = next((key.state for key in d.ring.keys if key.state != "current"), "steady")
    text = render(
        "README.md.j2",
        name=d.name,
        platform=env.platform,
        mode=env.mode,
        tls=env.tls,
        port=hub.port,
        hub=str(hub.url),
        hub_host=hub.url.host,
        hub_path=HUB_PATH,
        version=hub.version,
        legacy_clients=hub.legacy_clients,
        anonymous=hub.anonymous,
        apps=sorted(env.apps),
        app_urls={name: str(app.url) for name, app in sorted(env.apps.items())},
        own_config=needs_configuration(d),
        hub_env=bool(platform(d).variables(d)),
        page=str(env.origins[0]).replace("*", "www") if env.origins else None,
        shared_origin=any(app.url == hub.url for app in env.apps.values()),
        secret="MERCURE_JWT_SECRET" if d.ring.current.symmetric else "MERCURE_JWT_KEY_B64",
        keys=d.ring.keys,
        state=state,
        aborting=d.ring.aborting,
        lifetime=duration_text(env.keys.token_lifetime),
    )
    yield File("README.md", text)
