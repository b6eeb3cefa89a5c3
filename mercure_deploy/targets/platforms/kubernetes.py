"""Platform kubernetes: manifests that pass PodSecurity `restricted`, or values for the official chart.

What the manifests have was run by a real kubelet; what the chart asks for was read in it and measured with hub 0.24.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence

from mercure_deploy.file import SECRET, File
from mercure_deploy.spec import Environment
from mercure_deploy.spec.hub import Ingress, Storage
from mercure_deploy.targets import directives
from mercure_deploy.targets.hub import caddyfile, key_set, rewrite
from mercure_deploy.targets.plan import Deployment, Platform
from mercure_deploy.targets.render import render

_HUB_SECRET = "hub.secret.yaml"  # noqa: S105 - the name of a file
_PORT_OF_CHART = 8080
_VARIABLE = re.compile(r"\{env\.([A-Za-z_][A-Za-z0-9_]*)\}")
_NAMES = ("Caddyfile", _HUB_SECRET, "kustomization.yaml", "mercure.yaml", "values.yaml")


def namespace(d: Deployment) -> str:
    """Where its objects are."""
    return d.env.hub.namespace or d.name


def files(d: Deployment) -> Iterator[File]:
    """The files of the hub."""
    yield File(_HUB_SECRET, _secret(d, "mercure-hub", _hub_secret(d)), SECRET)
    if d.env.delivery == "chart":
        yield File("values.yaml", _values(d))
        return
    yield File("Caddyfile", caddyfile(d, jwks=True, instance=d.env.hub.replicas > 1))
    yield File("kustomization.yaml", render("kubernetes/kustomization.yaml.j2", namespace=namespace(d)))
    yield File("mercure.yaml", _manifests(d))


def _hub_secret(d: Deployment) -> dict[str, str]:
    """What the Secret of the hub holds, by the names under which the hub or the chart asks for it."""
    if d.env.delivery == "manifests":
        # which keys these are, for who waits until they have arrived
        return {"fingerprints": fingerprints(d), "jwks.json": key_set(d).rstrip()}
    secret = d.signer(next(iter(d.env.apps))).text()
    return {
        # the chart asks for each of them, and its pod hangs without one
        "caddy-extra-config": "",
        "caddy-extra-directives": "\n".join(rewrite(d.env)),
        "extra-directives": "\n".join(directives.mercure_block(d, jwks=False)),
        "license": "",
        "publisher-jwt-key": secret,
        "subscriber-jwt-key": secret,
    }


def fingerprints(d: Deployment) -> str:
    """The keys that the hub trusts, by their fingerprints."""
    return ".".join(key.fingerprint for key in d.ring.keys)


def _secret(d: Deployment, name: str, values: Mapping[str, str]) -> bytes:
    return render("kubernetes/secret.yaml.j2", name=name, namespace=namespace(d), values=values)


def _manifests(d: Deployment) -> bytes:
    env = d.env
    transport = env.hub.transport
    return render(
        "kubernetes/mercure.yaml.j2",
        image=env.hub.release,
        replicas=env.hub.replicas,
        storage=_storage(env),
        ingress=_ingress(env),
        shared=transport is not None and transport.shared,
        variables=_named(env),
    )


def _named(env: Environment) -> list[str]:
    """The variables that the options of the transport take from outside, sorted."""
    options = env.hub.transport.options.values() if env.hub.transport else ()
    return sorted({name for text in options for name in _VARIABLE.findall(text)})


def _storage(env: Environment) -> Storage | None:
    """The volume of the history, None where the hub keeps none of its own."""
    transport = env.hub.transport
    kept = env.hub.history if transport is None else transport.name == "bolt"
    return (env.hub.storage or Storage()) if kept else None


def _ingress(env: Environment) -> dict[str, object]:
    """Hosts, path, class, certificate and annotations of the Ingress."""
    said = env.hub.ingress or Ingress()
    annotations = {"cert-manager.io/cluster-issuer": said.issuer} if said.issuer else {}
    if said.class_ == "nginx":
        annotations["nginx.ingress.kubernetes.io/proxy-buffering"] = "off"
        annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"] = "3600"
    return {
        "hosts": [name.host for name in env.hub_names],
        "path": env.hub.path,
        "class_": said.class_,
        "secret": said.secret or ("mercure-tls" if said.issuer else None),
        "tls": env.hub.url.scheme == "https",
        "annotations": annotations,
    }


def _values(d: Deployment) -> bytes:
    env = d.env
    repository, _, tag = env.hub.release.rpartition(":")
    digest = hashlib.sha256(repr(sorted(_hub_secret(d).items())).encode()).hexdigest()[:16]
    return render(
        "kubernetes/values.yaml.j2",
        repository=repository,
        tag=tag,
        options=directives.GRACE_PERIOD,
        algorithm=d.signer(next(iter(env.apps))).algorithm,
        port=_PORT_OF_CHART,
        storage=_storage(env),
        ingress=_ingress(env),
        digest=digest,
    )


def app_file(d: Deployment, app: str, values: Mapping[str, str]) -> File:
    """The variables of an app as a Secret."""
    return File(f"{app}.secret.yaml", _secret(d, f"mercure-{app}", values), SECRET)


def one_key(d: Deployment) -> str | None:
    """Why the hub cannot trust two keys at once."""
    return "the chart has no place for a second key" if d.env.delivery == "chart" else None


def no_pair(d: Deployment) -> str | None:
    """Why no key pair reaches the hub."""
    return "none was seen to work through the chart" if d.env.delivery == "chart" else None


def deploy_hub(d: Deployment) -> str:
    """How new keys reach the hub."""
    if d.env.delivery == "chart":
        return f"kubectl apply -f {_HUB_SECRET}, then helm upgrade with values.yaml (the hub restarts)"
    return f"kubectl apply -f {_HUB_SECRET}, then the reload of README.md (no restart, cuts no stream)"


def deploy_apps(_: Deployment, apps: Sequence[str]) -> str:
    """How these apps take their new variables."""
    return f"kubectl apply -f each, then kubectl rollout restart {', '.join(apps)}: web, workers and cron"


def words(d: Deployment) -> dict[str, object]:
    """What the README needs: names of objects, and what to wait for."""
    env = d.env
    transport = env.hub.transport
    inside = ", the hub's Service in the cluster."
    return {
        "logs": f"`kubectl -n {namespace(d)} logs deploy/mercure`",
        "secrets": "`keys.json` and the `*.secret.yaml` files",
        "namespace": namespace(d),
        "delivery": env.delivery,
        "fingerprints": fingerprints(d),
        "replicas": env.hub.replicas,
        "transport": transport.name if transport else None,
        "named": _named(env),
        "ingress": _ingress(env),
        "inside": inside if env.inside else None,
        "redeploy": "`kubectl rollout restart` **web, workers and cron**: variables are read when a pod starts.",
    }


def applied(changed: Mapping[str, tuple[bytes, bytes]]) -> str | None:
    """How changed files of the hub come into force."""
    said = [f"kubectl apply -f {_HUB_SECRET}"] if _HUB_SECRET in changed else []
    if "values.yaml" in changed:
        said.append("helm upgrade with values.yaml")
    elif changed.keys() - {_HUB_SECRET}:
        said.append("kubectl apply -k .")
    elif said:
        said.append("the reload of README.md")
    return ", then ".join(said) or None


PLATFORM = Platform(
    files,
    _NAMES,
    deploy_hub,
    words,
    applied,
    app_path="{}.secret.yaml",
    app_file=app_file,
    deploy_apps=deploy_apps,
    one_key=one_key,
    no_pair=no_pair,
)
