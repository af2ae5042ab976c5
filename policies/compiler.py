"""ActionPolicy documents to Casbin rows, and Casbin's decision over them.

Casbin decides who, where, which action, on what: allow or deny. Its model is pinned here. Rows are concrete
(clusters and actions are expanded over inventory and catalogue; with `==` in the matcher a deny whose action
was `*` would match nothing). Casbin's own enforcer reads every row at every question and interprets the
matcher again; here the matcher that Casbin parsed is compiled once and asked only about rows that can match,
and the verdict is Casbin's effector's. A differential test holds this equal to the stock enforcer.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from casbin.effect import Effector, effect_to_bool, get_effector
from casbin.model import Model

from policies.kinds import ActionPolicy
from policies.patterns import Labels, fits, k8s_match, sel_match, selector_text
from policies.roles import RoleClosure
from policies.types import ActionInfo

MODEL = """
[request_definition]
r = sub, dom, obj, act, labels

[policy_definition]
p = sub, dom, obj, act, sel, eft, rule

[role_definition]
g = _, _, _

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = r.act == p.act && r.dom == p.dom && k8sMatch(r.obj, p.obj) && selMatch(r.labels, p.sel, p.eft) && g(r.sub, p.sub, r.dom)
"""  # noqa: E501

EVERYONE = "role:everyone"
"""The role that every principal has; only denies may name it."""

READ, WRITE = "read", "write"
"""Reserved words in `actions`: every reading (writing) action of the catalogue."""

_MEMO_SIZE = 8192
_REACH_SIZE = 1024
_NODES = (ast.Expression, ast.BoolOp, ast.And, ast.Compare, ast.Eq, ast.Call, ast.Name, ast.Load)


class Row(NamedTuple):
    """One Casbin `p` row."""

    sub: str
    dom: str
    obj: str
    act: str
    sel: str
    eft: str
    rule: str


@dataclass(frozen=True, slots=True)
class Matches:
    """What Casbin says for some subjects together, and every rule that matched, by effect, by name."""

    allowed: bool
    allows: tuple[str, ...]
    denies: tuple[str, ...]


@dataclass(slots=True)
class _Shard:
    """The rows that one (sub, dom, act) can reach, indexed by what is literal in their object pattern."""

    exact: dict[tuple[str, str], list[Row]] = field(default_factory=dict)
    namespace: dict[str, list[Row]] = field(default_factory=dict)
    anywhere: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> None:
        namespace, _, name = row.obj.split("/")
        if namespace.endswith("*"):
            self.anywhere.append(row)
        elif name.endswith("*"):
            self.namespace.setdefault(namespace, []).append(row)
        else:
            self.exact.setdefault((namespace, name), []).append(row)

    def candidates(self, namespace: str, name: str) -> list[Row]:
        """The rows that may match, and few that do not."""
        return [
            *self.exact.get((namespace, name), ()),
            *self.namespace.get(namespace, ()),
            *self.anywhere,
        ]


class Rules:
    """The compiled rows. Never changed after it is built (the memo is a bounded cache of its answers)."""

    def __init__(self, rows: Sequence[Row], roles: RoleClosure, label_keys: Sequence[str]) -> None:
        model = Model()
        model.load_model_from_text(MODEL)
        self.rows = tuple(rows)
        self._roles, self._label_keys = roles, tuple(sorted(label_keys))
        self._match = _matcher(model, {"k8sMatch": k8s_match, "selMatch": sel_match, "g": roles.has_link})
        self._verdict = _verdicts(model)
        self._rows_of: dict[tuple[str, str, str], list[Row]] = {}
        for row in rows:
            self._rows_of.setdefault((row.dom, row.act, row.sub), []).append(row)
        self._memo: dict[tuple[object, ...], Matches] = {}
        self._reach: dict[tuple[str, str, str], _Shard] = {}

    def matches(self, subjects: tuple[str, ...], dom: str, obj: str, act: str, labels: Labels) -> Matches:
        """Casbin's answer for one principal, who asks as each of `subjects` (itself, its groups).

        The memo's key has the labels that selectors look at; time enters by the snapshot's `valid_until_ms`.
        """
        key = (subjects, dom, obj, act, self._seen(labels))
        found = self._memo.get(key)
        if found is None:
            found = self._ask(subjects, dom, obj, act, labels)
            if len(self._memo) >= _MEMO_SIZE:
                self._memo.clear()
            self._memo[key] = found
        return found

    def forget(self) -> None:
        """Drop the memo; every answer is worked out again."""
        self._memo.clear()

    def _seen(self, labels: Labels) -> object:
        if labels is None or isinstance(labels, str):
            return labels
        return tuple([labels.get(key) for key in self._label_keys]) if self._label_keys else ()

    def _ask(self, subjects: tuple[str, ...], dom: str, obj: str, act: str, labels: Labels) -> Matches:
        namespace, _, name = obj.split("/")
        allows: set[str] = set()
        denies: set[str] = set()
        match = self._match
        for subject in subjects:
            for row in self._shard_of(subject, dom, act).candidates(namespace, name):
                if match(subject, dom, obj, act, labels, *row):
                    (allows if row.eft == "allow" else denies).add(row.rule)
        return Matches(
            self._verdict[bool(allows), bool(denies)], tuple(sorted(allows)), tuple(sorted(denies))
        )

    def _shard_of(self, subject: str, dom: str, act: str) -> _Shard:
        """The rows of all roles of `subject` together; cached, within bounds, for the next query."""
        key = (subject, dom, act)
        whole = self._reach.get(key)
        if whole is None:
            whole = _Shard()
            for role in self._roles.roles(subject, dom):
                for row in self._rows_of.get((dom, act, role), ()):
                    whole.add(row)
            if len(self._reach) >= _REACH_SIZE:
                self._reach.clear()
            self._reach[key] = whole
        return whole


def _verdicts(model: Model) -> dict[tuple[bool, bool], bool]:
    """Casbin's verdict by whether any allow and any deny matched: its effector, asked once for each case."""
    effector = get_effector(model["e"]["e"].value)
    out = {}
    for allow in (False, True):
        for deny in (False, True):
            effects = ({Effector.ALLOW} if allow else set()) | ({Effector.DENY} if deny else set())
            out[allow, deny] = bool(effect_to_bool(effector.final_effect(effects)))
    return out


