"""Several hubs behind one name: which of them takes a key, as each says its name in a header of the rendered site."""

from mercure_deploy.errors import typed
from mercure_deploy.hub.replies import Cause
from mercure_deploy.hub.tokens import nobodys_topic
from mercure_deploy.keys import Key
from mercure_deploy.probes import requests
from mercure_deploy.probes.engine import Asking
from mercure_deploy.targets.hub import INSTANCE

# of requests for each of several hubs: one that has its share is missed in two of a hundred runs at most
_EACH = 5


def refusing(ask: Asking, known: Key) -> Cause | None:
    """Which of several hubs refuse a key that others take, or are not heard; None where nothing is to be said."""
    replicas = ask.target.hub.replicas
    if replicas == 1:
        return None
    heard: dict[str, bool] = {}
    for _ in range(_EACH * replicas):
        topic = nobodys_topic()
        reply = requests.subscribe(ask, requests.token(ask, known, topic), topic)
        heard[reply.header(INSTANCE.lower())] = reply.status == 200
    heard.pop("", None)
    against = sorted(name for name, taken in heard.items() if not taken)
    if against and len(against) < len(heard):
        shown = ", ".join(typed(name, 60) for name in against)
        what = f"{len(against)} of {len(heard)} hubs that answered refuse the key {known.fingerprint}: {shown}"
        return Cause("key-mismatch", what, "the reload of the environment's README goes to each of them")
    if not against and len(heard) < replicas:
        what = f"{len(heard)} of {replicas} hubs were heard in {_EACH * replicas} answers"
        return Cause("proxy-not-routing", what, "do they all run, and does the proxy give each its share?")
    return None
