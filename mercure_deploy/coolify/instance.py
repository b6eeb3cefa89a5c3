"""What an instance has: the hub's Service, the Applications, their variables; read, and nothing written."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from mercure_deploy.coolify.client import ApiError, Client, rows_of, uuid_of
from mercure_deploy.coolify.refusals import lacking
from mercure_deploy.coolify.values import Application, Instance, Place, Service, Variable
from mercure_deploy.errors import Problem, Trouble, printable
from mercure_deploy.spec.models import Coolify
from mercure_deploy.spec.yaml import parse

# compose files with the text of a config in them (measured)
_COMPOSE = (2, 23, 1)
# the hub in our compose file
CONTAINER = "mercure"


def look(place: Place) -> Instance:
    """What is there.

    Trouble for what is not there, or is there twice, and for a token that may not read, all at once.
    """
    client, name, words = place.client, place.name, place.words
    servers = _readable(client)
    uuid = uuid_of(_one("project", words.project, client.rows("projects")))
    here = words.environment or name
    try:
        listed = client.record(f"projects/{uuid}/{quote(here, safe='')}")
    except ApiError as error:
        if error.status != 404:
            raise
        hint = f"create it in Coolify, or say another one: environment, in coolify of {name}"
        raise Trouble(f"the project {words.project} has no environment {here}", hint=hint) from None
    service_name = words.service or f"mercure-{name}"
    services, applications = rows_of(listed.get("services")), rows_of(listed.get("applications"))
    found = _some("Service", service_name, services)
    apps = _apps(client, words, applications, [each for each in place.apps if each in words.apps])
    service = of_service(client, uuid_of(found)) if found else None
    _not_hidden(client, servers, [*(service.variables if service else ()), *_all(apps)])
    server = _server(words, servers, made=service is None)
    there = [row for row in servers if row.get("uuid") == server] or (servers if len(servers) == 1 else [])
    return Instance(uuid, str(listed.get("name", here)), server, service_name, service, apps, _engine(there))


def _engine(servers: Sequence[Mapping[str, Any]]) -> int | None:
    settings = servers[0].get("settings") if servers else None
    version = str(settings.get("docker_version") or "") if isinstance(settings, dict) else ""
    major = version.partition(".")[0]
    return int(major) if major.isdecimal() else None


def _readable(client: Client) -> list[dict[str, Any]]:
    """The servers. Trouble when the token may not read them."""
    try:
        return client.rows("servers")
    except ApiError as error:
        if error.lacking is None:
            raise
        raise lacking(client.url, ["read", "read:sensitive", *unable(client)]) from None


def _all(apps: Mapping[str, Application]) -> Iterable[Variable]:
    return (row for each in apps.values() for row in each.variables)


def _not_hidden(client: Client, servers: Iterable[Mapping[str, Any]], rows: Iterable[Variable]) -> None:
    """Trouble when the token may not see what is secret.

    Variables tell it; where there are none, a field of the servers that only those see who may see secrets (4.3.11).
    """
    shown = [not row.hidden for row in rows if not row.shown_once]
    settings = [row["settings"] for row in servers if isinstance(row.get("settings"), dict)]
    if not any(shown) and (shown or (settings and not any("sentinel_token" in each for each in settings))):
        raise lacking(client.url, ["read:sensitive", *unable(client)])


def unable(client: Client) -> list[str]:
    """Which of the abilities to write and to deploy the token lacks: they are looked at before the uuid is."""
    found = []
    for ability, method, path in (("write", "PATCH", "services/none"), ("deploy", "POST", "services/none/start")):
        try:
            client.send(method, path, {"name": "none"} if method == "PATCH" else None)
        except ApiError as error:
            if error.lacking:
                found.append(ability)
            elif error.of_a_member:
                return [*found, "a role of admin or owner in the team"]
    return found


def _some(kind: str, word: str, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The one of that name or uuid, None when there is none. Trouble for several: nobody tells them apart."""
    found = [row for row in rows if row.get("uuid") == word] or [row for row in rows if row.get("name") == word]
    if len(found) > 1:
        uuids = ", ".join(str(row.get("uuid")) for row in found)
        raise Trouble(f"there are {len(found)} of the name {word}: {kind}s", hint=f"say which by its uuid: {uuids}")
    return found[0] if found else None


