"""kill -9 between sending and the cursor: the next process sends the same message again, under the same id."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from flyball.notify.duty import NotificationsDuty
from flyball.notify.post import Answer, post
from flyball.notify.receivers import Receiver, receivers
from tests.flyball.notify.test_cli import elsewhere
from tests.flyball.notify.test_duty import something
from tests.kit.installation import App, installation, within

ROOT = Path(__file__).parents[3]
CODE = "import sys; from tests.flyball.notify.test_killed import child; child(sys.argv[1], sys.argv[2])"


def child(folder: str, file: str) -> None:
    """Sends the first message, and is killed before it can say so."""

    async def and_die(one: Receiver, body: bytes, headers: Mapping[str, str]) -> Answer:
        await post(one, body, headers)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("killed")

    async def run() -> None:
        async with installation(Path(folder)) as app:
            await NotificationsDuty(app.context, receivers(file), and_die).run(app.context.now_ms())

    asyncio.run(run())


def test_it_is_sent_again_under_its_id(tmp_path: Path) -> None:
    with elsewhere() as there:
        file = str(there.file(tmp_path))

        async def before(app: App) -> str:
            await NotificationsDuty(app.context, receivers(file)).run(app.context.now_ms())
            return await something(app)

        id = within(tmp_path, before)
        for times in (1, 2):
            words = [sys.executable, "-c", CODE, str(tmp_path), file]
            done = subprocess.run(words, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
            assert done.returncode == -signal.SIGKILL
            assert there.ids == [id] * times

        async def after(app: App) -> None:
            for _ in range(2):
                await NotificationsDuty(app.context, receivers(file)).run(app.context.now_ms())

        within(tmp_path, after)
        assert there.ids == [id] * 3
        assert len({one.body for one in there.arrived}) == 1
