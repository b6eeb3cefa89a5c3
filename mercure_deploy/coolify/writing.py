"""Bring an instance to what it ought to have; when that fails, what was there before is there again."""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from mercure_deploy.coolify.client import ApiError, Client, LostError, NotDoneError, uuid_of
from mercure_deploy.coolify.difference import HUB, Change, Wanted
from mercure_deploy.coolify.instance import CONTAINER, look, of_service, variables
from mercure_deploy.coolify.values import Instance, Place, Service, Variable
from mercure_deploy.facts.hubs import KEY_VARIABLES

# what a Service that push makes is described as; a person may write something else there
_DESCRIPTION = "the Mercure hub, by mercure-deploy"
# Coolify deletes a Service in its queue: how often that is looked at, and after how many seconds
_LOOKS = 20
_EVERY = 3.0
_Step = Callable[[], object]


class _Undo:
    """What takes back what was done, the latest first."""

    def __init__(self) -> None:
        self._steps: list[_Step] = []

    def add(self, step: _Step) -> None:
        self._steps.append(step)

    def run(self) -> bool:
        """Take everything back that can be, and whether that was all; a step that fails keeps no other from it."""
        whole = True
        while self._steps:
            try:
                self._steps.pop()()
            except NotDoneError:
                whole = False
        return whole


def write(place: Place, instance: Instance, wanted: Wanted, changes: Sequence[Change]) -> Instance:
    """Make the changes; what is there afterwards. ApiError or LostError, and everything as before, when one fails."""
    client, undo = place.client, _Undo()
    hub_undo = undo
    try:
        if any(change.kind == "create" for change in changes):
            instance = _created(place, instance, wanted, undo)
            # it goes as a whole
            hub_undo = _Undo()
        service = instance.service
        if service:
            _service(client, service, wanted, [change for change in changes if change.target == HUB], hub_undo)
        for app, application in instance.apps.items():
            own = [change for change in changes if change.target == app]
            path = f"applications/{application.uuid}"
            _set(client, path, application.variables, own, undo)
            _delete(client, path, application.variables, own, undo)
        return look(place)
    except NotDoneError as error:
        error.put_back = undo.run()
        raise
    except BaseException:
        undo.run()
        raise


def take_back(client: Client, before: Instance, after: Instance, changes: Sequence[Change]) -> bool:
    """Put back what was there, after a write that did not arrive as it was sent; whether that was all of it."""
    undo = _Undo()
    made = after.service if before.service is None else None
    if made:
        undo.add(lambda: _gone(client, made.uuid))
    if before.service:
        _undo_service(client, before.service, undo)
        _undo_rows(client, f"services/{before.service.uuid}", before.service.variables, changes, HUB, undo)
    for app, application in before.apps.items():
        _undo_rows(client, f"applications/{application.uuid}", application.variables, changes, app, undo)
    return undo.run()


def _created(place: Place, instance: Instance, wanted: Wanted, undo: _Undo) -> Instance:
    """The instance with the new Service. A second one is never made: after a lost answer it is looked for by name."""
    body = {
        "project_uuid": instance.project,
        "server_uuid": instance.server,
        "environment_name": instance.environment,
        "name": instance.service_name,
        "description": _DESCRIPTION,
        "docker_compose_raw": _coded(wanted.compose),
        **_domain(CONTAINER, wanted.urls),
    }
    try:
        uuid = uuid_of(place.client.send("POST", "services", body, again=False))
    except LostError:
        there = look(place).service
        if there is None:
            raise
        uuid = there.uuid
    undo.add(lambda: _gone(place.client, uuid))
    found = look(place)
    if found.service is None or found.service.uuid != uuid:
        raise ApiError(404, "the Service that was created is not there")
    return found


def _gone(client: Client, uuid: str) -> None:
    """Delete a Service, and wait: for a while it answers as if it were there (measured). LostError if it stays."""
    client.send("DELETE", f"services/{uuid}")
    for _ in range(_LOOKS):
        try:
            client.record(f"services/{uuid}")
        except ApiError as error:
            if error.status == 404:
                return
            raise
        client.clock.waiting("the Service that was made is being deleted", _LOOKS * _EVERY)
        client.clock.sleep(_EVERY)
    raise LostError("the Service that was made is not deleted yet")


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _service(client: Client, service: Service, wanted: Wanted, changes: Iterable[Change], undo: _Undo) -> None:
    own = list(changes)
    kinds = {change.kind for change in own}
    path = f"services/{service.uuid}"
    # variables first, and those that go last: at no moment does the compose file name one that is not there
    _set(client, path, service.variables, own, undo)
    if kinds & {"compose", "domain"}:
        # a domain that is taken is refused after the rest was stored (measured): so it is put back whatever happens
        _undo_compose(client, service, undo)
        if _another(service):
            # the domain moves to another container, and is taken as long as the old one has it
            client.send("PATCH", path, _domain(service.container_name, ""))
        body: dict[str, object] = {"docker_compose_raw": _coded(wanted.compose)} if "compose" in kinds else {}
        client.send("PATCH", path, {**body, **_domain(CONTAINER, wanted.urls)})
        if _another(service):
            # the file before had another container; ours has just been made, with the flags of a new one
            service = replace(service, container=of_service(client, service.uuid).container)
            kinds |= {"gzip"} if wanted.strip else {"gzip", "strip"}
    flags = {"gzip": "is_gzip_enabled", "strip": "is_stripprefix_enabled"}
    off = {word: False for kind, word in flags.items() if kind in kinds}
    if off:
        container = f"{path}/applications/{service.container}"
        before = {"is_gzip_enabled": service.gzip, "is_stripprefix_enabled": service.strip}
        undo.add(lambda: client.send("PATCH", container, before))
        client.send("PATCH", container, off)
    _delete(client, path, service.variables, own, undo)


