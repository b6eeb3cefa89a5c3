"""Which model a path of the spec leads to, and where each word may stand: asked of the models, written down nowhere."""

from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mercure_deploy.spec.contradiction import Path
from mercure_deploy.spec.models import Spec

Model = type[BaseModel]


def model_at(path: Path) -> Model | None:
    """The model of the mapping at `path`; None where the spec has a value, a list, names of one's own or nothing."""
    here: Any = Spec
    for part in path:
        here = _below(here, part)
    return here if _is_model(here) else None


def homes(word: str, path: Path) -> list[str]:
    """Where else than in the mapping at `path` that word may stand, as in "below hub".

    A mapping that most specs do not have is named only where there is no other.
    """
    own = model_at(path)
    found = [each for each in _models(Spec, "into the first column") if each[1] is not own and word in _words(each[1])]
    usual = [place for place, _, optional in found if not optional]
    return usual or [place for place, *_ in found]


def together(word: str, others: Iterable[str]) -> bool:
    """Whether a spec may say that word in one mapping with any of the others."""
    found = [(model, optional) for _, model, optional in _models(Spec, "") if word in _words(model)]
    usual = [model for model, optional in found if not optional] or [model for model, _ in found]
    return any(not _words(model).isdisjoint(others) for model in usual)


def all_words() -> frozenset[str]:
    """Every word that a spec may say, whatever it stands below."""
    return frozenset(word for _, model, _ in _models(Spec, "") for word in _words(model))


def _models(model: Model, place: str, *, optional: bool = False) -> Iterator[tuple[str, Model, bool]]:
    """(where it stands, the model, whether it may be left out and has no default) of it and all below it."""
    yield place, model, optional
    for word, field in _fields(model).items():
        inner, named = _inner(field.annotation), False
        while get_origin(inner) is dict:
            inner, named = _inner(get_args(inner)[1]), True
        if _is_model(inner):
            absent = field.default is None
            yield from _models(inner, f"below {word}{'.<name>' if named else ''}", optional=optional or absent)


def _below(here: Any, part: str | int) -> Any:  # noqa: ANN401 - an annotation
    if _is_model(here):
        field = _fields(here).get(str(part))
        return _inner(field.annotation) if field else None
    return _inner(get_args(here)[1]) if get_origin(here) is dict else None


def _inner(annotation: Any) -> Any:  # noqa: ANN401
    """The annotation without what may be absent, and without its metadata."""
    while get_origin(annotation) in {Annotated, Union, UnionType}:
        annotation = next((each for each in get_args(annotation) if each is not type(None)), None)
    return annotation


def _is_model(annotation: Any) -> bool:  # noqa: ANN401
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _words(model: Model) -> frozenset[str]:
    return frozenset(_fields(model))


def _fields(model: Model) -> dict[str, FieldInfo]:
    """The fields by the words of the spec, of which some are words of Python too."""
    return {field.alias or name: field for name, field in model.model_fields.items()}