def _one(kind: str, word: str, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    found = _some(kind, word, rows)
    if found is None:
        names = ", ".join(sorted({printable(str(row.get("name")), 60) for row in rows})[:20])
        raise Trouble(f"there is no {kind} {word}", hint=f"there are: {names}" if names else f"create that {kind}")
    return found


def _server(words: Coolify, servers: Sequence[Mapping[str, Any]], *, made: bool) -> str:
    """The uuid of the server for a new Service. Trouble where nobody said which, or its compose is too old."""
    if not made and words.server is None:
        return ""
    if words.server is None and len(servers) != 1:
        names = ", ".join(printable(str(row.get("name")), 60) for row in servers[:20])
        raise Trouble("which server is the hub to run on", hint=f"say server in coolify: {names}")
    server = _one("server", words.server, servers) if words.server else servers[0]
    settings = server.get("settings")
    version = str(settings.get("compose_version") or "") if isinstance(settings, dict) else ""
    parts = tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
    if parts and parts < _COMPOSE:
        what = f"docker compose {version} of {server.get('name')} knows no configs with a text in them"
        raise Trouble(what, hint="upgrade docker there, to compose 2.23.1 or newer")
    return uuid_of(server)


def logs(place: Place, lines: int) -> str:
    """The last lines that the hub's container wrote. Trouble where there is no hub, or none that runs."""
    instance = look(place)
    if instance.service is None:
        raise Trouble(f"Coolify has no Service {instance.service_name}", hint=f"mercure-deploy push {place.name}")
    try:
        said = place.client.record(f"services/{instance.service.uuid}/logs?sub_service_name={CONTAINER}&lines={lines}")
    except ApiError as error:
        # of a container that has ended, and of one that never was
        if error.status not in {400, 404}:
            raise
        raise Trouble(f"the hub of {place.name} does not run", hint="start it in Coolify, or with push") from None
    return str(said.get("logs") or "")


def of_service(client: Client, uuid: str) -> Service:
    """One Service with its variables. ApiError or LostError when it cannot be read."""
    said = client.record(f"services/{uuid}")
    text = str(said.get("docker_compose_raw") or "")
    container = _container(rows_of(said.get("applications")), text)
    status = str(container.get("status") or said.get("status") or "")
    return Service(
        uuid,
        str(said.get("name")),
        text,
        str(said.get("description") or ""),
        str(container.get("uuid") or ""),
        str(container.get("name") or ""),
        str(container.get("fqdn") or ""),
        bool(container.get("is_gzip_enabled")),
        bool(container.get("is_stripprefix_enabled")),
        not status.startswith("exited") and status != "",
        variables(client, f"services/{uuid}"),
    )


def _container(rows: Sequence[Mapping[str, Any]], compose: str) -> Mapping[str, Any]:
    """The hub's: ours if the compose file has it, else the first that it has; those of earlier files stay listed."""
    said = parsed(compose)
    services = said.get("services") if isinstance(said, dict) else None
    names = {str(name) for name in services} if isinstance(services, dict) else set()
    live = [row for row in rows if row.get("name") in names] or list(rows)
    return next((row for row in live if row.get("name") == CONTAINER), live[0] if live else {})


def parsed(compose: str) -> object:
    """A compose file as YAML; the text itself where nobody can read it: that is another file than ours."""
    try:
        return parse(compose, "compose")
    except Trouble:
        return compose


def variables(client: Client, resource: str) -> tuple[Variable, ...]:
    """The variables of a Service or an Application, preview rows too."""
    return tuple(_variable(row) for row in client.rows(f"{resource}/envs") if row.get("key"))


def _variable(row: Mapping[str, Any]) -> Variable:
    value = row.get("value")
    return Variable(
        uuid_of(row),
        str(row["key"]),
        str(value) if value is not None else None,
        bool(row.get("is_literal")),
        bool(row.get("is_buildtime")),
        bool(row.get("is_runtime", True)),
        bool(row.get("is_multiline")),
        bool(row.get("is_shown_once")),
        bool(row.get("is_preview")),
        "value" not in row,
        str(row.get("updated_at") or ""),
    )


def _apps(
    client: Client, words: Coolify, listed: Sequence[Mapping[str, Any]], wanted: Sequence[str]
) -> dict[str, Application]:
    """The Applications of the wanted apps. Trouble, all at once, for those that are not there."""
    found: dict[str, Application] = {}
    problems: list[Problem] = []
    for name in wanted:
        word = words.apps[name]
        try:
            row = _some("Application", word, listed) or _elsewhere(client, word)
        except Trouble as error:
            problems += error.problems
            continue
        if row is None:
            names = ", ".join(printable(str(each.get("name")), 60) for each in listed[:20])
            what = f"there is no Application {word} for the app {name}"
            problems.append(Problem(what, f"there are: {names}" if names else "create it in Coolify first"))
            continue
        uuid = uuid_of(row)
        rows = variables(client, f"applications/{uuid}")
        urls = str(row.get("fqdn") or "")
        found[name] = Application(uuid, str(row.get("name")), rows, _deployed(client, uuid), urls)
    if problems:
        raise Trouble(*problems)
    return found


def _deployed(client: Client, uuid: str) -> tuple[tuple[str, str], ...]:
    """The deployments that ended well: those of previews are listed, too, and are of another container."""
    rows = rows_of(client.record(f"deployments/applications/{uuid}?skip=0&take=50").get("deployments"))
    own = [row for row in rows if row.get("status") == "finished" and not row.get("pull_request_id")]
    return tuple((str(row.get("deployment_uuid")), str(row.get("created_at"))) for row in own)


def _elsewhere(client: Client, word: str) -> Mapping[str, Any] | None:
    """An Application of another project or environment, by its uuid alone."""
    try:
        said = client.record(f"applications/{word}") if word.isalnum() else None
    except ApiError as error:
        if error.status != 404:
            raise
        return None
    return said if said and said.get("uuid") == word else None
