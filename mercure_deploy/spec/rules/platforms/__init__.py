"""What each platform allows in a spec; what it renders is the business of its module in `targets`.

A module has `WORDS`, those of `hub` that not every platform knows, `DELIVERIES`, and `rules` for the rest.
"""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import get_args

from mercure_deploy.errors import closest
from mercure_deploy.spec.contradiction import Contradiction
from mercure_deploy.spec.models import Environment, Platform

# the words that every platform knows
_COMMON = frozenset("url version cookie_name anonymous subscriptions directives issuer legacy_clients email".split())
_IDS = {"port": "port-conflict", "bind": "port-conflict", "tls": "tls-mode-mismatch"}
_IDS |= {"replicas": "transport-not-shared", "transport": "transport-not-shared", "internal_url": "internal-url-wrong"}


@cache
def _named(name: str) -> ModuleType:
    return import_module(f"{__name__}.{name}")


def modules() -> dict[str, ModuleType]:
    """The module of each platform; those of others than a spec has are read only where a word is at the wrong one."""
    return {name: _named(name) for name in get_args(Platform)}


def rules(env: Environment) -> Iterator[Contradiction]:
    """What is at odds with the platform of an environment."""
    module = _named(env.platform)
    yield from _foreign(env, module.WORDS)
    if "delivery" in module.WORDS and env.delivery not in module.DELIVERIES:
        homes = " and ".join(name for name, each in modules().items() if env.delivery in each.DELIVERIES)
        what = f"delivery: {env.delivery} is for {homes} only"
        yield Contradiction(("hub", "delivery"), what, None, "leave it out")
        return
    yield from module.rules(env)
    yield from _instance(env)


def _foreign(env: Environment, known: frozenset[str]) -> Iterator[Contradiction]:
    """Words of `hub` that are for other platforms."""
    for word in sorted(env.hub.model_fields_set - known - _COMMON):
        if getattr(env.hub, word) != type(env.hub).model_fields[word].default:
            homes = [name for name, module in modules().items() if word in module.WORDS]
            what = f"{word} is for {' and '.join(filter(None, [', '.join(homes[:-1]), homes[-1]]))} only"
            yield Contradiction(("hub", word), what, _IDS.get(word), "leave it out")


def _instance(env: Environment) -> Iterator[Contradiction]:
    """Where push finds things, which only Coolify has."""
    if env.coolify is None:
        return
    if env.platform != "coolify":
        yield Contradiction(("coolify",), "is for platform: coolify only", None, "leave it out")
    if env.coolify.url.scheme != "https" and not env.coolify.url.is_local:
        what = "the API token and every key go there in plain http"
        yield Contradiction(("coolify", "url"), what, "secret-exposure", "https://, with a certificate", "warning")
    owners: dict[str, str] = {}
    for name, application in env.coolify.apps.items():
        if name not in env.apps:
            hint = closest(name, env.apps, names="the apps are")
            yield Contradiction(("coolify", "apps", name), "there is no such app above", None, hint)
        first = owners.setdefault(application, name)
        if first != name:
            what = f"is the Application of {first} already: two apps have different variables"
            yield Contradiction(("coolify", "apps", name), what, None, "one Application for each app")
