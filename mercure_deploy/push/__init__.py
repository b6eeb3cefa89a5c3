"""`push`: what an environment's README asks a person to do in Coolify, done by its API, read back, and proved."""

from mercure_deploy.push.plan import Done, Plan, Remote, Where, Wish, behind, lines, row, state
from mercure_deploy.push.steps import able, advice, carry_out, deployment, log, mark_url, plan, prove, seen, wanted

__all__ = [
    "Done",
    "Plan",
    "Remote",
    "Where",
    "Wish",
    "able",
    "advice",
    "behind",
    "carry_out",
    "deployment",
    "lines",
    "log",
    "mark_url",
    "plan",
    "prove",
    "row",
    "seen",
    "state",
    "wanted",
]
