"""`flyball notify`: a test message arrives or the command says why not; status tells what waits."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flyball.exits import Exit
from tests.flyball.notify.receiver import Receiving, receiving, status
from tests.kit.command_line import Flyball


@contextmanager
def elsewhere(**more: object) -> Iterator[Receiving]:
    """A receiver on a loop of its own thread: commands bring a loop of theirs."""
    ready, over, found = threading.Event(), asyncio.Event(), list[Receiving]()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        async with receiving(**more) as one:
            found.append(one)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    ready.wait(5)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(5)
        loop.close()


@pytest.mark.parametrize("kind", ["slack", "webhook"])
def test_a_test_message_arrives_signed(kind: str, flyball: Flyball, tmp_path: Path) -> None:
    with elsewhere() as there:
        path = there.file(tmp_path, kind)
        done = flyball(["notify", "test", "--config", str(_settings(tmp_path, path))])
        assert (done.code, done.out) == (Exit.DONE, "here  sent\n"), done.err
        (one,) = there.arrived
        assert one.headers["x-flyball-signature"].startswith("t=")
        assert "test message" in str(one.document)


def test_a_test_that_fails_says_why_and_no_credential(flyball: Flyball, tmp_path: Path) -> None:
    with elsewhere(answers=[status(302, "Location: https://evil.example/")]) as there:
        settings = str(_settings(tmp_path, there.file(tmp_path)))
        done = flyball(["notify", "test", "here", "--config", settings])
        assert done.code == Exit.UNAVAILABLE
        assert "redirect" in done.out
        assert "s3cr3t" not in done.out + done.err
        assert flyball(["notify", "test", "nobody", "--config", settings]).code == Exit.USAGE


def test_status_tells_who_waits_for_what(flyball: Flyball, tmp_path: Path) -> None:
    assert flyball("notify status").code == Exit.DONE
    assert flyball("notify test").code == Exit.USAGE
    with elsewhere() as there:
        settings = ["--config", str(_settings(tmp_path, there.file(tmp_path)))]
        (one,) = flyball(["notify", "status", "-o", "json", *settings]).document["items"]
        assert (one["name"], one["next_record"], one["waiting"]) == ("here", None, 0)
        done = flyball(["notify", "status", *settings])
        assert done.out.startswith("RECEIVER")
        assert "s3cr3t" not in done.out


def _settings(folder: Path, notify: Path) -> Path:
    path = folder / "flyball.toml"
    path.write_text(f'notify = "{notify.name}"\ncontext = "sandbox"\n')
    return path
