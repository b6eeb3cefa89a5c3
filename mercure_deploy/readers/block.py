"""The lines of a mercure block as hub 0.24 takes them: word by word, with or without lines of their own.

An argument behind a word that takes none is the next directive (measured): `subscriptions cors_origins https://…` is
two, as in a variable whose line breaks were lost.
"""

from collections.abc import Iterator, Sequence

from mercure_deploy.readers.places import Directive, Value

FLAGS = frozenset({"anonymous", "demo", "ui", "subscriptions"})
ORIGINS = frozenset({"cors_origins", "publish_origins"})
KEYS = frozenset({"publisher_jwt", "subscriber_jwt"})
_ONE = frozenset(
    "name publisher_jwks_url subscriber_jwks_url transport transport_url cookie_name write_timeout dispatch_timeout"
    " heartbeat topic_selector_cache subscriber_list_cache_size protocol_version_compatibility".split()
)
DIRECTIVES = FLAGS | ORIGINS | KEYS | _ONE


def taken_by(name: str, following: Sequence[Value]) -> int:
    """How many of the words that follow on its line a directive takes."""
    if name in ORIGINS:
        return len(following)
    return min(len(following), 0 if name in FLAGS else 2 if name in KEYS else 1)


def split(directives: Sequence[Directive]) -> Iterator[Directive]:
    """One for each directive of a line; words that are none stay behind the one before them, or begin the line."""
    for each in directives:
        pieces: list[list[Value]] = []
        words = [Value(each.name, each.place), *each.arguments]
        while words:
            word = words.pop(0)
            if word.text in DIRECTIVES or not pieces:
                taken = taken_by(word.text, words) if word.text in DIRECTIVES else 0
                pieces.append([word, *words[:taken]])
                del words[:taken]
            else:
                pieces[-1].append(word)
        for first, *rest in pieces[:-1]:
            yield Directive(first.text, first.place, tuple(rest))
        name, *arguments = pieces[-1]
        yield Directive(name.text, name.place, tuple(arguments), each.block, each.opened)
