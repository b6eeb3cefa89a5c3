"""Texts of several files put together to one setup: what each reader sees, and whose each value is."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from mercure_deploy.facts.hubs import release
from mercure_deploy.findings import Finding, Place
from mercure_deploy.readers import (
    apache,
    caddyfile,
    compose,
    haproxy,
    helm,
    kinds,
    kubernetes,
    nginx,
    started,
    symfony,
    twig,
    yamlfile,
)
from mercure_deploy.readers.block import split as split_lines
from mercure_deploy.readers.bounds import Budget
from mercure_deploy.readers.places import Caddyfile, Directive, EnvFile, Service, Value
from mercure_deploy.readers.setup import Block, Setup, is_app_file, is_hub, is_hub_file, split
from mercure_deploy.readers.text import Text
from mercure_deploy.readers.yamlfile import Node

_APP = {"MERCURE_JWT_SECRET", "MERCURE_URL", "MERCURE_PUBLIC_URL"}
_DEEPEST = 6
_KEYS = ("MERCURE_JWT_SECRET", "MERCURE_PUBLISHER_JWT_KEY", "MERCURE_SUBSCRIBER_JWT_KEY")


def texts(files: Iterable[tuple[str, str]], named: Callable[[str], bool]) -> list[Text]:
    """Those of the files, (path, text), whose kind is known; `named` tells those that were asked for by name."""
    found = []
    for path, text in files:
        kind = kinds.of(path, text, named=named(path))
        if kind:
            found.append(Text(path, kind, text))
    return found


def groups(files: Sequence[Text], depth: int = 0) -> Iterator[Sequence[Text]]:
    """The setups: all files are one, unless folders hold different values of one key, as for staging and production."""
    if not _contradict(files):
        yield files
        return
    parts: dict[str, list[Text]] = {}
    for file in files:
        folders = file.path.split("/")[:-1]
        parts.setdefault(folders[depth] if len(folders) > depth else "", []).append(file)
    for group in parts.values():
        yield from groups(group, depth + 1)


def _contradict(files: Sequence[Text]) -> bool:
    """Whether two folders have different values for the same key."""
    if len({file.folder for file in files}) < 2:
        return False
    values: dict[str, dict[str, str]] = {name: {} for name in _KEYS}
    for file in files:
        for name, value in _keys(file):
            values[name].setdefault(file.folder, value)
    return any(len(set(found.values())) > 1 for found in values.values())


def _keys(file: Text) -> Iterator[tuple[str, str]]:
    variables = [file.env.variables] if file.kind == "dotenv" else []
    if file.kind == "compose" and isinstance(file.document, Node):
        variables = [service.environment for service in compose.services(file.document, {})]
    for found in variables:
        yield from ((name, found[name].text) for name in _KEYS if name in found and found[name].text)


def assemble(setup: Setup, files: Sequence[Text]) -> None:
    """Put into a setup what these files say."""
    by_kind: dict[str, list[Text]] = {}
    for each in files:
        by_kind.setdefault(each.kind, []).append(each)
    _env_files(by_kind, setup)
    _services(by_kind, setup)
    _sides(setup)
    setup.caddyfiles = [*_caddyfiles(by_kind.get("caddyfile", []), setup)]
    setup.findings += [finding for inner in setup.caddyfiles for finding in inner.findings]
    setup.blocks = list(_blocks(setup))
    for each in by_kind.get("tokens", []):
        lines = enumerate(each.text.splitlines(), 1)
        setup.tokens += [Value(line.strip(), Place(each.path, number)) for number, line in lines if line.strip()]
    for each in by_kind.get("nginx", []):
        directives, findings = nginx.read(each.path, each.text)
        setup.nginx.append(directives)
        setup.findings += findings
    setup.apache = [apache.read(each.path, each.text) for each in by_kind.get("apache", [])]
    setup.haproxy = [haproxy.read(each.path, each.text) for each in by_kind.get("haproxy", [])]
    setup.templates = [twig.read(each.path, each.text) for each in by_kind.get("twig", [])]
    _symfony([*_documents(by_kind.get("symfony", []), setup)], setup)


def _env_files(by_kind: Mapping[str, Sequence[Text]], setup: Setup) -> None:
    read = [each.env for each in by_kind.get("dotenv", [])]
    for file in read:
        setup.findings += file.findings
        if is_app_file(file) and not is_hub_file(file):
            # in a report a name may be masked with blanks in it
            masked = {value.place for value in file.variables.values() if "<" in value.text}
            setup.findings += [finding for finding in file.refused if finding.place not in masked]
    setup.env_files = _chain(read)
    counted = {file.path for file in setup.env_files}
    setup.aside = [file for file in read if file.path not in counted]


def _services(by_kind: Mapping[str, Sequence[Text]], setup: Setup) -> None:
    variables = {name: value for file in setup.env_files for name, value in file.variables.items()}
    written = sorted(by_kind.get("compose", []), key=lambda each: _layer(each.path))
    budget = Budget()
    found = [service for each in _documents(written, setup) for service in compose.services(each, variables, budget)]
    setup.findings += budget.findings()
    setup.charts = [chart for each in _documents(by_kind.get("helm", []), setup) for chart in helm.read(each)]
    cluster = kubernetes.read(list(_manifests(by_kind.get("kubernetes", []), setup)))
    setup.findings += cluster.findings
    setup.routes = cluster.routes
    composed = compose.merged(found)
    for service in composed:
        _left_to_the_shell(service, {each.path for each in by_kind.get("dotenv", [])})
    setup.services = [*composed, *(chart.service for chart in setup.charts), *cluster.services]
    setup.services += [*started.units(by_kind, setup), *started.images(by_kind, composed, setup)]
    for chart in setup.charts:
        setup.app |= chart.app


def _layer(path: str) -> int:
    """Which compose file goes over which: the base, its override, and those that are named with -f."""
    words = path.rpartition("/")[2].split(".")[1:-1]
    return 0 if not words else 1 if words == ["override"] else 2


def _chain(files: Sequence[EnvFile]) -> list[EnvFile]:
    """Those that count for production, in the order in which Symfony's Dotenv lets later ones win.

    That is .env, .env.local, .env.prod, .env.prod.local; other files with a name of their own come last.
    """
    said = [file.variables["APP_ENV"].text for file in files if "APP_ENV" in file.variables]
    chosen = {"prod", "production", *(said if "prod" not in said else ())}

    def weight(file: EnvFile) -> int | None:
        name = file.path.rpartition("/")[2]
        words = name.split(".")[2:] if name.startswith(".env") else None
        if words is None or words == ["local"]:
            return 1 if words else 4
        if not words:
            return 0
        return 1 + len(words) if words[0] in chosen else None

    weighed = [(place, file) for file in files for place in [weight(file)] if place is not None]
    return [file for _, file in sorted(weighed, key=lambda pair: pair[0])]


def _documents(files: Sequence[Text], setup: Setup) -> Iterator[Node]:
    for each in files:
        if isinstance(each.document, Finding):
            setup.findings.append(each.document)
        elif each.document is not None:
            yield each.document


def _left_to_the_shell(service: Service, paths: set[str]) -> None:
    """Take out what refers to variables of the shell, where no .env lies beside it that would have them."""
    folder = service.file.rpartition("/")[0]
    if "/".join(filter(None, [folder, ".env"])) in paths:
        return
    service.unset = {name: value for name, value in service.environment.items() if value.unset}
    service.passed |= service.unset.keys()
    service.environment = {name: value for name, value in service.environment.items() if not value.unset}


def _manifests(files: Sequence[Text], setup: Setup) -> Iterator[Node]:
    for each in files:
        documents = yamlfile.read_all(each.path, each.text)
        if isinstance(documents, Finding):
            setup.findings.append(documents)
        else:
            yield from documents


def _caddyfiles(files: Sequence[Text], setup: Setup) -> Iterator[Caddyfile]:
    for each in files:
        yield caddyfile.read(Value(each.text, Place(each.path, 1)), setup.hub)
    for service in setup.services:
        for target, content in service.configs.items():
            if target.endswith("Caddyfile"):
                yield caddyfile.read(content, setup.hub)


def _sides(setup: Setup) -> None:
    """Whose each variable is: the app's, the hub's, or both where one server is both."""
    hub_files = [file for file in setup.env_files if is_hub_file(file)]
    separate = [file for file in hub_files if not is_app_file(file)]
    for file in filter(is_app_file, setup.env_files):
        setup.app |= file.variables
    for file in separate or hub_files:
        setup.hub |= file.variables
    for service in setup.services:
        own: dict[str, Value] = {}
        for file in setup.env_files_of(service):
            own |= file.variables
        own |= service.environment
        if is_hub(service):
            setup.hub |= own
        # one server may be both
        if own.keys() & _APP:
            setup.app |= own
    images = [service.image.text for service in setup.hub_services if service.image]
    if setup.version is None:
        setup.version = next((tag for image in images if (tag := release(image))), None)


def _blocks(setup: Setup) -> Iterator[Block]:
    """Every mercure block, and what MERCURE_EXTRA_DIRECTIVES puts into one."""
    literal = False
    for file in setup.caddyfiles:
        for addresses, directives in file.sites:
            for block in _nested(directives):
                literal = True
                inner = tuple(each for each in block.block if not each.name.startswith("{$"))
                yield Block(_one_by_one(inner, setup), block.place, addresses, directives)
    extra = setup.hub.get("MERCURE_EXTRA_DIRECTIVES")
    if extra is not None and not literal:
        name = setup.hub.get("SERVER_NAME")
        addresses = tuple(Value(part, name.place) for part in split(name)) if name is not None else ()
        yield Block(_one_by_one(caddyfile.lines_of(extra), setup), extra.place, addresses, (), whole=False)


def _one_by_one(directives: tuple[Directive, ...], setup: Setup) -> tuple[Directive, ...]:
    """As hub 0.24 takes them; nobody has measured how 1.0 takes several on one line."""
    modern = setup.generation is not None and setup.generation >= (1, 0)
    return directives if modern else tuple(split_lines(directives))


def _nested(directives: Sequence[Directive], depth: int = 0) -> Iterator[Directive]:
    for each in directives:
        if each.name == "mercure" and each.opened:
            yield each
        elif depth < _DEEPEST:
            yield from _nested(each.block, depth + 1)


def _symfony(documents: Sequence[Node], setup: Setup) -> None:
    """The words of the bundle; where they name another variable than the recipe, or the value itself, that counts."""
    bundle = symfony.read(documents)
    setup.symfony |= bundle.words
    setup.findings += bundle.findings
    known = {name: value for file in setup.env_files for name, value in file.variables.items()}
    for service in setup.services:
        # one server may be both
        if not is_hub(service) or service.environment.keys() & _APP:
            known |= service.environment
    for word, variable in symfony.WORDS.items():
        said = setup.symfony.get(word)
        used = symfony.filled(said, known) if said is not None else None
        if used is not None:
            setup.app[variable] = used
