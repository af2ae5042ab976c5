"""A policy for one namespace of the real cluster: the shapes of rules that an operator would begin with."""

from pathlib import Path

TEXT = """# policy of the end-to-end tests
apiVersion: flyball/v1
kind: RoleBinding
metadata: {{name: people}}
spec: {{subjects: ["group:local"], role: operator, clusters: [{cluster}]}}
---
apiVersion: flyball/v1
kind: Agent
metadata: {{name: ops}}
spec: {{owner: local, roles: [operator], autonomy: autonomous}}
---
apiVersion: flyball/v1
kind: Agent
metadata: {{name: tuner}}
spec: {{owner: local, roles: [operator], autonomy: autonomous}}
---
apiVersion: flyball/v1
kind: ActionPolicy
metadata: {{name: reads}}
spec:
  roles: [operator]
  actions: [read]
  target: {{clusters: [{cluster}], namespaces: [{namespace}], names: ["*"]}}
  effect: allow
---
apiVersion: flyball/v1
kind: ActionPolicy
metadata: {{name: alone}}
spec:
  roles: [operator]
  actions: [scale]
  target: {{clusters: [{cluster}], namespaces: [{namespace}], names: ["*"]}}
  effect: allow
  limits: {{replicas: {{min: 1, max: 12, maxStep: 5}}}}
---
apiVersion: flyball/v1
kind: ActionPolicy
metadata: {{name: with-approval}}
spec:
  roles: [operator]
  actions: [scale]
  target: {{clusters: [{cluster}], namespaces: [{namespace}], names: ["*"]}}
  effect: allow
  limits: {{replicas: {{min: 1, max: 20}}}}
  approval: {{from: local, expires: 15m}}
---
apiVersion: flyball/v1
kind: ActionPolicy
metadata: {{name: resources}}
spec:
  roles: [operator]
  actions: [set_resources]
  target: {{clusters: [{cluster}], namespaces: [{namespace}], names: ["*"]}}
  effect: allow
  require: [dryRun]
  limits:
    cpuRequest: {{min: 50m, max: "1"}}
    cpuLimit: {{min: 50m, max: "2"}}
    memoryRequest: {{min: 32Mi, max: 1Gi}}
    memoryLimit: {{min: 32Mi, max: 1Gi}}
---
apiVersion: flyball/v1
kind: ActionPolicy
metadata: {{name: floors}}
spec:
  roles: [operator]
  actions: [set_autoscaler_bounds, lower_autoscaler_max]
  target: {{clusters: [{cluster}], namespaces: [{namespace}], names: ["*"]}}
  effect: allow
  require: [dryRun]
  limits:
    minReplicas: {{min: 1, max: 8}}
    maxReplicas: {{min: 1, max: 12}}
    targetPercent: {{min: 10, max: 200}}
---
apiVersion: flyball/v1
kind: ActionPolicy
metadata: {{name: scale-points}}
spec:
  roles: [operator]
  actions: [keep_scale_point]
  target: {{clusters: [{cluster}], namespaces: [{namespace}], names: ["*"]}}
  effect: allow
  require: [dryRun]
---
apiVersion: flyball/v1
kind: ActionPolicy
metadata: {{name: restarts}}
spec:
  roles: [operator]
  actions: [restart]
  target: {{clusters: [{cluster}], namespaces: [{namespace}], names: ["*"]}}
  effect: allow
...
"""


def write(folder: Path, cluster: str, namespace: str) -> Path:
    """The policy as a file in a folder of its own; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "policy.yaml").write_text(TEXT.format(cluster=cluster, namespace=namespace))
    return folder
