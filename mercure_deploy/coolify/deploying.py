"""Start what was written: the hub's container, and a deployment of each Application, followed to its end."""

from collections.abc import Mapping
from typing import Any

from mercure_deploy.coolify.client import ApiError, Client, Clock
from mercure_deploy.coolify.difference import Wanted
from mercure_deploy.coolify.instance import Application, Service
from mercure_deploy.coolify.writing import MARK
from mercure_deploy.errors import printable

# a build takes minutes, and waits for those before it
_LONGEST = 3600.0
_EVERY = 3.0
_ENDED = {"finished", "failed", "cancelled-by-user"}
_LINES = 15


class FailedError(Exception):
    """A deployment failed; the text says which, and the end of its log."""


def started(service: Service, wanted: Wanted) -> bool:
    """Whether what is written was started already, as far as that can be told: by a mark in a description of ours."""
    ours = service.description.startswith(MARK)
    return service.running and (not ours or service.description == f"{MARK} {wanted.mark}")


def remember(client: Client, service: Service, wanted: Wanted) -> None:
    """Leave the mark of what was started, where the description is ours or there is none."""
    if not service.description or service.description.startswith(MARK):
        client.send("PATCH", f"services/{service.uuid}", {"description": f"{MARK} {wanted.mark}"})


def start_hub(client: Client, service: Service) -> None:
    """Start it, or bring what is new into the running container; what is the same is left running."""
    if not service.running:
        try:
            client.send("POST", f"services/{service.uuid}/start")
        except ApiError as error:
            # it runs, whatever its status says: that lags
            if error.status != 400:
                raise
        else:
            return
    client.send("POST", f"services/{service.uuid}/applications/{service.container}/start")


def deploy(client: Client, name: str, application: Application) -> None:
    """Deploy an Application, and wait for the end. FailedError when it fails or never ends."""
    end = client.clock.now() + _LONGEST
    uuid = None
    while uuid is None:
        said = client.send("POST", f"applications/{application.uuid}/start")
        uuid = said.get("deployment_uuid") if isinstance(said, dict) else None
        if uuid is None:
            # one is queued that may have read the old variables: after it, another
            _wait(client.clock, end, f"{name}: waits for a deployment before it")
    while True:
        try:
            state: Mapping[str, Any] = client.record(f"deployments/{uuid}")
        except ApiError as error:
            # a queue that was full says a uuid all the same, of nothing
            if error.status != 404:
                raise
            state = {"status": "failed", "logs": "Coolify has no such deployment: is its queue full?"}
        if state.get("status") == "finished":
            return
        if state.get("status") in _ENDED:
            raise FailedError(f"{name}: the deployment of {application.name} {state.get('status')}{_log(state)}")
        _wait(client.clock, end, f"{name}: {state.get('status')}")


def _wait(clock: Clock, end: float, what: str) -> None:
    left = end - clock.now()
    if left <= 0:
        raise FailedError(f"{what}, for an hour")
    clock.waiting(what, left)
    clock.sleep(_EVERY)


def _log(state: Mapping[str, Any]) -> str:
    """The end of its log, without what Coolify hides."""
    import json  # noqa: PLC0415 - of a failure only

    said = state.get("logs")
    try:
        rows = json.loads(said) if isinstance(said, str) else []
    except (ValueError, RecursionError):
        rows = [{"output": said}]
    texts = [
        printable(line, 200)
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict) and not row.get("hidden")
        for line in str(row.get("output") or "").splitlines()
    ]
    return "".join(f"\n  {line}" for line in texts[-_LINES:])
