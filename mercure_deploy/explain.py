"""`explain`: the pages of the finding ids, `docs/findings/<id>.md`."""

from pathlib import Path

from mercure_deploy.errors import Trouble, closest, typed
from mercure_deploy.findings import IDS

# docs/ lies inside the package once it is installed, and beside it in a checkout
_HERE = Path(__file__).parent
_PLACES = (_HERE / "docs/findings", _HERE.parent / "docs/findings")


def page(id_: str) -> str:
    """The page of that id, Markdown. Trouble, with the closest id, for any other word."""
    if id_ not in IDS:
        known = sorted(IDS)
        raise Trouble(f"there is no finding {typed(id_)}", hint=closest(id_, known))
    place = next(place for place in _PLACES if place.is_dir())
    return (place / f"{id_}.md").read_text("utf-8")


def index() -> list[tuple[str, str]]:
    """(id, what it is) of all, sorted."""
    return [(id_, " ".join(page(id_).split("\n\n")[1].split())) for id_ in sorted(IDS)]
