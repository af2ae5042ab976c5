"""What can go wrong in the simulated cluster: answers of its API, and a person's mistakes with the world."""

from typing import Any

from base.errors import FlyballError


class SandboxError(FlyballError):
    """A mistake with the sandbox itself."""


class WorldUnavailable(SandboxError):
    """The world's file cannot be used now; what was under way has changed nothing in it."""

    effect = "unavailable"


class WorldDamaged(WorldUnavailable):
    """The world's file is not a world, or is damaged."""


class ApiError(Exception):
    """An answer of the simulated apiserver that is not 2xx, shaped like a `Status` object.

    `causes` are the Status's details (a field and why); `status` is the HTTP code.
    """

    def __init__(
        self, status: int, reason: str, message: str, causes: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(message)
        self.status, self.reason, self.message, self.causes = status, reason, message, causes

    def as_status(self) -> dict[str, Any]:
        """The `Status` object as the API would send it."""
        causes = [{"field": field, "message": why} for field, why in self.causes]
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": {"causes": causes},
            "code": self.status,
        }


def not_found(resource: str, name: str) -> ApiError:
    """`resource` with its group, such as `deployments.apps`."""
    return ApiError(404, "NotFound", f'{resource} "{name}" not found')


def conflict(resource: str, name: str, why: str) -> ApiError:
    """`resource` with its group, such as `deployments.apps`."""
    return ApiError(409, "Conflict", f'Operation cannot be fulfilled on {resource} "{name}": {why}')


def invalid(kind: str, name: str, causes: tuple[tuple[str, str], ...]) -> ApiError:
    """`kind` with its group, such as `Deployment.apps`."""
    said = dict.fromkeys(f"{field}: {why}" for field, why in causes)
    return ApiError(422, "Invalid", f'{kind} "{name}" is invalid: {", ".join(said)}', causes)
