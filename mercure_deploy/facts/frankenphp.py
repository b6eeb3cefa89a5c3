"""FrankenPHP: which hub is in its image, as its releases say."""

import re
from typing import NamedTuple

# the first with hub 0.24, whose JWK Set trusts two keys at once; before it one is taken and refuses them all (measured)
_TWO_KEYS = (1, 12, 3)
# reported to carry hub 1.0
_MODERN = (1, 13, 0)
_RELEASE = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-[A-Za-z0-9._-]+)?")


class Judged(NamedTuple):
    """What an image of FrankenPHP is: a tag that moves ("" for none), a hub before 0.24, a hub that may be 1.0."""

    floating: str | None
    old: bool
    modern: bool


def judge(image: str) -> Judged:
    """What the tag of that image says, such as `dunglas/frankenphp:1.12.7-php8.4`; a digest alone says nothing."""
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    found = _RELEASE.fullmatch(tag)
    if found is None:
        return Judged(None if digest else tag, old=False, modern=False)
    release = tuple(map(int, found.groups()))
    return Judged(None, release < _TWO_KEYS, release >= _MODERN)


def two_keys(image: str | None) -> str | None:
    """Why the hub in that image is not known to trust two keys at once, None where it does; None is an untold image."""
    if image is None:
        return "the spec does not say which FrankenPHP it is"
    judged = judge(image)
    if judged.floating is not None:
        return f"the tag of {image} moves" if judged.floating else f"{image} has no tag"
    if judged.old:
        return f"the hub in {image} is older than 0.24: it would refuse both keys without a word"
    return None
