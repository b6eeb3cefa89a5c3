"""Manifests of Kubernetes: a set that works says nothing, and each fault of it has its id alone."""

from pathlib import Path

import pytest
from conftest import Run
from judging import judged

GOOD = """\
apiVersion: v1
kind: Secret
metadata: {name: mercure-keys}
data:
  key: Y2M3ZjBkMTI1YjY5NGEyZTgzZjBhMWI5YzRkN2U2ZjhhMDFiMmMzZDRlNWY2MDcx
---
apiVersion: v1
kind: ConfigMap
metadata: {name: mercure}
data:
  SERVER_NAME: ":80"
  MERCURE_EXTRA_DIRECTIVES: |
    cors_origins https://app.example.com
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: hub}
spec:
  replicas: 1
  strategy: {type: Recreate}
  selector: {matchLabels: {app: hub}}
  template:
    metadata: {labels: {app: hub}}
    spec:
      containers:
        - name: mercure
          image: dunglas/mercure:v0.24.2
          ports: [{name: http, containerPort: 80}]
          envFrom: [{configMapRef: {name: mercure}}]
          env:
            - name: KEY
              valueFrom: {secretKeyRef: {name: mercure-keys, key: key}}
            - {name: MERCURE_PUBLISHER_JWT_KEY, value: $(KEY)}
            - {name: MERCURE_SUBSCRIBER_JWT_KEY, value: $(KEY)}
          readinessProbe: {httpGet: {path: /healthz, port: http}}
          volumeMounts: [{name: data, mountPath: /data}]
      volumes: [{name: data, persistentVolumeClaim: {claimName: mercure}}]
---
apiVersion: v1
kind: Service
metadata: {name: hub}
spec:
  selector: {app: hub}
  ports: [{name: web, port: 8080, targetPort: http}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      containers:
        - name: php
          image: registry.example/app:1
          env:
            - {name: MERCURE_URL, value: "http://hub:8080/.well-known/mercure"}
            - {name: MERCURE_PUBLIC_URL, value: "https://hub.example.com/.well-known/mercure"}
            - name: MERCURE_JWT_SECRET
              valueFrom: {secretKeyRef: {name: mercure-keys, key: key}}
---
apiVersion: v1
kind: Service
metadata: {name: app}
spec: {selector: {app: app}, ports: [{port: 80, targetPort: 9000}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: hub
  annotations:
    nginx.ingress.kubernetes.io/proxy-read-timeout: "3600"
spec:
  tls: [{hosts: [hub.example.com], secretName: tls}]
  rules:
    - host: hub.example.com
      http:
        paths:
          - {path: /, pathType: Prefix, backend: {service: {name: hub, port: {number: 8080}}}}
"""
ROUTE = """\
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: hub}
spec:
  hostnames: [hub.example.com]
  rules:
    - matches: [{path: {type: PathPrefix, value: /.well-known/mercure}}]
      timeouts: {request: TIME}
      backendRefs: [{name: hub, port: 8080}]
"""
LIST = """\
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: ConfigMap
    metadata: {name: mercure}
    data:
      SERVER_NAME: ":80"
      MERCURE_EXTRA_DIRECTIVES: cors_origins https://app.example.com
"""
MORE = """volumeMounts:
            - {name: data, mountPath: /data}
            - {name: more, mountPath: /srv/x, subPath: SERVER_NAME}
            - {name: none, mountPath: /y}
      volumes: [{name: more, configMap: {name: mercure}}, """
NOTE = '    nginx.ingress.kubernetes.io/proxy-read-timeout: "3600"'
OTHER = "value: 0f2c7f0d125b694a2e83f0a1b9c4d7e6f8a01b2c3d4e5f60"

