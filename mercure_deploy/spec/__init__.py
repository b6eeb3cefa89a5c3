"""The spec as frozen, typed values, and the rules between its fields; no YAML, no files."""

from mercure_deploy.spec.contradictions import Contradiction, contradictions
from mercure_deploy.spec.fields import duration_text
from mercure_deploy.spec.models import HUB_PATH, App, Environment, Hub, Keys, Spec

__all__ = ["HUB_PATH", "App", "Contradiction", "Environment", "Hub", "Keys", "Spec", "contradictions", "duration_text"]
