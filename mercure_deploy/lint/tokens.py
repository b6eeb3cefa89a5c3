"""Rules about tokens that stand in files: how long they live, and what they grant."""

from collections.abc import Iterator

from mercure_deploy.facts import claims
from mercure_deploy.lint.rules import Found, rule
from mercure_deploy.readers import tokens
from mercure_deploy.readers.setup import Setup


@rule("token-lifecycle")
def token_lifecycle(setup: Setup) -> Iterator[Found]:
    """A token in a file that has ended, or ends before it begins."""
    for value in setup.used_tokens():
        token = tokens.parse(value.text)
        expiry, issued = (token.claims.get(name) if token else None for name in ("exp", "iat"))
        if not isinstance(expiry, (int, float)):
            continue
        if isinstance(issued, (int, float)) and expiry <= issued:
            yield Found(value.place, "ends before it begins", "make a new one")
        elif setup.now is not None and expiry <= setup.now:
            hint = "the bundle makes one for each request; by hand: mercure-deploy token mint"
            yield Found(value.place, "has expired, and every hub refuses it", hint)


@rule("topic-claim-mismatch")
def topic_claim_mismatch(setup: Setup) -> Iterator[Found]:
    """A token without the claim that its hub reads."""
    modern = setup.generation is not None and setup.generation >= (1, 0)
    yield from _may_not_publish(setup)
    misplaced = {key.value.text for key in setup.used_keys()}
    for value in setup.used_tokens():
        token = tokens.parse(value.text)
        if token is None or value.text in misplaced:
            continue
        unreadable = next(claims.unreadable(token.claims, "1.0" if modern else "0.24"), None)
        if unreadable:
            hint = "sign it with a library that knows the types of RFC 7519, or by mercure-deploy token mint"
            yield Found(value.place, f"no hub reads it: {unreadable}", hint)
        elif modern and "authorization_details" not in token.claims:
            what = "has no authorization_details, and hub 1.0 refuses it"
            hint = "mercure-bundle 0.5 makes tokens for hub 1.0"
            yield Found(value.place, what, hint)
        elif not modern and not isinstance(claims.grant(token.claims), dict):
            hint = 'add {"mercure": {"publish": ["*"]}}'
            yield Found(value.place, "has no claim mercure, and may do nothing", hint)


def _may_not_publish(setup: Setup) -> Iterator[Found]:
    """A bundle's configuration whose tokens grant no topic to publish to."""
    secret = setup.symfony.get("jwt.secret")
    others = {"jwt.publish", "jwt.value", "jwt.provider", "jwt.factory"}
    if secret is not None and not others & setup.symfony.keys():
        what = "jwt has no publish: the app's tokens may publish nothing, and every update gets 401"
        yield Found(secret.place, what, "publish: '*' beside secret")
