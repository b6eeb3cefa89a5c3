"""A Coolify instance for tests: the part of its API that push asks, with the habits of a running 4.3.11.

What it answers is held against recordings in `tests/coolify/test_fake.py`. A start is handed to `on_start`, so that a
push can end in a real hub.
"""

import base64
import binascii
import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from answering import answering
from conftest import MINIMAL
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

ALL = frozenset({"read", "write", "deploy", "read:sensitive"})
Json = Any
_FLAGS = ("is_literal", "is_multiline", "is_shown_once")
_MORE = ("is_preview", "is_buildtime", "is_runtime")
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)")


class Refused(Exception):  # noqa: N818 - an answer
    """An answer that is no success."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(status)
        self.status, self.body = status, body


def invalid(**errors: object) -> Refused:
    return Refused(422, {"message": "Validation failed.", "errors": errors})


def fresh() -> str:
    return "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(24))


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass
class Variable:
    key: str
    value: str | None
    flags: dict[str, bool]
    uuid: str = field(default_factory=fresh)
    updated: str = field(default_factory=now)

    def row(self, *, sensitive: bool) -> Json:
        said: dict[str, Json] = {
            "uuid": self.uuid,
            "key": self.key,
            "version": "4.3.11",
            "created_at": self.updated,
            "updated_at": self.updated,
        }
        if self.flags["is_shown_once"]:
            return {**said, **{name: self.flags[name] for name in ("is_buildtime", "is_runtime", "is_shown_once")}}
        said |= {"comment": None, **self.flags}
        if sensitive:
            real = f"'{self.value}'" if self.flags["is_literal"] and self.value is not None else self.value or ""
            said |= {"value": self.value, "real_value": real}
        return said


@dataclass
class Resource:
    """A Service, or an Application: then `compose` is None."""

    name: str
    environment: str
    compose: str | None = None
    description: str = ""
    fqdn: str = ""
    gzip: bool = True
    strip: bool = True
    status: str = "exited"
    uuid: str = field(default_factory=fresh)
    container: str = field(default_factory=fresh)
    container_name: str = "mercure"
    # containers of earlier compose files, which Coolify keeps
    left: list[Json] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    # how often it still answers after it was deleted
    dying: int | None = None
    # what runs: the variables and the compose file with which it was started last
    started: dict[str, str] = field(default_factory=dict)
    started_compose: str = ""
    log: str = '{"level":"info","ts":0,"msg":"serving initial configuration"}\n'

    def variable(self, key: str, *, preview: bool = False) -> Variable | None:
        return next((v for v in self.variables if v.key == key and v.flags["is_preview"] == preview), None)

    def value(self, key: str) -> str | None:
        found = self.variable(key)
        return found.value if found else None


@dataclass
class Deployment:
    """One in the queue; `preview` is the number of its pull request, 0 in production."""

    application: Resource
    status: str = "queued"
    uuid: str = field(default_factory=fresh)
    # whole seconds, unlike the times of variables (measured)
    created: str = field(default_factory=lambda: now()[:19] + ".000000Z")
    preview: int = 0


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


# what is done instead of an answer: see `Coolify.fault`
Fault = Callable[[Asked, int], str | None]


class Coolify:
    """The instance. `tokens` are abilities by token; `fault` says what goes wrong with a request, by its number."""

    def __init__(self) -> None:
        self.tokens: dict[str, frozenset[str]] = {"1|token-of-all-abilities-0123456789": ALL}
        self.enabled = True
        self.project, self.environment, self.server = fresh(), fresh(), fresh()
        self.project_name, self.environment_name, self.server_name = "shop", "production", "localhost"
        self.compose_version = "2.26.1"
        # how often a Service still answers after its deletion was asked for
        self.lag = 0
        self.resources: list[Resource] = []
        self.deployments: list[Deployment] = []
        self.asked: list[Asked] = []
        self.fault: Fault = lambda _asked, _number: None
        self.on_start: Callable[[Resource], None] = lambda _service: None
        self.on_deploy: Callable[[Resource], bool] = lambda _application: True
        # a start waits in a queue; so many requests later it happens, and where the worker stands still it never does
        self.queue: list[tuple[int, Resource]] = []
        self.wait, self.worker = 2, True
        # whether `up` fails: then the old container runs on
        self.failing_up = False
        # how many requests there were, or looks at what runs
        self.turn = 0
        # how many requests the status stays behind what is (up to a minute on a running one)
        self.late = 0
        self.statuses: list[tuple[int, Resource, str]] = []
        # roles of the user whose token it is
        self.role = "owner"
        # what is said of the server when it does not answer
        self.functional = True
        self.lock = threading.RLock()

    @property
    def token(self) -> str:
        return next(iter(self.tokens))

    def services(self) -> list[Resource]:
        return [each for each in self.resources if each.compose is not None]

    def applications(self) -> list[Resource]:
        return [each for each in self.resources if each.compose is None]

    def add(self, name: str, *, compose: str | None = None, **values: str) -> Resource:
        made = Resource(name, self.environment_name, compose)
        made.variables = [Variable(key, value, flags()) for key, value in values.items()]
        self.resources.append(made)
        return made

    # --- one request ---------------------------------------------------------------------------------------------

    def answer(self, asked: Asked) -> tuple[int, Json]:
        with self.lock:
            try:
                return self._answer(asked)
            except Refused as refused:
                return refused.status, refused.body

    def work(self) -> None:
        """What waited in the queue long enough happens."""
        due = [each for each in self.queue if each[0] <= self.turn] if self.worker else []
        self.queue = [each for each in self.queue if each not in due]
        for _, service in due:
            self._happen(service)
        for each in [each for each in self.statuses if each[0] <= self.turn]:
            self.statuses.remove(each)
            each[1].status = each[2]

    def _happen(self, service: Resource) -> None:
        if self.failing_up:
            # seen as nothing but a status, and that only where nothing ran before
            return
        service.started = {each.key: each.value or "" for each in service.variables}
        service.started_compose = str(service.compose)
        self.on_start(service)
        self.statuses.append((self.turn + self.late, service, "running:healthy"))

    def mark(self) -> str | None:
        """What the hub that runs says of itself, as who asks it sees it; some time goes by meanwhile."""
        self.tick()
        running = [each.started_compose for each in self.services() if each.name == "mercure-production"]
        found = re.search(r"respond /mercure-deploy ([0-9a-f]{16})", running[0]) if running else None
        return found[1] if found else None

    def tick(self) -> None:
        """Some time goes by."""
        with self.lock:
            self.turn += 1
            self.work()

    def _answer(self, asked: Asked) -> tuple[int, Json]:
        self.tick()
        split = urlsplit(asked.path)
        parts = [unquote(part) for part in split.path.removeprefix("/api/v1/").split("/")]
        if parts == ["health"] or split.path == "/api/health":
            return 200, "OK"
        if not split.path.startswith("/api/v1/"):
            raise Refused(404, {"message": "Not found.", "docs": "https://coolify.io/docs"})
        abilities = self.tokens.get(asked.headers.get("authorization", "").removeprefix("Bearer "))
        if abilities is None:
            raise Refused(401, {"message": "Unauthenticated."})
        if not self.enabled:
            raise Refused(403, {"success": True, "message": "API is disabled."})
        if "root" in abilities:
            abilities = ALL
        handler, needed = self._route(asked.method, parts)
        if needed not in abilities:
            raise Refused(403, {"message": f"Missing required permissions: {needed}"})
        if self.role == "member" and needed in {"write", "deploy"}:
            raise Refused(403, {"message": "Missing required team role."})
        body = self._body(asked, parts)
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        return handler(parts, body, abilities, query)

    def _route(self, method: str, parts: list[str]) -> tuple[Callable[..., tuple[int, Json]], str]:
        path = "/".join(parts)
        for verb, pattern, name, needed in ROUTES:
            if verb == method and re.fullmatch(pattern, path):
                return getattr(self, name), needed
        if method == "GET" and re.search(r"/(start|restart|stop)$|^deploy$", path):
            raise Refused(405, {"message": "This endpoint has changed to a POST request."})
        raise Refused(404, {"message": "Not found.", "docs": "https://coolify.io/docs"})

    def _body(self, asked: Asked, parts: list[str]) -> Json:
        if asked.method not in {"POST", "PATCH"} or parts[-1] in {"start", "restart", "stop", "deploy"}:
            return None
        single = parts[-1] == "envs" and parts[0] == "services"
        if not asked.headers.get("content-type", "").startswith("application/json") and not single:
            raise Refused(400, {"message": "Invalid request.", "error": "Content-Type must be application/json."})
        try:
            said = json.loads(asked.body or "{}")
        except ValueError:
            if single:
                return {}
            raise Refused(400, {"message": "Invalid request.", "error": "Invalid JSON."}) from None
        if not said and not single:
            raise Refused(400, {"message": "Invalid request.", "error": "Empty JSON."})
        return said

    # --- what is where -------------------------------------------------------------------------------------------

    def version(self, *_: Json) -> tuple[int, Json]:
        return 200, "4.3.11"

    def projects(self, *_: Json) -> tuple[int, Json]:
        return 200, [{"id": 1, "uuid": self.project, "name": self.project_name, "description": ""}]

    def one_project(self, parts: list[str], *_: Json) -> tuple[int, Json]:
        self._in_project(parts[1])
        row = {"id": 1, "uuid": self.environment, "name": self.environment_name}
        return 200, {"id": 1, "uuid": self.project, "name": self.project_name, "environments": [row]}

    def one_environment(self, parts: list[str], *_: Json) -> tuple[int, Json]:
        self._in_project(parts[1])
        if parts[2] not in {self.environment, self.environment_name}:
            raise Refused(404, {"message": "Environment not found."})
        # full rows, as far as anybody looks at them
        services = [{**self._listed(e), "applications": [*e.left, self._container(e)]} for e in self.services()]
        applications = [{**self._listed(e), "fqdn": e.fqdn or None} for e in self.applications()]
        row = {"id": 1, "uuid": self.environment, "name": self.environment_name}
        return 200, {**row, "services": services, "applications": applications}

    @staticmethod
    def _listed(each: Resource) -> dict[str, Json]:
        return {"uuid": each.uuid, "name": each.name, "status": each.status, "description": each.description}

    def _in_project(self, word: str) -> None:
        if word != self.project:
            raise Refused(404, {"message": "Project not found."})

    def servers(self, _parts: Json, _body: Json, abilities: frozenset[str], _query: Json) -> tuple[int, Json]:
        settings: dict[str, Json] = {"compose_version": self.compose_version, "docker_version": "26.1.5"}
        if "read:sensitive" in abilities:
            settings["sentinel_token"] = "a-secret-of-others"
        return 200, [{"uuid": self.server, "name": self.server_name, "settings": settings}]

    def _service(self, word: str) -> Resource:
        found = next((each for each in self.services() if each.uuid == word), None)
        if found and found.dying is not None:
            # its deletion waits in a queue
            found.dying -= 1
            if found.dying < 0:
                self.resources.remove(found)
                found = None
        if found is None:
            raise Refused(404, {"message": "Service not found."})
        return found

    def _application(self, word: str) -> Resource:
        found = next((each for each in self.applications() if each.uuid == word), None)
        if found is None:
            raise Refused(404, {"message": "Application not found."})
        return found

    def list_services(self, _parts: Json, _body: Json, abilities: frozenset[str], _query: Json) -> tuple[int, Json]:
        return 200, [self._service_row(each, abilities) for each in self.services()]

    def get_service(self, parts: list[str], _body: Json, abilities: frozenset[str], _query: Json) -> tuple[int, Json]:
        return 200, self._service_row(self._service(parts[1]), abilities)

    def _service_row(self, each: Resource, abilities: frozenset[str]) -> Json:
        said = {
            "uuid": each.uuid,
            "name": each.name,
            "description": each.description,
            "status": each.status,
            "applications": [*each.left, self._container(each)],
        }
        return {**said, "docker_compose_raw": each.compose} if "read:sensitive" in abilities else said

    @staticmethod
    def _container(each: Resource) -> Json:
        return {
            "uuid": each.container,
            "name": each.container_name,
            "fqdn": each.fqdn or None,
            "status": each.status,
            "is_gzip_enabled": each.gzip,
            "is_stripprefix_enabled": each.strip,
        }

    def containers(self, parts: list[str], *_: Json) -> tuple[int, Json]:
        return 200, [self._container(self._service(parts[1]))]

    def one_container(self, parts: list[str], *_: Json) -> tuple[int, Json]:
        return 200, self._container(self._in_service(parts))

    def _in_service(self, parts: list[str]) -> Resource:
        service = self._service(parts[1])
        if parts[3] != service.container:
            raise Refused(404, {"message": "Service application not found."})
        return service

    def get_logs(self, parts: list[str], _body: Json, _abilities: Json, query: Mapping[str, str]) -> tuple[int, Json]:
        service = self._service(parts[1])
        if "sub_service_name" not in query:
            raise Refused(400, {"message": "Sub service name is required."})
        if query["sub_service_name"] != service.container_name or not service.started_compose:
            raise Refused(404, {"message": "Container not found."})
        if not service.status.startswith("running"):
            raise Refused(400, {"message": "Container is not running."})
        return 200, {"logs": service.log}

    def list_applications(self, *_: Json) -> tuple[int, Json]:
        return 200, [{"uuid": each.uuid, "name": each.name, "status": each.status} for each in self.applications()]

    def get_application(self, parts: list[str], *_: Json) -> tuple[int, Json]:
        each = self._application(parts[1])
        return 200, {"uuid": each.uuid, "name": each.name, "status": each.status, "fqdn": each.fqdn}

    # --- changing a Service --------------------------------------------------------------------------------------

    def create_service(self, _parts: Json, body: Json, *_: Json) -> tuple[int, Json]:
        known = (
            "project_uuid server_uuid environment_name environment_uuid name description docker_compose_raw urls"
            " instant_deploy force_domain_override destination_uuid type"
        ).split()
        unknown = [name for name in body if name not in known]
        if unknown:
            raise invalid(**{name: ["This field is not allowed."] for name in unknown})
        missing = [name for name in ("project_uuid", "server_uuid") if not body.get(name)]
        if missing:
            raise invalid(**{name: [f"The {name.replace('_', ' ')} field is required."] for name in missing})
        compose = self._compose(body.get("docker_compose_raw"))
        self._in_project(body["project_uuid"])
        if body["server_uuid"] != self.server:
            raise Refused(404, {"message": "Server not found."})
        if body.get("environment_name", self.environment_name) != self.environment_name:
            raise Refused(404, {"message": "Environment not found."})
        urls = self._urls(body.get("urls"), None, force=bool(body.get("force_domain_override")))
        made = Resource(body.get("name") or f"service-{fresh()[:6]}", self.environment_name, compose)
        made.description, made.fqdn = body.get("description") or "", urls or ""
        self.resources.append(made)
        self._made_by_compose(made)
        return 201, {"uuid": made.uuid, "domains": [urls] if urls else []}

    def _compose(self, coded: Json) -> str:
        wrong = invalid(docker_compose_raw="The docker_compose_raw should be base64 encoded.")
        if not isinstance(coded, str) or not coded:
            raise wrong
        try:
            text = base64.b64decode(coded, validate=True).decode()
        except (ValueError, binascii.Error):
            raise wrong from None
        try:
            said = YAML(typ="safe").load(text)
        except YAMLError:
            raise Refused(500, {"message": "Server Error"}) from None
        if not isinstance(said, dict) or "services" not in said:
            raise invalid(docker_compose_raw="Invalid Docker Compose content.")
        return text

    def _urls(self, urls: Json, own: Resource | None, *, force: bool) -> str | None:
        """The domains in that list; None where it is not said."""
        if urls is None:
            return None
        if not isinstance(urls, list):
            raise invalid(urls=["The urls field must be an array."])
        said = ",".join(str(each.get("url") or "") for each in urls)
        for each in urls:
            if each.get("name") != (own.container_name if own else "mercure"):
                raise invalid(urls=["Service container not found."])
        for url in filter(None, said.split(",")):
            if not re.match(r"https?://", url):
                raise invalid(urls=[f"Invalid URL: {url}"])
            taken = next((each for each in self.resources if each is not own and url in each.fqdn.split(",")), None)
            if taken and not force:
                message = "Domain conflicts detected. Use force_domain_override=true to proceed."
                conflict = {"domain": url, "resource_name": taken.name, "resource_uuid": taken.uuid}
                raise Refused(409, {"message": message, "conflicts": [conflict], "warning": ""})
        return said

    @staticmethod
    def _containers_of_compose(service: Resource) -> None:
        """A container of another name is another one, with the flags of a new one; the one before stays listed."""
        names = list(YAML(typ="safe").load(service.compose)["services"])
        if not names or service.container_name in names:
            return
        old = {row["name"]: row for row in service.left}
        service.left.append(Coolify._container(service))
        row = old.get(names[0], {})
        service.left = [each for each in service.left if each["name"] != names[0]]
        service.container_name, service.container = names[0], row.get("uuid") or fresh()
        service.fqdn = row.get("fqdn") or ""
        service.gzip, service.strip = row.get("is_gzip_enabled", True), row.get("is_stripprefix_enabled", True)

    def _made_by_compose(self, service: Resource) -> None:
        """The variables that the compose file refers to are created, without a value."""
        for key in _REFERENCE.findall(service.compose or ""):
            if not service.variable(key):
                service.variables.append(Variable(key, None, flags()))

    def patch_service(self, parts: list[str], body: Json, *_: Json) -> tuple[int, Json]:
        service = self._service(parts[1])
        known = (
            "name description instant_deploy docker_compose_raw connect_to_docker_network urls force_domain_override"
        )
        unknown = [name for name in body if name not in known.split()]
        if unknown:
            raise invalid(**{name: ["This field is not allowed."] for name in unknown})
        if "docker_compose_raw" in body:
            service.compose = self._compose(body["docker_compose_raw"])
            self._made_by_compose(service)
            self._containers_of_compose(service)
        service.name = body.get("name", service.name)
        service.description = body.get("description", service.description)
        # what is above is stored, be the domain refused
        urls = self._urls(body.get("urls"), service, force=bool(body.get("force_domain_override")))
        if urls is not None:
            service.fqdn = urls
        return 200, {"uuid": service.uuid, "domains": [service.fqdn] if service.fqdn else []}

    def delete_service(self, parts: list[str], *_: Json) -> tuple[int, Json]:
        service = self._service(parts[1])
        if self.lag:
            service.dying = self.lag
        else:
            self.resources.remove(service)
        return 200, {"message": "Service deletion request queued."}

    def patch_container(self, parts: list[str], body: Json, *_: Json) -> tuple[int, Json]:
        service = self._in_service(parts)
        words = {"is_gzip_enabled": "gzip", "is_stripprefix_enabled": "strip"}
        for name, value in body.items():
            if name not in {*words, "url", "is_force_https_enabled"}:
                raise invalid(**{name: ["This field is not allowed."]})
            if name in words and value not in {True, False}:
                raise invalid(**{name: [f"The {name} field must be true or false."]})
        for name, word in words.items():
            if name in body:
                setattr(service, word, bool(body[name]))
        return 200, self._container(service)

    # --- variables -----------------------------------------------------------------------------------------------

    def _holder(self, parts: list[str]) -> Resource:
        return self._service(parts[1]) if parts[0] == "services" else self._application(parts[1])

    def get_envs(self, parts: list[str], _body: Json, abilities: frozenset[str], _query: Json) -> tuple[int, Json]:
        sensitive = "read:sensitive" in abilities
        return 200, [each.row(sensitive=sensitive) for each in self._holder(parts).variables]

    def bulk(self, parts: list[str], body: Json, abilities: frozenset[str], _query: Json) -> tuple[int, Json]:
        holder = self._holder(parts)
        data = body.get("data") if isinstance(body, dict) else None
        if not data:
            raise Refused(400, {"message": "Bulk data is required."})
        if not isinstance(data, list):
            if holder.compose is None:
                raise invalid(data=["The data field must be an array."])
            raise Refused(500, {"message": "Server Error"})
        rows = []
        for item in data:
            # not atomic: what comes before an invalid one is stored
            self._valid(item)
            rows.append(self._set(holder, item).row(sensitive="read:sensitive" in abilities))
        return 201, rows

    def _valid(self, item: Json) -> None:
        if not isinstance(item, dict) or not item.get("key"):
            raise invalid(key=["This field is required."])
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", str(item["key"]).strip()):
            raise invalid(key=["The key field format is invalid."])
        if item.get("value") is not None and not isinstance(item["value"], str):
            raise invalid(value=["The value field must be a string."])
        for name in _FLAGS:
            if name in item and not isinstance(item[name], bool):
                raise invalid(**{name: [f"The {name} field must be true or false."]})

    def _set(self, holder: Resource, item: Json) -> Variable:
        key, preview = item["key"].strip(), bool(item.get("is_preview"))
        value = (item.get("value") or "").strip()
        found = holder.variable(key, preview=preview)
        said = {name: bool(item[name]) for name in (*_FLAGS, *_MORE) if name in item}
        if found is None:
            found = Variable(key, value, flags(**said))
            holder.variables.append(found)
            if holder.compose is None and not preview and not holder.variable(key, preview=True):
                # an Application gets a copy for its previews, which nothing updates
                holder.variables.append(Variable(key, value, {**found.flags, "is_preview": True}))
            return found
        kept = found.flags if holder.compose is not None else {**found.flags, **dict.fromkeys(_FLAGS, False)}
        if holder.compose is None and any(found.flags[name] and name not in item for name in _FLAGS[1:]):
            raise Refused(500, {"message": "Server Error"})
        found.flags = {**kept, **said}
        if "value" in item or holder.compose is None:
            found.value = value
        found.updated = now()
        return found

    def post_env(self, parts: list[str], body: Json, abilities: frozenset[str], _query: Json) -> tuple[int, Json]:
        holder = self._holder(parts)
        self._valid(body)
        if holder.variable(body["key"]):
            message = "Environment variable already exists. Use PATCH request to update it."
            raise Refused(409, {"message": message})
        made = self._set(holder, {name: value for name, value in body.items() if name not in _MORE})
        return 201, made.row(sensitive="read:sensitive" in abilities)

    def delete_env(self, parts: list[str], *_: Json) -> tuple[int, Json]:
        holder = self._holder(parts)
        found = next((each for each in holder.variables if each.uuid == parts[3]), None)
        if found is None:
            raise Refused(404, {"message": "Environment variable not found."})
        holder.variables.remove(found)
        return 200, {"message": "Environment variable deleted."}

    # --- starting ------------------------------------------------------------------------------------------------

    def start_service(self, parts: list[str], *_: Json) -> tuple[int, Json]:
        service = self._service(parts[1])
        if not self.functional:
            raise Refused(400, {"message": "Server is not functional."})
        if service.status.startswith("running") or (service.started_compose and self.late):
            raise Refused(400, {"message": "Service is already running."})
        self._up(service)
        return 200, {"message": "Service starting request queued."}

    def restart_service(self, parts: list[str], *_: Json) -> tuple[int, Json]:
        self._up(self._service(parts[1]))
        return 200, {"message": "Service restarting request queued."}

    def stop_service(self, parts: list[str], *_: Json) -> tuple[int, Json]:
        service = self._service(parts[1])
        if service.status == "exited":
            raise Refused(400, {"message": "Service is already stopped."})
        service.status = "exited"
        return 200, {"message": "Service stopping request queued."}

    def start_container(self, parts: list[str], *_: Json) -> tuple[int, Json]:
        if not self.functional:
            raise Refused(400, {"message": "Server is not functional."})
        self._up(self._in_service(parts))
        return 200, {"message": "Service application deploy request queued."}

    def _up(self, service: Resource) -> None:
        """200 `queued`: what becomes of it shows only in what answers afterwards."""
        self.queue.append((self.turn + self.wait, service))

    def start_application(self, parts: list[str], _body: Json, _abilities: Json, query: Json) -> tuple[int, Json]:
        application = self._application(parts[1])
        waiting = any(
            each.application is application and not each.preview and each.status in {"queued", "in_progress"}
            for each in self.deployments
        )
        if waiting and query.get("force") != "true":
            return 200, {"message": "Deployment already queued for this commit."}
        made = Deployment(application)
        self.deployments.append(made)
        return 200, {"message": "Deployment request queued.", "deployment_uuid": made.uuid}

    def get_deployment(self, parts: list[str], *_: Json) -> tuple[int, Json]:
        found = next((each for each in self.deployments if each.uuid == parts[1]), None)
        if found is None:
            raise Refused(404, {"message": "Deployment not found."})
        self._on(found)
        log = json.dumps([{"output": "the end of its log", "hidden": False}, {"output": "a-secret", "hidden": True}])
        return 200, {"deployment_uuid": found.uuid, "status": found.status, "created_at": found.created, "logs": log}

    def _on(self, deployment: Deployment) -> None:
        """A step further each time that somebody looks."""
        if deployment.status == "queued":
            deployment.status = "in_progress"
        elif deployment.status == "in_progress":
            deployment.application.started = {
                each.key: each.value or "" for each in deployment.application.variables if not each.flags["is_preview"]
            }
            deployment.status = "finished" if self.on_deploy(deployment.application) else "failed"

    def of_application(self, parts: list[str], *_: Json) -> tuple[int, Json]:
        application = self._application(parts[2])
        rows = [each for each in reversed(self.deployments) if each.application is application]
        said = [
            {
                "deployment_uuid": each.uuid,
                "status": each.status,
                "created_at": each.created,
                "pull_request_id": each.preview,
            }
            for each in rows
        ]
        return 200, {"count": len(said), "deployments": said}


def flags(**said: bool) -> dict[str, bool]:
    return {**dict.fromkeys((*_FLAGS, "is_preview"), False), "is_buildtime": True, "is_runtime": True, **said}


_U = r"[^/]+"
ROUTES = [
    ("GET", "version", "version", "read"),
    ("GET", "projects", "projects", "read"),
    ("GET", f"projects/{_U}", "one_project", "read"),
    ("GET", f"projects/{_U}/(?!envs|environments){_U}", "one_environment", "read"),
    ("GET", "servers", "servers", "read"),
    ("GET", "services", "list_services", "read"),
    ("POST", "services", "create_service", "write"),
    ("GET", f"services/{_U}", "get_service", "read"),
    ("GET", f"services/{_U}/logs", "get_logs", "read"),
    ("PATCH", f"services/{_U}", "patch_service", "write"),
    ("DELETE", f"services/{_U}", "delete_service", "write"),
    ("GET", f"services/{_U}/applications", "containers", "read"),
    ("GET", f"services/{_U}/applications/{_U}", "one_container", "read"),
    ("PATCH", f"services/{_U}/applications/{_U}", "patch_container", "write"),
    ("POST", f"services/{_U}/applications/{_U}/start", "start_container", "deploy"),
    ("POST", f"services/{_U}/start", "start_service", "deploy"),
    ("POST", f"services/{_U}/restart", "restart_service", "deploy"),
    ("POST", f"services/{_U}/stop", "stop_service", "deploy"),
    ("GET", "applications", "list_applications", "read"),
    ("GET", f"applications/{_U}", "get_application", "read"),
    ("POST", f"applications/{_U}/start", "start_application", "deploy"),
    ("GET", f"(services|applications)/{_U}/envs", "get_envs", "read"),
    ("POST", f"(services|applications)/{_U}/envs", "post_env", "write"),
    ("PATCH", f"(services|applications)/{_U}/envs/bulk", "bulk", "write"),
    ("DELETE", f"(services|applications)/{_U}/envs/{_U}", "delete_env", "write"),
    ("GET", f"deployments/applications/{_U}", "of_application", "read"),
    ("GET", f"deployments/{_U}", "get_deployment", "read"),
]


@contextmanager
def ticking(fake: Coolify) -> Iterator[None]:
    """Time goes by for the queue, whether somebody asks the API or not."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(0.3):
            fake.tick()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def serving(coolify: Coolify) -> Iterator[str]:
    """The instance over HTTP on loopback; its URL.

    A fault is `before` (no answer, nothing done), `lost` (done, no answer), a status such as `500`, or `half`: of a
    bulk the first half is stored, and the rest refused; `says …` is done instead: nothing, and that is answered.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # one packet an answer: two wait for each other
        wbufsize = 65_536

        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, self.rfile.read(length).decode())
            with coolify.lock:
                coolify.asked.append(asked)
                fault = coolify.fault(asked, len(coolify.asked))
            if fault == "before":
                self.close_connection = True
                return
            if fault == "half":
                said = json.loads(asked.body)
                half = {"data": [*said["data"][: len(said["data"]) // 2], {"key": "not valid!", "value": "x"}]}
                asked = Asked(asked.method, asked.path, headers, json.dumps(half))
            if fault and fault.startswith("says "):
                self._say(200, fault.removeprefix("says "))
                return
            if fault and fault.isdigit():
                self._say(int(fault), {"message": "Too Many Attempts." if fault == "429" else "Server Error"})
                return
            status, body = coolify.answer(asked)
            if fault == "lost":
                self.close_connection = True
                return
            self._say(status, body)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _do  # noqa: N815 - the names of the library

        def _say(self, status: int, body: Json) -> None:
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if status == 429:
                self.send_header("Retry-After", "1")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            return

    with answering(Handler) as port:
        yield f"http://127.0.0.1:{port}"


def specification(url: str, hub: str = "", more: str = "") -> str:
    """A spec for that instance; `hub` and `more` are lines of the hub and of the environment, as they stand there."""
    words = f"    coolify:\n      url: {url}\n      project: shop\n      apps: {{app: shop}}\n"
    return MINIMAL.replace("    apps:\n", f"{hub}    apps:\n") + more + words


def put(service: Resource, folder: Path) -> None:
    """What Coolify writes on its server before it starts that Service."""
    (folder / "docker-compose.yaml").write_text(str(service.compose))
    # a literal value stands between single quotes as it is (measured)
    (folder / "hub.env").write_text("".join(f"{each.key}='{each.value or ''}'\n" for each in service.variables))
