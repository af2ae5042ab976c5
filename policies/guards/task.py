"""The task's scope, the third whole evaluation: clusters, namespaces, actions."""

from policies.inputs import Refusal, ScreenInput


def task(ask: ScreenInput) -> Refusal | None:
    """An agent acts only within the task it was given; a human by hand needs none."""
    principal, target = ask.request.principal, ask.request.target
    scope = principal.task
    if scope is None:
        if principal.agent is None:
            return None
        return Refusal("task", None, f"{principal.agent} was given no task")
    if target.cluster not in scope.clusters:
        return Refusal("task", None, f"cluster {target.cluster} is outside of the task")
    if scope.namespaces is not None and target.namespace not in scope.namespaces:
        return Refusal("task", None, f"namespace {target.namespace or '(none)'} is outside of the task")
    if ask.request.action not in scope.actions:
        return Refusal("task", None, f"{ask.request.action} is outside of the task")
    return None