WRONG = {
    "the secret of the app is another": (
        "MERCURE_JWT_SECRET\n              valueFrom: {secretKeyRef: {name: mercure-keys, key: key}}",
        f"MERCURE_JWT_SECRET\n              {OTHER}",
        "key-mismatch",
    ),
    "a secret that ends with a line break": (
        "{name: MERCURE_PUBLISHER_JWT_KEY, value: $(KEY)}",
        '{name: MERCURE_PUBLISHER_JWT_KEY, value: "$(KEY)\\n"}',
        "key-quoting",
    ),
    "a key that the secret has not": (
        "name: mercure-keys, key: key}}\n            - {",
        "name: mercure-keys, key: jwt}}\n            - {",
        "key-missing",
    ),
    "a secret as it is, where base64 belongs": (
        "key: Y2M3ZjBkMTI1YjY5NGEyZTgzZjBhMWI5YzRkN2U2ZjhhMDFiMmMzZDRlNWY2MDcx",
        'key: "!-no base64"',
        "directive-syntax",
    ),
    "a port that is a number to YAML": ('SERVER_NAME: ":80"', "SERVER_NAME: 80", "directive-syntax"),
    "a key that is a number to YAML": (
        "{name: MERCURE_PUBLISHER_JWT_KEY, value: $(KEY)}",
        f"{{name: MERCURE_PUBLISHER_JWT_KEY, value: {'1234567890' * 4}}}",
        "directive-syntax",
    ),
    "a command that asks what needs a token": (
        "{httpGet: {path: /healthz, port: http}}",
        "{exec: {command: [wget, -q, --spider, http://localhost/.well-known/mercure]}}",
        "healthcheck-broken",
    ),
    "a variable before it is there": (
        "value: $(KEY)}\n            - {name: MERCURE_SUB",
        "value: $(KEYS)}\n            - {name: MERCURE_SUB",
        "key-missing",
    ),
    "a hub that keeps TLS to itself": (
        'SERVER_NAME: ":80"',
        "SERVER_NAME: hub.example.com",
        "tls-mode-mismatch server-name-mismatch",
    ),
    "a hub at another port": ('SERVER_NAME: ":80"', 'SERVER_NAME: ":3000"', "proxy-not-routing internal-url-wrong"),
    "the container's port for the app": ("http://hub:8080", "http://hub:80", "internal-url-wrong"),
    "the app publishes to itself": ("http://hub:8080", "http://localhost:8080", "internal-url-wrong"),
    "browsers get the name of the service": ("https://hub.example.com/", "http://hub:8080/", "public-url-wrong"),
    "two replicas": ("replicas: 1", "replicas: 2", "transport-not-shared"),
    "an update that waits for itself": ("  strategy: {type: Recreate}\n", "", "storage-permissions"),
    "a history that goes with the pod": (
        "{name: data, persistentVolumeClaim: {claimName: mercure}}",
        "{name: data, emptyDir: {}}",
        "storage-permissions",
    ),
    "a probe of what needs a token": ("path: /healthz", "path: /.well-known/mercure", "healthcheck-broken"),
    "a floating image": ("mercure:v0.24.2", "mercure:latest", "hub-upgrade-break"),
    "a silence that is cut": (NOTE, NOTE.replace("3600", "30"), "proxy-timeout-buffering"),
    "a password before it": (NOTE, f"{NOTE}\n    nginx.ingress.kubernetes.io/auth-type: basic", "proxy-not-routing"),
    "a path that is cut": (NOTE, f"{NOTE}\n    nginx.ingress.kubernetes.io/rewrite-target: /", "proxy-not-routing"),
    "CORS twice": (NOTE, f'{NOTE}\n    nginx.ingress.kubernetes.io/enable-cors: "true"', "cors-origin-mismatch"),
    "TLS towards a hub without": (
        NOTE,
        f"{NOTE}\n    nginx.ingress.kubernetes.io/backend-protocol: HTTPS",
        "tls-mode-mismatch",
    ),
    "a port that the service has not": ("port: {number: 8080}", "port: {number: 80}", "proxy-not-routing"),
    "a path that leads to the app": (
        "backend: {service: {name: hub, port: {number: 8080}}}",
        "backend: {service: {name: app, port: {number: 80}}}",
        "proxy-not-routing",
    ),
    "no path of the hub": ("{path: /, pathType", "{path: /api, pathType", "proxy-not-routing"),
    "a request that may last half a minute": (
        "---\napiVersion: networking",
        ROUTE.replace("TIME", "30s") + "---\napiVersion: networking",
        "proxy-timeout-buffering",
    ),
    "origins of another page": ("cors_origins https://app.", "cors_origins http://app.", "cors-origin-mismatch"),
}
RIGHT = {
    "as it is": ("", ""),
    "a request without an end": (
        "---\napiVersion: networking",
        ROUTE.replace("TIME", "0s") + "---\napiVersion: networking",
    ),
    "a secret that is sealed": (
        "key: Y2M3ZjBkMTI1YjY5NGEyZTgzZjBhMWI5YzRkN2U2ZjhhMDFiMmMzZDRlNWY2MDcx",
        "key: ENC[AES256_GCM,data:x]",
    ),
    "a secret of another repository": ("name: mercure-keys}\ndata:", "name: others}\ndata:"),
    "the name of the service with its namespace": ("http://hub:8080", "http://hub.default.svc.cluster.local:8080"),
    "a list of objects": (
        GOOD[GOOD.index("apiVersion: v1\nkind: ConfigMap") : GOOD.index("---\napiVersion: apps/v1")],
        LIST,
    ),
    "a port of the Service by its own number": ("targetPort: http", "targetPort: 80"),
    "more variables than files tell": ("envFrom: [{", "envFrom: [{secretRef: {name: other}}, {"),
    "a command that asks the health": (
        "{httpGet: {path: /healthz, port: http}}",
        "{exec: {command: [mercure, version]}}",
    ),
    "a file of a ConfigMap at a path of its own": (
        "volumeMounts: [{name: data, mountPath: /data}]\n      volumes: [",
        MORE,
    ),
    "two pods of which one goes first": (
        "strategy: {type: Recreate}",
        "strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_each_fault_has_its_id_alone(run: Run, tmp_path: Path, name: str):
    before, after, ids = WRONG[name]
    assert before in GOOD
    (tmp_path / "deploy.yaml").write_text(GOOD.replace(before, after))
    assert judged(run, tmp_path, "--app-url", "https://app.example.com") == set(ids.split())


@pytest.mark.parametrize("name", RIGHT)
def test_what_works_is_let_be(run: Run, tmp_path: Path, name: str):
    before, after = RIGHT[name]
    assert before in GOOD
    (tmp_path / "deploy.yaml").write_text(GOOD.replace(before, after))
    assert judged(run, tmp_path, "--app-url", "https://app.example.com") == set()


def test_objects_may_stand_in_several_files_and_a_template_of_a_chart_is_none(run: Run, tmp_path: Path):
    for number, text in enumerate(GOOD.split("---\n")):
        (tmp_path / f"{number}.yaml").write_text(text)
    (tmp_path / "template.yaml").write_text("apiVersion: v1\nkind: Secret\ndata: {{ .Values.key }}\n")
    assert judged(run, tmp_path) == set()
