"""What ring and manifest of an environment say together: the same keys, a ring ahead, an old copy, or trouble."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mercure_deploy import keys
from mercure_deploy.errors import Trouble
from mercure_deploy.keys import Key, KeyRing
from mercure_deploy.output import variables
from mercure_deploy.targets import manifest
from mercure_deploy.targets.manifest import Manifest

Read = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Known:
    """`ring` from keys.json, `public` from the manifest; None what is not there.

    `folder` is where they lie, as seen from the current folder. `held` is the fingerprint of a key in an env file that
    lies there without ring and manifest.
    """

    name: str
    folder: str
    ring: KeyRing | None
    manifest: Manifest | None
    public: KeyRing | None
    held: str | None = None

    def secret(self) -> KeyRing | None:
        """The ring with its secrets, None for a new environment. Trouble when it is missing, old, or another one."""
        self.refuse_old()
        if self.public:
            lost = self.foreign if self.ring else self.public.current
            if lost:
                raise _missing(self.name, self.folder, lost.fingerprint)
        if self.ring is None and self.held:
            what = (
                f"{self.name}: the key ring is missing (key {self.held}), an env file in {self.folder} holds that key"
            )
            there = f"copy {self.folder}/keys.json from where your team keeps it"
            never = f"move the file away, or rotate-keys {self.name} --now --replace puts a fresh key in its place"
            raise Trouble(what, hint=f"{there}; if there never was one, {never}")
        return self.ring

    @property
    def foreign(self) -> Key | None:
        """A key of the manifest that shows that the ring is not its own; None where one of the two is not there."""
        return _foreign(self.ring, self.public) if self.ring and self.public else None

    def refuse_old(self) -> None:
        """Trouble when the ring is an old copy: a render would take away keys that the deployment needs."""
        if self.ring and self.public and self.ring.serial < self.public.serial:
            what = f"{self.name}: keys.json is older than manifest.json ({_since(self.ring, self.public)})"
            path = f"{self.folder}/keys.json"
            lost = f"if nobody has a newer one, it is lost: mv {path} {path}.old, and run this again"
            raise Trouble(what, hint=f"copy {path} from where your team keeps it; {lost}")

    def any(self) -> KeyRing | None:
        """The best that is here: the ring, else its public view, else None. Trouble when they are at odds."""
        return self.secret() if self.ring else self.public


def known(name: str, read: Read, folder: str, *, damaged_is_absent: bool = False) -> Known:
    """What is known of the keys of an environment; `read` gives the bytes of a path below the root."""
    said = read(f"{name}/{manifest.NAME}")
    public, found = None, None
    if said is not None:
        found = manifest.loads(said, f"{name}/{manifest.NAME}")
        public = keys.loads_public(found.ring, f"{name}/{manifest.NAME}") if found.ring["keys"] else None
    return Known(name, folder, _ring(name, read, damaged_is_absent=damaged_is_absent), found, public)


def held(files: Iterable[bytes]) -> str | None:
    """The fingerprint of a key in one of these env files: it may be in use, and nothing else knows it."""
    texts = (text for data in files for text in variables.keys_in(data))
    return next((keys.fingerprint(text) for text in texts if text and not keys.is_placeholder(text)), None)


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


def _foreign(ring: KeyRing, public: KeyRing) -> Key | None:
    """A key of the manifest that shows that it belongs to another ring, None when it belongs to this one.

    A ring may be ahead of its manifest, when a run was killed between the two or the manifest of a colleague was not
    pulled yet. Then it knows each key that the manifest names, be it as one that is gone.
    """
    if ring.serial > public.serial:
        own = {(key.id, key.fingerprint) for key in ring.keys}
        return next((k for k in public.keys if (k.id, k.fingerprint) not in own and k.id not in ring.gone), None)
    if ring.serial:
        return None if keys.public_view(ring) == keys.public_view(public) else public.current
    return _foreign_uncounted(ring, public)


def _foreign_uncounted(ring: KeyRing, public: KeyRing) -> Key | None:
    """The same for a ring of mercure-deploy 0.1, which did not count its changes: by the times of its keys."""
    for key in public.keys:
        same = next((own for own in ring.keys if (own.id, own.fingerprint) == (key.id, key.fingerprint)), None)
        if same is None and key.state == "current" and key.id not in ring.gone:
            return key
        if same is not None and same.since < key.since:
            return public.current
    return None


def _since(ring: KeyRing, public: KeyRing) -> str:
    """What an old copy does not know yet: the latest change that the manifest tells of."""
    verbs = {"staged": "staged", "retiring": "replaced", "current": "promoted"}
    own = {key.id: key for key in ring.keys}
    changed = [key for key in public.keys if key.id not in own or own[key.id].state != key.state]
    if changed:
        key = max(changed, key=lambda key: (key.since, key.state == "current"))
        verb = "made" if key.state == "current" and key.since == key.created else verbs[key.state]
        return f"key {key.fingerprint} was {verb} on {key.since:%Y-%m-%d}"
    gone = next((key for key in ring.keys if all(key.id != other.id for other in public.keys)), ring.current)
    return f"key {gone.fingerprint} is no longer trusted"


def _missing(name: str, folder: str, fingerprint: str) -> Trouble:
    hint = f"copy {folder}/keys.json from where your team keeps it, or rotate-keys {name} --now if it is lost"
    return Trouble(f"{name}: the key ring is missing (key {fingerprint})", hint=hint)