def _another(service: Service) -> bool:
    """Whether its container is not ours: of a file that somebody wrote."""
    return service.container_name not in {"", CONTAINER}


def _domain(container: str, url: str) -> dict[str, object]:
    return {"urls": [{"name": container, "url": url}]}


def _undo_compose(client: Client, service: Service, undo: _Undo) -> None:
    path = f"services/{service.uuid}"
    body: dict[str, object] = {"docker_compose_raw": _coded(service.compose)} if service.compose else {}
    domain = _domain(service.container_name, service.urls) if service.container_name else {}
    undo.add(lambda: client.send("PATCH", path, {**body, **domain}))
    if _another(service):
        undo.add(lambda: client.send("PATCH", path, _domain(CONTAINER, "")))


def _undo_service(client: Client, service: Service, undo: _Undo) -> None:
    container = f"services/{service.uuid}/applications/{service.container}"
    flags = {"is_gzip_enabled": service.gzip, "is_stripprefix_enabled": service.strip}
    undo.add(lambda: client.send("PATCH", container, flags))
    _undo_compose(client, service, undo)


def _set(client: Client, resource: str, rows: Sequence[Variable], changes: Sequence[Change], undo: _Undo) -> None:
    values = {change.key: change.value for change in changes if change.kind == "set"}
    if values:
        _undo_set(client, resource, rows, values, undo)
        data = [_row(key, value) for key, value in values.items()]
        client.send("PATCH", f"{resource}/envs/bulk", {"data": data})
        if resource.startswith("applications/"):
            _copies(client, resource, rows, values)


def _delete(client: Client, resource: str, rows: Sequence[Variable], changes: Sequence[Change], undo: _Undo) -> None:
    by_uuid = {row.uuid: row for row in rows}
    for change in changes:
        if change.kind == "delete":
            row = by_uuid[change.uuid]
            if not row.preview:
                undo.add(_setting(client, resource, row))
            _deleted(client, f"{resource}/envs/{change.uuid}")


def _copies(client: Client, resource: str, before: Sequence[Variable], values: Mapping[str, str]) -> None:
    """Delete the copies for previews that Coolify made of new secrets: nobody would ever change them."""
    known = {row.uuid for row in before}
    for row in variables(client, resource):
        copied = row.preview and row.uuid not in known and row.value == values.get(row.key)
        if copied and KEY_VARIABLES.fullmatch(row.key):
            _deleted(client, f"{resource}/envs/{row.uuid}")


def _setting(client: Client, resource: str, row: Variable) -> _Step:
    return lambda: client.send("PATCH", f"{resource}/envs/bulk", {"data": [_as_it_was(row)]})


def _deleted(client: Client, path: str) -> None:
    try:
        client.send("DELETE", path)
    except ApiError as error:
        if error.status != 404:
            raise


def _row(key: str, value: str) -> dict[str, object]:
    """With every flag: what is left out is reset for an Application, and kept for a Service (measured)."""
    return _as_it_was(Variable("", key, value, literal=True, buildtime=False, multiline="\n" in value))


def _as_it_was(row: Variable) -> dict[str, object]:
    return {
        "key": row.key,
        "value": row.value or "",
        "is_literal": row.literal,
        "is_multiline": row.multiline,
        "is_shown_once": row.shown_once,
        "is_preview": row.preview,
        "is_runtime": row.runtime,
        "is_buildtime": row.buildtime,
    }


def _undo_set(client: Client, resource: str, rows: Sequence[Variable], values: Mapping[str, str], undo: _Undo) -> None:
    """Old values come back, new rows go; what was hidden cannot come back, and is let be."""
    before = {row.key: row for row in rows if not row.preview}
    old = [replace(before[key]) for key in values if key in before and not before[key].hidden]
    new = [key for key in values if key not in before]
    known = {row.uuid for row in rows}

    def back() -> None:
        if old:
            client.send("PATCH", f"{resource}/envs/bulk", {"data": [_as_it_was(row) for row in old]})
        if new:
            for row in variables(client, resource):
                if row.key in new and row.uuid not in known:
                    _deleted(client, f"{resource}/envs/{row.uuid}")

    undo.add(back)


def _undo_rows(  # noqa: PLR0913, PLR0917 - one side of an instance
    client: Client, resource: str, rows: Sequence[Variable], changes: Sequence[Change], target: str, undo: _Undo
) -> None:
    own = [change for change in changes if change.target == target]
    values = {change.key: change.value for change in own if change.kind == "set"}
    gone = [row for row in rows if row.uuid in {change.uuid for change in own if change.kind == "delete"}]
    kept = [row for row in gone if not row.preview]
    if kept:
        data = [_as_it_was(row) for row in kept]
        undo.add(lambda: client.send("PATCH", f"{resource}/envs/bulk", {"data": data}))
    if values:
        _undo_set(client, resource, rows, values, undo)
