"""What was started and proved, kept in a variable of the hub's Service: no secret, and nothing that a person writes.

MERCURE_DEPLOY_STATE=hub:0123456789ab app.shop:<uuid of its deployment>.<mark of its values>
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mercure_deploy.coolify.client import Client
from mercure_deploy.coolify.values import Service

NAME = "MERCURE_DEPLOY_STATE"


@dataclass(frozen=True)
class Remembered:
    """`hub` is the mark of what was proved on the live hub.

    `apps` are the deployments by which each app got its values: uuid, a point, the mark of these values.
    """

    hub: str = ""
    apps: Mapping[str, str] = field(default_factory=dict)

    def with_hub(self, mark: str) -> "Remembered":
        """The same, with another hub that was proved."""
        return replace(self, hub=mark)

    def with_app(self, name: str, deployment: str, mark: str) -> "Remembered":
        """The same, with another deployment of an app that ended well, and the mark of the values that it got."""
        return replace(self, apps={**self.apps, name: f"{deployment}.{mark}"})

    def deployment(self, name: str, mark: str) -> str:
        """The deployment by which that app got the values of that mark, "" where there was none."""
        uuid, _, given = self.apps.get(name, "").partition(".")
        return uuid if given == mark else ""


def of(service: Service | None) -> Remembered:
    """What is kept there; nothing where there is no such variable."""
    rows = service.variables if service else ()
    text = next((row.value for row in rows if row.key == NAME and not row.preview and row.value), "")
    words = dict(word.split(":", 1) for word in text.split() if ":" in word)
    apps = {name.removeprefix("app."): uuid for name, uuid in words.items() if name.startswith("app.")}
    return Remembered(words.get("hub", ""), apps)


def keep(client: Client, service: Service, state: Remembered) -> None:
    """Write it down. ApiError or LostError when that fails."""
    words = [f"hub:{state.hub}"] if state.hub else []
    words += [f"app.{name}:{uuid}" for name, uuid in sorted(state.apps.items())]
    flags = {"is_literal": True, "is_multiline": False, "is_shown_once": False, "is_buildtime": False}
    row = {"key": NAME, "value": " ".join(words), **flags, "is_runtime": False, "is_preview": False}
    client.send("PATCH", f"services/{service.uuid}/envs/bulk", {"data": [row]})
