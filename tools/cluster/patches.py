"""One PATCH: sent once, and each result classified by its effect on the cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from tools.cluster.answers import IN_DOUBT, write_error
from tools.cluster.api import NEVER_SENT, NO_ANSWER, Api, cause_of, hint_of, quoting
from tools.cluster.kubeconfig import KubeconfigInvalid
from tools.errors import MayHaveHappened, NeverHappened

PatchType = Literal["application/strategic-merge-patch+json", "application/apply-patch+yaml"]
STRATEGIC: PatchType = "application/strategic-merge-patch+json"
APPLY: PatchType = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Write:
    """A PATCH. `manager` becomes the field manager, `audit_id` the apiserver's own id of the request."""

    path: str
    body: Mapping[str, object]
    manager: str
    audit_id: str
    dry_run: bool = False
    patch_type: PatchType = STRATEGIC

    @property
    def query(self) -> dict[str, str]:
        """Strict validation: a field that the apiserver does not know is refused, not dropped."""
        asked = {"fieldManager": self.manager, "fieldValidation": "Strict"}
        return asked | {"dryRun": "All"} if self.dry_run else asked

    @property
    def headers(self) -> dict[str, str]:
        return {"Accept": "application/json", "Content-Type": self.patch_type, "Audit-ID": self.audit_id}


async def send(api: Api, write: Write) -> dict[str, Any]:
    """The object after the write. Raises NeverHappened, DefiniteConflict or MayHaveHappened."""
    question = api.question("PATCH", write.path)
    where = question.where
    try:
        answer = await api.send(question, write.query, write.headers, orjson.dumps(write.body))
    except (*NEVER_SENT, KubeconfigInvalid) as error:
        raise NeverHappened(
            cause_of(error), where=where, hint=hint_of(error), code="NotSent", quotes=quoting(error)
        ) from error
    except NO_ANSWER as error:
        raise MayHaveHappened(
            cause_of(error), where=where, hint=IN_DOUBT, code="NoAnswer", quotes=quoting(error)
        ) from error
    if not answer.ok:
        raise write_error(answer)
    try:
        return answer.document()
    except ValueError as error:
        what = "accepted, but the answer is not JSON"
        raise MayHaveHappened(what, where=where, hint=IN_DOUBT, code="NoAnswer") from error
