"""A file of somebody's, with what its reader makes of it."""

from dataclasses import dataclass, field
from functools import cached_property

from mercure_deploy.findings import Finding
from mercure_deploy.readers import dotenv, kinds, yamlfile
from mercure_deploy.readers.places import EnvFile
from mercure_deploy.readers.yamlfile import Node


@dataclass(frozen=True)
class Text:
    """A file of somebody's. What its reader makes of it is made once, when it is first asked for."""

    path: str
    kind: kinds.Kind
    text: str = field(repr=False)

    @property
    def folder(self) -> str:
        """Where it lies."""
        return self.path.rpartition("/")[0]

    @cached_property
    def env(self) -> EnvFile:
        """It as an env file."""
        return dotenv.read(self.path, self.text)

    @cached_property
    def document(self) -> Node | Finding | None:
        """It as YAML."""
        return yamlfile.read(self.path, self.text)
