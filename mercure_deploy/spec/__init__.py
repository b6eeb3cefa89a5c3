"""The words of the spec: from bytes to frozen, typed values without a contradiction, or to every problem at once."""

from mercure_deploy.spec.contradiction import Contradiction
from mercure_deploy.spec.fields import duration, duration_text
from mercure_deploy.spec.hub import Hub
from mercure_deploy.spec.loading import LARGEST, Loaded, load
from mercure_deploy.spec.models import App, Environment, Keys, Spec, schema_text
from mercure_deploy.spec.rules.fields import contradictions

__all__ = [
    "LARGEST",
    "App",
    "Contradiction",
    "Environment",
    "Hub",
    "Keys",
    "Loaded",
    "Spec",
    "contradictions",
    "duration",
    "duration_text",
    "load",
    "schema_text",
]
