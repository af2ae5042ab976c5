"""set_resources: CPU and memory of a container in a workload's template (a rollout; it lasts)."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from policies.types import ActionInfo, Delta, Scalar
from tools.cluster.quantity import format_bytes, format_millicores, millicores, whole_bytes
from tools.errors import ArgumentsInvalid
from tools.ports import Container, Patch, Resources, Workload
from tools.spec import ActionSpec, Args, RbacRule

Quantity = Annotated[str | None, Field(max_length=32)]

# argument -> (Delta's dimension, requests or limits, resource, parse, format)
_FIELDS = {
    "cpu_request": ("cpuRequest", "requests", "cpu", millicores, format_millicores),
    "cpu_limit": ("cpuLimit", "limits", "cpu", millicores, format_millicores),
    "memory_request": ("memoryRequest", "requests", "memory", whole_bytes, format_bytes),
    "memory_limit": ("memoryLimit", "limits", "memory", whole_bytes, format_bytes),
}
_AUTOSCALERS = ("horizontalpodautoscaler/", "scaledobject/")


class SetResourcesArgs(Args):
    """Kubernetes quantities (`250m`, `512Mi`); null leaves a value as it is."""

    workload: Annotated[str, Field(max_length=300, description="KIND/NAME, e.g. deployment/web")]
    container: Annotated[str | None, Field(max_length=63, description="null: the only container")]
    cpu_request: Annotated[Quantity, Field(description="e.g. 250m; null leaves it")]
    cpu_limit: Annotated[Quantity, Field(description="e.g. 500m; null leaves it")]
    memory_request: Annotated[Quantity, Field(description="e.g. 256Mi; null leaves it")]
    memory_limit: Annotated[Quantity, Field(description="e.g. 512Mi; null leaves it")]

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        self.wanted()
        return self

    def wanted(self) -> dict[str, int]:
        """The values that shall change, in millicores and bytes. Raises ArgumentsInvalid."""
        found = {}
        for name, (_, _, _, parse, _) in _FIELDS.items():
            if (text := getattr(self, name)) is not None:
                found[name] = _parsed(parse, name, text)
        if not found:
            raise ArgumentsInvalid("nothing to set", mend="give at least one of " + ", ".join(_FIELDS))
        return found


def _parsed(parse: Any, name: str, text: str) -> int:
    try:
        value: int = parse(text)
    except ValueError as e:
        raise ArgumentsInvalid(
            f"`{text}` is not a Kubernetes quantity", where=name, mend="write 250m, 1, 256Mi, 1Gi"
        ) from e
    if value <= 0:
        raise ArgumentsInvalid(
            f"`{text}` is not more than zero", where=name, mend="write 250m, 1, 256Mi, 1Gi"
        )
    return value


def _container(args: SetResourcesArgs, workload: Workload) -> Container:
    names = [c.name for c in workload.containers]
    if args.container is None and len(workload.containers) == 1:
        return workload.containers[0]
    for container in workload.containers:
        if container.name == args.container:
            return container
    raise ArgumentsInvalid(
        f"`{args.container or ''}` is none of its containers",
        where="container",
        mend="one of " + ", ".join(names),
    )


def _value(resources: Resources, name: str) -> int | None:
    value: int | None = getattr(resources, name)
    return value


def _view(args: SetResourcesArgs, workload: Workload) -> dict[str, object]:
    container = _container(args, workload)
    return {"container": container.name, **{name: _value(container.resources, name) for name in _FIELDS}}


def _deltas(args: SetResourcesArgs, workload: Workload) -> tuple[Delta, ...]:
    container = _container(args, workload)
    return tuple(
        Delta(_FIELDS[name][0], container.name, _value(container.resources, name), value)
        for name, value in args.wanted().items()
    )


def _patch(args: SetResourcesArgs, workload: Workload) -> Patch:
    resources: dict[str, dict[str, str]] = {}
    for name, value in args.wanted().items():
        _, part, resource, _, text = _FIELDS[name]
        resources.setdefault(part, {})[resource] = text(value)
    container = {"name": _container(args, workload).name, "resources": resources}
    return Patch("", {"spec": {"template": {"spec": {"containers": [container]}}}})


def _inverse(args: SetResourcesArgs, view: Mapping[str, Any]) -> dict[str, Scalar]:
    back: dict[str, Scalar] = {"workload": args.workload, "container": view["container"]}
    for name, (*_, text) in _FIELDS.items():
        value = view[name] if getattr(args, name) is not None else None
        if value is None and getattr(args, name) is not None:
            raise ArgumentsInvalid(
                f"{name} was not set before", where=args.workload, mend="take it out of the template by hand"
            )
        back[name] = None if value is None else text(value)
    return back


def _describe(args: SetResourcesArgs, workload: Workload) -> str:
    before = _container(args, workload).resources
    parts = []
    for name, value in args.wanted().items():
        text = _FIELDS[name][4]
        old = _value(before, name)
        parts.append(f"{name} {'unset' if old is None else text(old)} -> {text(value)}")
    return ", ".join(parts)


def _kubectl(args: SetResourcesArgs, workload: Workload) -> str:
    t, parts = workload.target, {"requests": [], "limits": []}  # type: ignore[var-annotated]
    for name, value in args.wanted().items():
        _, part, resource, _, text = _FIELDS[name]
        parts[part].append(f"{resource}={text(value)}")
    flags = " ".join(f"--{part}={','.join(values)}" for part, values in parts.items() if values)
    container = _container(args, workload).name
    return f"kubectl set resources {t} -n {t.namespace} --context {t.cluster} -c {container} {flags}"


SPEC = ActionSpec(
    name="set_resources",
    version="1",
    summary="Set CPU and memory requests and limits of a container, in the template: a rollout.",
    example="flyball act set-resources deploy/web -n shop --cpu-request 250m",
    args=SetResourcesArgs,
    kinds=frozenset({"deployment", "statefulset"}),
    actions=(
        ActionInfo("set_resources", "write", ("cpuRequest", "cpuLimit", "memoryRequest", "memoryLimit")),
    ),
    classify=lambda _: "set_resources",
    view=_view,
    owner=lambda w: None if (w.owner or "").startswith(_AUTOSCALERS) else w.owner,
    deltas=_deltas,
    patch=_patch,
    inverse=_inverse,
    describe=_describe,
    kubectl=_kubectl,
    rbac=(
        RbacRule("apps", "deployments", ("get", "patch")),
        RbacRule("apps", "statefulsets", ("get", "patch")),
    ),
)
