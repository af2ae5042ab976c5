"""What a service says of the one before it, where several clusters share a log."""

from dataclasses import replace
from pathlib import Path

from tests.kit.installation import App, within
from tools.path.service_records import ServiceRecords


def test_only_a_service_of_the_same_cluster_is_missed(tmp_path: Path) -> None:
    async def work(app: App) -> list[str | None]:
        here = app.context.cluster
        for name in ("sandbox", "other", "sandbox", "other"):
            app.context.cluster = replace(here, name=name)
            await ServiceRecords(app.context, "human:me").started(1)
            if name == "other":
                await ServiceRecords(app.context, "human:me").stopped("it was asked to stop")
        return [entry.record.reason for entry in await app.log.find(kinds=("service.started",))]

    first, beside, killed, stopped = within(tmp_path, work)
    assert (first, beside, stopped) == (None, None, None)
    assert "ended without a word" in (killed or "")
