"""A value with the place where it stands, and what a file of each kind is made of; no reading here."""

from dataclasses import dataclass, field

from mercure_deploy.findings import Finding, Place


@dataclass(slots=True, unsafe_hash=True)
class Value:
    """Text as its reader sees it. `raw` is how it was written, where that differs.

    Neither shows in a repr: it may be a key. `indent` is how far each line of it but the first stands from the left,
    `assumed` whether it is a default, which a variable that no file knows may replace; `unset` whether it
    refers to a variable that no file has.
    """

    text: str = field(repr=False)
    place: Place
    raw: str | None = field(default=None, repr=False)
    indent: int = 0
    assumed: bool = False
    unset: bool = False

    @property
    def start(self) -> Place:
        """Where the text itself begins, behind a quote."""
        return self.place._replace(column=self.place.column + (self.raw or "").startswith(("'", '"')))


@dataclass(frozen=True)
class Directive:
    """A directive of a Caddyfile with its arguments and its block."""

    name: str
    place: Place
    arguments: tuple[Value, ...] = ()
    block: tuple["Directive", ...] = ()
    opened: bool = False


@dataclass
class Caddyfile:
    """`sites` are (addresses, directives); `options` the global ones. `findings` are what Caddy would refuse."""

    path: str
    options: tuple[Directive, ...] = ()
    sites: list[tuple[tuple[Value, ...], tuple[Directive, ...]]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass
class EnvFile:
    """`variables` in the order of the file; a name that is said twice has its last value.

    `refused` is what Symfony does not take, and the other readers do; `beyond` are the names of values whose
    references would stand for too much, and are not filled in.
    """

    path: str
    variables: dict[str, Value] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    refused: list[Finding] = field(default_factory=list)
    beyond: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Route:
    """A path of an Ingress or HTTPRoute: its host ("" for all), and the Service and its port that it leads to.

    `exact` is whether it is that path alone, `notes` are the annotations.
    """

    host: str
    path: str
    exact: bool
    to: str
    port: Value | None
    place: Place
    notes: dict[str, Value]


@dataclass
class Service:
    """One service of a compose file, or the hub of a Helm chart (`charted`).

    `ports` are (host port or None, container port) with their place; `passed` are the names of variables that come
    from outside, with values that no file knows, `aliases` other names among containers, `others` the words of a
    service that say nothing of a hub's settings (labels, networks, limits), where they stand.

    Of a container of Kubernetes (`cluster`): `mapped` are the ports of its Services with those of the container,
    `fleeting` the folders that go with the pod, `rolling` where two pods want one volume at a time. `open` is whether
    it has variables that no file names. `build` is the Dockerfile that it is built from, relative to its own file,
    `one_replica` the words for a single one, `unset` are variables that refer to what the shell alone may have.
    """

    file: str
    name: str
    place: Place
    image: Value | None = None
    command: Value | None = None
    healthcheck: Value | None = None
    environment: dict[str, Value] = field(default_factory=dict)
    env_files: list[Value] = field(default_factory=list)
    ports: list[tuple[int | None, int, Place]] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    configs: dict[str, Value] = field(default_factory=dict)
    replicas: Value | None = None
    one_replica: str = "replicas: 1"
    aliases: set[str] = field(default_factory=set)
    labels: dict[str, Value] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    charted: bool = False
    host_network: bool = False
    cluster: bool = False
    mapped: dict[int, int] = field(default_factory=dict)
    fleeting: list[str] = field(default_factory=list)
    rolling: Place | None = None
    open: bool = False
    build: str | None = None
    others: dict[str, Place] = field(default_factory=dict)
    unset: dict[str, Value] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """Those by which other containers reach it."""
        return self.aliases if self.cluster else {self.name, *self.aliases}

    def builds(self, path: str) -> bool:
        """Whether it is built from the Dockerfile at that path; `build` is that path as far as the file says it."""
        if self.build is None or self.image is not None:
            return False
        folder = self.file.rpartition("/")[0]
        return path == "/".join(filter(None, [folder, self.build]))

    @property
    def reached(self) -> str:
        """The name that others are to use."""
        return min(self.aliases, key=len, default=self.name) if self.cluster else self.name
