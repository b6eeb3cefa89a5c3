"""Start what was written: the hub's container, and a deployment of each Application, followed to its end."""

from collections.abc import Mapping
from typing import Any

from mercure_deploy.coolify.client import ApiError, Client
from mercure_deploy.coolify.values import Application, Service
from mercure_deploy.errors import printable

# a build takes minutes, and waits for those before it
_LONGEST = 3600.0
_EVERY = 3.0
_ENDED = {"finished", "failed", "cancelled-by-user"}
_LINES = 15


def start_hub(client: Client, service: Service) -> None:
    """Start it, or bring what is new into the running container; what is the same is left running."""
    if not service.running:
        try:
            client.send("POST", f"services/{service.uuid}/start")
        except ApiError as error:
            # it runs, whatever its status says: that lags
            if error.status != 400 or "not functional" in error.message:
                raise
        else:
            return
    client.send("POST", f"services/{service.uuid}/applications/{service.container}/start")


def deploy_all(client: Client, apps: Mapping[str, Application]) -> tuple[dict[str, str], list[str]]:
    """Deploy Applications, all at once, and wait for the end of each: their deployments by name, and what failed."""
    end = client.clock.now() + _LONGEST
    begun = {name: _begun(client, application) for name, application in apps.items()}
    done: dict[str, str] = {}
    failed: dict[str, str] = {}
    while waited := [name for name in apps if name not in {*done, *failed}]:
        said = []
        for name in waited:
            uuid = begun[name]
            if uuid is None:
                # one is queued that may have read the old variables: after it, another
                begun[name] = _begun(client, apps[name])
                said.append(f"{name}: waits for a deployment before it")
                continue
            state = _state(client, uuid)
            if state.get("status") == "finished":
                done[name] = uuid
            elif state.get("status") in _ENDED:
                failed[name] = f"{name}: the deployment of {apps[name].name} {state.get('status')}{_log(state)}"
            else:
                said.append(f"{name}: {printable(str(state.get('status')), 40)}")
        if said and client.clock.now() >= end:
            failed |= {name: f"{name}: no end, for an hour" for name in waited if name not in {*done, *failed}}
        elif said:
            client.clock.waiting("; ".join(said), end - client.clock.now())
            client.clock.sleep(_EVERY)
    return done, list(failed.values())


def _begun(client: Client, application: Application) -> str | None:
    """The deployment that was begun, None while another one waits in the queue."""
    said = client.send("POST", f"applications/{application.uuid}/start")
    uuid = said.get("deployment_uuid") if isinstance(said, dict) else None
    return uuid if isinstance(uuid, str) else None


def _state(client: Client, uuid: str) -> Mapping[str, Any]:
    try:
        return client.record(f"deployments/{uuid}")
    except ApiError as error:
        # a queue that was full says a uuid all the same, of nothing
        if error.status != 404:
            raise
        return {"status": "failed", "logs": "Coolify has no such deployment: is its queue full?"}


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
