"""What is rendered: one function for each kind of file, and the plan of them all; decides everything, writes nothing.

    @target
    def caddyfile(d: Deployment) -> Iterator[File]: ...

A target yields files with paths within the environment's folder. With a ring that is known from its manifest alone
the content of secret files is not to be used.
"""

# each import adds its targets to the plan
from mercure_deploy.targets import apps, people, platforms
from mercure_deploy.targets.planning import Deployment, plan
from mercure_deploy.targets.platforms import platform, private_directories

__all__ = ["Deployment", "apps", "people", "plan", "platform", "platforms", "private_directories"]
