"""What is started without compose: services of systemd, and images of Dockerfiles."""

from collections.abc import Iterator, Mapping, Sequence

from mercure_deploy.readers import dockerfile, systemd
from mercure_deploy.readers.places import Service
from mercure_deploy.readers.setup import Setup
from mercure_deploy.readers.text import Text


def units(by_kind: Mapping[str, Sequence[Text]], setup: Setup) -> Iterator[Service]:
    """The services of systemd, their drop-ins put behind them."""
    files = {each.path: each.text for each in by_kind.get("dotenv", [])}
    written = sorted(by_kind.get("systemd", []), key=lambda each: (not each.path.endswith(".service"), each.path))
    units: dict[str, systemd.Unit] = {}
    for each in written:
        unit = systemd.read(each.path, each.text, files)
        setup.findings += unit.findings
        folder = each.folder.rpartition("/")[2]
        base = units.get(folder.removesuffix(".d")) if folder.endswith(".service.d") else None
        if base is None:
            units[each.path.rpartition("/")[2]] = unit
        else:
            base.service.environment |= unit.service.environment
            base.service.command = unit.service.command or base.service.command
            base.service.open |= unit.service.open
    yield from (unit.service for unit in units.values())


def images(by_kind: Mapping[str, Sequence[Text]], composed: Sequence[Service], setup: Setup) -> Iterator[Service]:
    """The images of Dockerfiles that no service of compose is built from; the others give it what it does not say."""
    for each in by_kind.get("dockerfile", []):
        image = dockerfile.read(each.path, each.text)
        setup.findings += image.findings
        setup.bases += filter(None, [image.base])
        built = [service for service in composed if service.builds(each.path)]
        for service in built:
            image.fill(service)
        if not built and not composed:
            yield image.service
