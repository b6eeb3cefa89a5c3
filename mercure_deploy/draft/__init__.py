"""A spec from nothing or from what is there: typed words, files, an instance of Coolify; and the ring with its key."""

from mercure_deploy.draft.directives import Left
from mercure_deploy.draft.files import Said, draft, settled
from mercure_deploy.draft.keys import in_use

__all__ = ["Left", "Said", "draft", "in_use", "settled"]
