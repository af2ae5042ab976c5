"""`flyball policy init DIR`: a policy to start from, commented, for the cluster where one works."""

from pathlib import Path
from typing import Annotated

import typer

from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import advise, document, safe, say
from flyball.exits import UsageError

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder, new or empty.")]


@command
def init(opts: Options, folder: Folder) -> None:
    """Write a commented policy to start from. Example: flyball policy init ./policies"""
    from flyball.place import place_of

    settings = opts.settings
    if settings["context"] and settings["namespace"]:  # known without a kubeconfig
        cluster, namespace = settings["context"], settings["namespace"]
    else:
        place = place_of(settings)
        cluster, namespace = place.context, place.namespace
    texts = _checked(cluster, namespace)
    _written(folder, texts)
    if opts.json:
        document({"kind": "PolicyFolder", "folder": str(folder), "cluster": cluster, "files": sorted(texts)})
        return
    for name in sorted(texts):
        say(f"wrote {safe(str(folder / name))}")
    advise(f"for {safe(cluster)}/{safe(namespace)}; then: flyball policy lint --policies {safe(str(folder))}")


def _checked(cluster: str, namespace: str) -> dict[str, bytes]:
    """The files by name, once they load for this cluster. Raises PolicyInvalid."""
    from flyball.policy import shipped
    from policies.loader import compile_texts
    from tools.actions import registry

    rules = shipped("starting/rules.yaml").read_text(encoding="utf-8")
    rules = rules.replace("NAMESPACE", namespace).replace("CLUSTER", cluster)
    texts = {"base.yaml": shipped("default/base.yaml").read_bytes(), "rules.yaml": rules.encode()}
    compile_texts(texts, catalogue=registry.catalogue(), clusters=(cluster,))
    return texts


def _written(folder: Path, texts: dict[str, bytes]) -> None:
    """Nothing that is there is written over. Raises UsageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError("the folder is not empty", where=str(folder), hint="name a new one")
        for name, raw in texts.items():
            with open(folder / name, "xb") as file:
                file.write(raw)
    except OSError as e:
        raise UsageError(
            f"cannot be written: {e.strerror}", where=str(folder), hint="name another one"
        ) from e
