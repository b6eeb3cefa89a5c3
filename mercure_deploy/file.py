"""One file to be written: a value, not yet on disk."""

from dataclasses import dataclass, field

PUBLIC = 0o644
SECRET = 0o600


@dataclass(frozen=True)
class File:
    """`path` relative to the output root with `/` between its parts; `content` never shows in a repr."""

    path: str
    content: bytes = field(repr=False)
    mode: int = PUBLIC

    @property
    def secret(self) -> bool:
        """Whether only its owner may read it."""
        return self.mode == SECRET
