"""How often an action asks the log. Each question re-reads pages that other processes may have changed, so it is
bounded here: one look before the lease (is it done already), one under it, one at what the workload's records lead
to, and one call for all integers."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from audit.log import Log
from policies.types import Target
from tests.kit.crash_rig import Rig, balanced, run
from tests.tools.path.test_executor_faults import Interloper
from tools.cluster_types import Workload
from tools.path import kill_switch
from tools.path.outcome import Applied, Pending, Refused


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each question was put since the counter was last cleared."""
    found: Counter[str] = Counter()
    for name in ("at_one_moment", "by_request", "values", "by_id", "find"):
        put = getattr(Log, name)

        async def counted(self: Log, *args: Any, _name: str = name, _put: Any = put, **how: Any) -> Any:
            found[_name] += 1
            return await _put(self, *args, **how)

        monkeypatch.setattr(Log, name, counted)
    return found


def test_an_action_asks_it_six_times(folder: Path, asked: Counter[str]) -> None:
    """The three calls for integers: the screen, the lease's floor, and all that gate and path go by."""

    async def work(rig: Rig) -> None:
        await rig.executor.execute(rig.scale(4, id="request-1"))  # loads the policy and announces it
        asked.clear()
        assert isinstance(await rig.executor.execute(rig.scale(5, id="request-2")), Applied)
        assert asked == {"at_one_moment": 3, "values": 3}

    run(folder, work)


def test_after_a_conflict_only_the_integers_are_asked_again(folder: Path, asked: Counter[str]) -> None:
    async def work(rig: Rig) -> None:
        await rig.executor.execute(rig.scale(4, id="request-1"))
        rig.executor._runner._writer = Interloper(rig, 6)  # type: ignore[assignment]
        asked.clear()
        assert isinstance(await rig.executor.execute(rig.scale(5, id="request-2")), Applied)
        assert asked == {"at_one_moment": 3, "values": 4}

    run(folder, work)


def test_state_votes_and_question_are_one_read(folder: Path, asked: Counter[str]) -> None:
    async def work(rig: Rig) -> None:
        request = rig.scale(18, id="request-1")
        first = await rig.executor.execute(request)
        asked.clear()
        again = await rig.executor.execute(request)
        assert isinstance(first, Pending)
        assert isinstance(again, Pending)
        assert again.record == first.record, "the same question, not another one"
        assert asked == {"at_one_moment": 3, "values": 3}

    run(folder, work)


def test_what_moves_while_the_cluster_answers_loses_in_the_commit(folder: Path) -> None:
    """The integers are read before the workload is: a kill switch that is turned on in between still wins."""

    async def work(rig: Rig) -> None:
        read = rig.context.reader.read

        async def stopped_then_read(target: Target) -> Workload:
            await kill_switch.throw(rig.context, "all", rig.identity.by_hand(), "drill")
            return await read(target)

        rig.context.reader.read = stopped_then_read  # type: ignore[method-assign]
        result = await rig.executor.execute(rig.scale(5, id="request-1"))
        assert isinstance(result, Refused)
        assert result.stage == "kill_switch"
        assert not (await balanced(rig)).intents

    run(folder, work)
