"""What ring and manifest of an environment say together: the same keys, a ring one step ahead, or trouble; no files."""

from collections.abc import Callable
from dataclasses import dataclass

from mercure_deploy import keys
from mercure_deploy.errors import Trouble
from mercure_deploy.keys import Key, KeyRing
from mercure_deploy.targets import manifest
from mercure_deploy.targets.manifest import Manifest

Read = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Known:
    """`ring` from keys.json, `public` from the manifest; None what is not there."""

    name: str
    ring: KeyRing | None
    manifest: Manifest | None
    public: KeyRing | None

    def secret(self) -> KeyRing | None:
        """The ring with its secrets, None for a new environment. Trouble when it is missing or another one."""
        if self.public:
            lost = _lost(self.ring, self.public)
            if lost:
                raise _missing(self.name, lost)
        return self.ring

    def any(self) -> KeyRing | None:
        """The best that is here: the ring, else its public view, else None. Trouble when they are at odds."""
        return self.secret() if self.ring else self.public


def known(name: str, read: Read, *, damaged_is_absent: bool = False) -> Known:
    """What is known of the keys of an environment; `read` gives the bytes of a path below the root."""
    said = read(f"{name}/{manifest.NAME}")
    public, found = None, None
    if said is not None:
        found = manifest.loads(said, f"{name}/{manifest.NAME}")
        public = keys.loads_public(list(found.keys), f"{name}/{manifest.NAME}") if found.keys else None
    return Known(name, _ring(name, read, damaged_is_absent=damaged_is_absent), found, public)


def _ring(name: str, read: Read, *, damaged_is_absent: bool) -> KeyRing | None:
    data = read(f"{name}/keys.json")
    if data is None:
        return None
    try:
        return keys.loads(data, f"{name}/keys.json")
    except Trouble:
        if damaged_is_absent and not keys.newer(data):
            return None
        raise


def _lost(ring: KeyRing | None, public: KeyRing) -> Key | None:
    """The first key of the manifest that the ring should have and has not.

    A ring may be ahead of its manifest, when a run was killed between the two: then a staged or retiring key may be
    gone, or all that were replaced at once. It may not be behind, as an old copy is: the hub may know that key no more.
    """
    if ring is None:
        return public.current
    for key in public.keys:
        same = next((own for own in ring.keys if (own.id, own.fingerprint) == (key.id, key.fingerprint)), None)
        if same is None and key.state == "current" and key.id not in ring.replaced:
            return key
        if same is not None and same.since < key.since:
            return public.current
    return None


def _missing(name: str, key: Key) -> Trouble:
    hint = f"copy {name}/keys.json from where your team keeps it, or rotate-keys {name} --now if it is lost"
    return Trouble(f"{name}: the key ring is missing (key {key.fingerprint})", hint=hint)
