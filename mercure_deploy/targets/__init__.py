"""What is rendered: one function for each kind of file, and the plan of them all; decides everything, writes nothing.

    @target
    def caddyfile(d: Deployment) -> Iterator[File]: ...

A target yields files with paths within the environment's folder. With a ring that is known from its manifest alone
the content of secret files is not to be used.

The names are handed out when somebody asks for one: who only knows files, as `disk` does, imports no template engine.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mercure_deploy.targets.planning import Deployment, plan
    from mercure_deploy.targets.platforms import platform, private_directories

__all__ = ["Deployment", "plan", "platform", "private_directories"]

_HOMES = {"Deployment": "planning", "plan": "planning", "platform": "platforms", "private_directories": "platforms"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(name)
    # each of these adds its targets to the plan
    for module in ("apps", "people", "platforms"):
        import_module(f"{__name__}.{module}")
    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    # from now on it is found at once
    globals()[name] = found
    return found
