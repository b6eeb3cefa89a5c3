"""What is rendered: every file of an environment, as a value; each module adds its kinds of files to the plan."""

from mercure_deploy.targets import apps, platforms, readme
from mercure_deploy.targets.plan import Deployment
from mercure_deploy.targets.platforms import app_path, foreign, platform, private_directories, variables_of

__all__ = [
    "Deployment",
    "app_path",
    "apps",
    "foreign",
    "platform",
    "platforms",
    "private_directories",
    "readme",
    "variables_of",
]
