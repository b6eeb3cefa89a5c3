"""`rotate-keys`: the next safe step, and the one that needs nobody, which stands above push."""

from mercure_deploy.rotation.steps import (
    Ask,
    Prove,
    Rotation,
    Said,
    Step,
    apps_out,
    now,
    refuse_foreign,
    said_moment,
    take,
    take_over,
)

__all__ = [
    "Ask",
    "Prove",
    "Rotation",
    "Said",
    "Step",
    "apps_out",
    "now",
    "refuse_foreign",
    "said_moment",
    "take",
    "take_over",
]
