"""`flyball policy status`: which policy is in force, and what of it is loaded from where."""

from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from flyball.cli.kit.options import Options, command
from flyball.cli.kit.output import document, safe, say, table

if TYPE_CHECKING:
    from flyball.policy import PolicyPaths
    from policies.snapshot import Snapshot


@command
def status(opts: Options) -> None:
    """Show which policy is loaded from where. Example: flyball policy status"""
    from flyball.cli.govern.question import policy_of
    from flyball.policy import policy_paths

    paths = policy_paths(opts.settings)
    snapshot, _, _ = policy_of(opts)
    facts = _facts(snapshot, paths)
    if opts.json:
        document({"kind": "PolicyStatus", **facts})
        return
    say(f"policy {snapshot.digest[:8]}   for the clusters {safe(', '.join(snapshot.clusters))}")
    rows = [(one["file"], one["from"], one["documents"]) for one in facts["files"]]
    for line in table(("FILE", "FROM", "DOCUMENTS"), rows):
        say(line)
    for one in facts["replaced"]:
        say(f"{one['document']} takes the place of the shipped one: {safe(one['by'])}")


def _facts(snapshot: "Snapshot", paths: "PolicyPaths") -> dict[str, Any]:
    origin = snapshot.origin
    counted = Counter(place.rpartition(":")[0] for place in origin.files.values())
    order = [source for _, source in paths.lines]
    found = sorted((order.index(_from(file, paths)), file) for file in counted)
    files = [{"file": file, "from": order[rank], "documents": counted[file]} for rank, file in found]
    replaced = [{"document": name, "by": origin.files[name]} for name in sorted(origin.replaced)]
    return {
        "policy_sha256": snapshot.digest,
        "clusters": list(snapshot.clusters),
        "files": files,
        "replaced": replaced,
    }


def _from(file: str, paths: "PolicyPaths") -> str:
    inside = {file, str(PurePath(file).parent)}
    return next(source for path, source in paths.lines if path in inside)
