"""Where the hub of a set-up runs, by its files, and what of that a spec says: TLS, a port, labels, a program."""

import re

from mercure_deploy.draft.beginning import typed_origin
from mercure_deploy.draft.directives import Carried
from mercure_deploy.readers.setup import Setup, host_of, split
from mercure_deploy.spec.words import WORD
from mercure_deploy.targets.platforms.systemd import BINARY

# where a proxy finds the hub when no file says it
_PORT = 8080


def platform(setup: Setup) -> tuple[str, str]:
    """Which platform the files speak of, and why."""
    if setup.charts or any(service.cluster for service in setup.hub_services):
        return "kubernetes", "the hub is deployed by manifests or a chart"
    if any(service.file.endswith(".service") for service in setup.hub_services):
        return "systemd", "a unit of systemd starts the hub"
    if own_tls(setup):
        return "compose", "the hub terminates TLS itself"
    if _published(setup):
        return "compose", f"the hub's port is published on the machine, as {_published(setup)}"
    if _labelled(setup):
        return "compose", "the hub has labels for a Traefik that is not Coolify's"
    return "coolify", "no port of the hub is published, so that a platform's proxy is before it"


def _labelled(setup: Setup) -> bool:
    """Whether somebody wrote labels for a Traefik; Coolify writes its own."""
    labels = {name.partition(".")[0] for service in setup.hub_services for name in service.labels}
    return "traefik" in labels and "coolify" not in labels


def own_tls(setup: Setup) -> bool:
    """Whether the hub has a certificate of its own: an address with a name and without http://."""
    addresses = [*split(setup.hub.get("SERVER_NAME"))]
    addresses += [each.text for block in setup.blocks for each in block.addresses]
    return any(
        "." in host_of(each) and not each.startswith("http://") and not each.endswith(":80") for each in addresses
    )


def _published(setup: Setup) -> int | None:
    """The port of this machine at which a proxy finds the hub, None where there is none."""
    ports = [host for service in setup.hub_services for host, inside, _ in service.ports if host and inside == 80]
    for block in setup.blocks:
        for address in block.addresses:
            said = re.fullmatch(r"(?:http://)?[^/:]*:(\d+)", address.text)
            if said and said[1] not in {"80", "443"}:
                ports.append(int(said[1]))
    return ports[0] if ports else None


def _program(setup: Setup) -> str | None:
    """The path of the hub's program in a unit, None where it is the usual one or not told."""
    commands = [each.command.text for each in setup.hub_services if each.file.endswith(".service") and each.command]
    words = commands[0].split() if commands else []
    return words[0] if words and words[0].startswith("/") and words[0] != BINARY else None


def _traefik(setup: Setup, found: Carried) -> None:
    """What the labels for a Traefik name."""
    labels = {name: value.text for service in setup.hub_services for name, value in service.labels.items()}

    def label(pattern: str) -> str | None:
        return next((text for name, text in labels.items() if re.fullmatch(pattern, name) and text), None)

    router = r"traefik\.http\.routers\.[^.]+\."
    said = {
        "network": label(r"traefik\.docker\.network"),
        "entrypoint": label(f"{router}entrypoints"),
        "certresolver": label(rf"{router}tls\.certresolver"),
    }
    found.draft.proxy = "traefik"
    found.draft.traefik = {word: text for word, text in said.items() if text and re.fullmatch(WORD, text)}


def place(setup: Setup, found: Carried) -> None:
    """Fill in who terminates TLS on compose and under systemd, the port that a proxy asks, and the hub's program."""
    if found.draft.platform == "systemd":
        found.draft.image, found.draft.binary = None, _program(setup)
    elif _labelled(setup) and not _published(setup):
        _traefik(setup, found)
        return
    draft, hub = found.draft, typed_origin(found.draft.hub or "")
    certificates = [each for block in setup.blocks for each in block.site if each.name == "tls"]
    if own_tls(setup) and not certificates and hub and hub.scheme == "https" and hub.port is None:
        draft.tls = "hub"
        return
    draft.tls, draft.port = "proxy", _published(setup)
    if draft.port is None or own_tls(setup):
        draft.port = _PORT
        found.leave(f"a proxy has to terminate TLS, and finds the hub at 127.0.0.1:{_PORT}")