def _matcher(model: Model, functions: Mapping[str, Callable[..., bool]]) -> Callable[..., bool]:
    """Casbin's parsed matcher as one Python function of the request's and the row's fields.

    The text is the constant above; what is not a conjunction of equalities and our functions is refused.
    """
    text = model["m"]["m"].value.replace("&&", " and ")
    tokens = [*model["r"]["r"].tokens, *model["p"]["p"].tokens]
    names = {*tokens, *functions}
    for node in ast.walk(ast.parse(text, mode="eval")):
        if not isinstance(node, _NODES) or (isinstance(node, ast.Name) and node.id not in names):
            raise ValueError(f"the matcher holds {ast.dump(node)}")
    module = compile(f"lambda {', '.join(tokens)}: {text}", "<casbin matcher>", "eval")
    code = next(part for part in module.co_consts if isinstance(part, CodeType))
    scope: dict[str, Any] = {"__builtins__": {}, **functions}
    return FunctionType(code, scope, "matcher")


def compile_rules(
    policies: Sequence[ActionPolicy],
    roles: RoleClosure,
    catalogue: Mapping[str, ActionInfo],
    clusters: Sequence[str],
) -> Rules:
    """Concrete rows for every cluster, action, role and target pattern of the policies."""
    rows = [row for policy in policies for row in rows_of(policy, catalogue, clusters)]
    return Rules(rows, roles, sorted({key for policy in policies for key in policy.spec.target.labels}))


def rows_of(policy: ActionPolicy, catalogue: Mapping[str, ActionInfo], clusters: Sequence[str]) -> list[Row]:
    """The rows of one rule."""
    spec, target = policy.spec, policy.spec.target
    within = [name for name in clusters if any(fits(name, pattern) for pattern in target.clusters)]
    objects = ["/".join(parts) for parts in product(target.namespaces, target.kinds, target.names)]
    selector = selector_text(target.labels)
    return [
        Row(f"role:{role}", cluster, obj, action, selector, spec.effect, policy.metadata.name)
        for role, cluster, obj, action in product(
            spec.roles, within, objects, expand_actions(spec.actions, catalogue)
        )
    ]


def expand_actions(actions: Sequence[str], catalogue: Mapping[str, ActionInfo]) -> list[str]:
    """The catalogue's names for `actions`, the reserved words spelled out."""
    out: set[str] = set()
    for action in actions:
        if action in (READ, WRITE):
            out.update(info.name for info in catalogue.values() if info.access == action)
        else:
            out.add(action)
    return sorted(out)
