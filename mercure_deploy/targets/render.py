"""The one Jinja environment: a template and named values in, text out; every value passes a filter of its consumer."""

import os
import sys
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined, Template

from mercure_deploy import __version__
from mercure_deploy.facts import quoting

_HERE = Path(__file__).parent.parent


@cache
def _environment() -> Environment:
    # templates/ lies inside the package once it is installed, and beside it in a checkout
    places = [str(_HERE / "templates"), str(_HERE.parent / "templates")]
    environment = Environment(  # noqa: S701 - nothing here is HTML
        loader=FileSystemLoader(places),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
        bytecode_cache=_bytecode(),
    )
    for consumer in ("caddy", "compose", "dotenv", "php", "quoted", "shell", "yaml"):
        environment.filters[consumer] = getattr(quoting, consumer)
    return environment


def _bytecode() -> FileSystemBytecodeCache | None:
    """Compiled templates, beside the compiled modules and under the same rules."""
    folder = _HERE / "__pycache__"
    if sys.dont_write_bytecode or not os.access(folder, os.W_OK):
        return None
    return FileSystemBytecodeCache(str(folder), f"{__version__}-%s.template")


def render(template: str, **values: object) -> bytes:
    """The text of `templates/<template>` with these values, as UTF-8."""
    return _template(template).render(values).encode()


def source(name: str) -> str:
    """The text of `templates/<name>` as it is, for what has braces of its own."""
    loader = _environment().loader
    return loader.get_source(_environment(), name)[0] if loader else ""


@cache
def _template(name: str) -> Template:
    return _environment().get_template(name)
