"""What the API refuses, or does not answer, as what a user is told: what it was, and how to go on."""

from collections.abc import Sequence

from mercure_deploy.coolify.client import ABILITIES, ApiError, LostError, NotDoneError
from mercure_deploy.errors import Trouble
from mercure_deploy.facts.origins import Origin

_LATER = "is it up? Run the same again later"
_CURES = {
    "resolve": "coolify.url in the spec: the name is wrong, or known elsewhere only",
    "tls": "a certificate for that name; or --cacert with the authority of your own",
    "connect": "is it up, and may this machine reach it?",
}


def trouble(error: NotDoneError, url: Origin, doing: str, then: str | None = None) -> Trouble:
    """What a user is told; `doing` is what was asked for, `then` how to go on."""
    state = _state(error) or then
    if isinstance(error, LostError):
        hint = state or _CURES.get(error.part or "", _LATER)
        return Trouble(f"{url} does not answer: {error}, while {doing}", hint=hint)
    known = _known(error, url, doing, state) if isinstance(error, ApiError) else None
    return known or Trouble(f"{url} refused {doing}: {error}", hint=state)


def _known(error: ApiError, url: Origin, doing: str, state: str | None) -> Trouble | None:
    """A refusal whose cause is known."""
    told: list[tuple[bool, str, str | None]] = [
        (error.status == 401, f"{url} does not know that token", f"COOLIFY_TOKEN, made at {url}/security/api-tokens"),
        (
            error.status == 403 and "API is disabled" in error.message,
            f"{url}: the API is switched off",
            f"switch it on at {url}/settings/advanced",
        ),
        (
            error.of_a_member,
            "the user of the token is a member of the team, and may neither write nor deploy",
            f"{url}/team: an admin or an owner of the team has to make the token",
        ),
        (
            "not functional" in error.message,
            f"{url}: the server does not answer to Coolify",
            state or "look at it under Servers there: Validate",
        ),
    ]
    if error.lacking:
        return lacking(url, [error.lacking])
    if error.owner:
        return _taken(error.owner, url, doing, state)
    return next((Trouble(what, hint=hint) for holds, what, hint in told if holds), None)


def _taken(owner: str, url: Origin, doing: str, state: str | None) -> Trouble:
    """A domain that another resource has, be it the hub's Service under another name."""
    uuid = owner.rpartition("(")[2].rstrip(")")
    hint = f"say service: {uuid} in coolify of the spec if that is the hub's, else take its domain away in Coolify"
    what = f"{url} refused {doing}: the domain belongs to {owner} already"
    return Trouble(what, hint=f"{hint}; {state}" if state else hint)


def _state(error: NotDoneError) -> str | None:
    """In what state that leaves the instance."""
    if error.put_back is None:
        return None
    if error.put_back:
        return "what was there before is there again; run push once more"
    return "not all of what was there before could be put back: run push again before anything is started in Coolify"


def lacking(url: Origin, abilities: Sequence[str]) -> Trouble:
    """All that the token must be allowed to do besides."""
    said = ", ".join(dict.fromkeys(abilities))
    hint = f"{url}/security/api-tokens: a token with {', '.join(ABILITIES)}; tick deploy first, it clears the others"
    return Trouble(f"the token may not do all that push needs: {said}", hint=hint)
