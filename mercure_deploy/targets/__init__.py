"""What is rendered: every file of an environment, as a value; each module adds its kinds of files to the plan."""

from mercure_deploy.targets import apps, platforms, readme
from mercure_deploy.targets.plan import Deployment
from mercure_deploy.targets.platforms import platform, private_directories

__all__ = ["Deployment", "apps", "platform", "platforms", "private_directories", "readme"]
