"""What `describe` and `why` say of pods that keep an older template for good, on the sandbox."""

from pathlib import Path

from flyball.exits import Exit
from tests.kit.command_line import Flyball

ON_DELETE = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop, labels: {app: db}}
spec:
  replicas: 3
  serviceName: db
  updateStrategy: {type: OnDelete}
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: "registry.example/db:1", resources: {requests: {cpu: 250m}}}]}
"""


def test_pods_of_an_older_template_are_not_said_to_have_the_newest(flyball: Flyball, home: Path) -> None:
    (home / "db.yaml").write_text(ON_DELETE, encoding="utf-8")
    (home / "newer.yaml").write_text(ON_DELETE.replace("250m", "300m"), encoding="utf-8")
    for line in ("load {}/db.yaml", "advance 5m"):
        assert flyball("sandbox " + line.format(home)).code == Exit.DONE
    assert "3 of 3 pods have exactly that" in flyball("describe sts/db").out
    for line in ("load {}/newer.yaml", "advance 5m"):
        assert flyball("sandbox " + line.format(home)).code == Exit.DONE
    described = flyball("describe sts/db").out
    assert "exactly that" not in described
    assert "made of an older template, which asked for something else: 3 of 3 pods" in described
    found = flyball("why sts/db").out
    assert "3 keep the older template (OnDelete: until deleted)" in found
    assert "in progress" not in found
