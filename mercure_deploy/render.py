"""The one Jinja environment: a template and named values in, text out; every value passes a filter of its consumer."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mercure_deploy import quoting

_HERE = Path(__file__).parent


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
    )
    for consumer in ("caddy", "compose", "dotenv", "shell", "yaml"):
        environment.filters[consumer] = getattr(quoting, consumer)
    return environment


def render(template: str, **values: object) -> bytes:
    """The text of `templates/<template>` with these values, as UTF-8."""
    return _environment().get_template(template).render(values).encode()
