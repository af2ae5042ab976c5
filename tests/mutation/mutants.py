"""The mutants: what is broken, and the test that must fail then.

A guard's mutant lets its function say nothing; a stage's mutant (stages.toml) takes one check or one claim out of the
path. Each is caught by a test that is about that guard or stage, not by one that happens to need it.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old`, which stands once in the module's text, becomes `new`; `caught_by` is the test's node id."""

    name: str
    module: str
    old: str
    new: str
    caught_by: str

    def applied(self, text: str) -> str:
        """The changed source. Raises ValueError where `old` is not there exactly once."""
        if (count := text.count(self.old)) != 1:
            raise ValueError(f"mutant `{self.name}`: its text stands {count} times in {self.module}")
        return text.replace(self.old, self.new)


GUARDS: Mapping[str, str] = {
    "identity": "tests/security/test_gate_attacks.py::test_2_an_absent_human_and_a_missing_task_deny",
    "kill_switch": "tests/policies/test_guards.py::test_the_kill_switch_stops_the_agent_before_any_read",
    "task": "tests/security/test_gate_attacks.py::test_2_the_tasks_scope_is_a_whole_evaluation",
    "autonomy": "tests/policies/test_guards.py::test_autonomy",
    "names": "tests/security/test_gate_attacks.py::test_2_an_agent_has_no_more_than_its_human",
    "taint_by_names": "tests/policies/test_taint.py::test_it_is_said_before_any_read_where_no_rule_could_carry_it",
    "policy_epoch": "tests/policies/test_guards.py::test_another_policy_in_force_stops_writes",
    "clock": "tests/policies/test_guards.py::test_a_clock_that_jumped_back_stops_writes",
    "observation": "tests/policies/test_guards.py::test_another_objects_view_is_refused",
    "drift": "tests/policies/test_guards.py::test_drift_is_refused_and_the_same_view_is_not",
    "ownership": "tests/policies/test_guards.py::test_somebody_elses_replicas_are_left_alone",
    "rules": "tests/policies/test_gate_rules.py",
    "ceiling": "tests/policies/test_gate_rules.py::test_a_ceiling_is_lifted_by_no_approval",
    "freeze": "tests/policies/test_guards.py::test_a_freeze_goes_by_its_zone",
    "envelope": "tests/policies/test_envelopes.py::test_an_agent_leases_for_itself_only",
    "cooldown": "tests/policies/test_guards.py::test_cooldown",
    "flip": "tests/policies/test_flip.py::test_the_other_way_waits_and_the_same_way_does_not",
    "budget": "tests/policies/test_budgets.py::test_many_small_steps_add_up",
    "blast_radius": "tests/policies/test_blast_radius.py::test_the_same_workload_again_takes_no_more",
    "quiet": "tests/policies/test_quiet.py::test_no_change_while_a_rollout_goes_on",
    "taint": "tests/policies/test_taint.py::test_what_a_rule_carries_of_a_tainted_request",
    "approval": "tests/policies/test_gate_rules.py::test_a_rule_alone_and_one_at_the_price_of_an_approval",
}
"""By guard (the function's name), the test that catches its silence."""

FILES = {"clock": "clock_jump", "taint_by_names": "taint"}
"""The guards that do not live in a file of their own name."""


def _silent(guard: str, caught_by: str) -> Mutant:
    case = "ask: ScreenInput" if guard in SCREENING else "case: DecisionInput"
    head = f"def {guard}({case}) -> Refusal | None:\n"
    module = f"policies.guards.{FILES.get(guard, guard)}"
    return Mutant(f"guard {guard}", module, head, f"{head}    return None\n", caught_by)


SCREENING = frozenset({"identity", "kill_switch", "task", "autonomy", "names", "taint_by_names"})
"""The guards that are asked before any read."""

STAGES = tuple(
    Mutant(**one) for one in tomllib.loads(Path(__file__).with_name("stages.toml").read_text())["mutant"]
)
MUTANTS = (*(_silent(guard, caught_by) for guard, caught_by in GUARDS.items()), *STAGES)
