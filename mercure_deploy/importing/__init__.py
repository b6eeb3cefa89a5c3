"""`import`: from the files of a deployment that runs to a spec, and to a ring with the key that is in use."""

from mercure_deploy.importing.directives import Left
from mercure_deploy.importing.drafting import Said, draft, settled
from mercure_deploy.importing.keys import in_use

__all__ = ["Left", "Said", "draft", "in_use", "settled"]
