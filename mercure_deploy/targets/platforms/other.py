"""Platform other: an image and its environment variables, for whatever runs that (Railway, ECS, Dokploy, …)."""

from collections.abc import Iterator, Mapping

from mercure_deploy.file import SECRET, File
from mercure_deploy.targets import directives
from mercure_deploy.targets.plan import ROLES, Deployment, Platform
from mercure_deploy.targets.render import render


def files(d: Deployment) -> Iterator[File]:
    """The variables of the hub; its Caddyfile is the image's own."""
    yield File("hub.env", render("env.j2", values=variables(d)), SECRET)


def variables(d: Deployment) -> dict[str, str]:
    """The variables of the hub's container by name; none of them has a line break."""
    found = {"GLOBAL_OPTIONS": directives.GRACE_PERIOD, "SERVER_NAME": ":80"}
    if d.env.origins:
        found["MERCURE_EXTRA_DIRECTIVES"] = directives.cors(d.env)
    key = d.signer(next(iter(d.env.apps)))
    for role in ROLES:
        # without the algorithm a public key would be taken for an HMAC secret
        found |= {f"MERCURE_{role.upper()}_JWT_KEY": key.text(), f"MERCURE_{role.upper()}_JWT_ALG": key.algorithm}
    return dict(sorted(found.items()))


def one_key(_: Deployment) -> str | None:
    """Why the hub cannot trust two keys at once."""
    return "a variable of the image's own Caddyfile holds one key"


def no_pair(_: Deployment) -> str | None:
    """Why no key pair reaches the hub."""
    return "a variable of the image's own Caddyfile holds no key pair"


def deploy_hub(_: Deployment) -> str:
    """How new keys reach the hub."""
    return "set the variables of hub.env, deploy the hub anew"


def words(d: Deployment) -> dict[str, object]:
    """What the README needs: the image and its port."""
    env = d.env
    return {
        "logs": "the log of its container",
        "secrets": "`keys.json` and the `*.env` files",
        "image": env.hub.release,
        "history": env.hub.history,
        "inside": ", the hub's name in the network of the platform." if env.hub.internal_url else None,
    }


def applied(changed: Mapping[str, tuple[bytes, bytes]]) -> str | None:
    """How changed files of the hub come into force."""
    return "set the variables of hub.env, deploy the hub anew" if "hub.env" in changed else None


PLATFORM = Platform(
    files, ("hub.env",), deploy_hub, words, applied, variables=variables, one_key=one_key, no_pair=no_pair
)
