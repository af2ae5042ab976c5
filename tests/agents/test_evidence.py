"""Figures of an answer against the results that it cites."""

import json
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta, timezone

import pytest

from agents.ops.evidence.checked import checked

LISTED = json.dumps(
    {"workloads": [{"workload": "deployment/web", "replicas": 4, "ready": 4}, {"replicas": 6}]}
)
DESCRIBED = json.dumps({
    "containers": [{"cpu_request_millicores": 500, "memory_request_bytes": 268_435_456}],
    "usage": [{"cpu_millicores": 638, "at_ms": 1_772_460_000_000}, {"cpu_millicores": 640}],
})  # fmt: skip
WHY = json.dumps(
    {"now_ms": 1_772_460_000_000, "worst_first": [{"what": "throttled in 32.2% of its CPU periods"}]}
)
LATENCY = json.dumps({
    "series": [{"metric": "latency_p95", "unit": "us", "start_ms": 1_772_456_400_000, "end_ms": 1_772_460_000_000,
                "step_s": 15, "points": 241, "min": 180_000, "max": 940_000, "coverage_ppm": 987_000}],
})  # fmt: skip
REFUSED = json.dumps({"status": "refused", "why": "limits.replicas.max = 20", "diff": "4 -> 60"})
RESULTS = {1: LISTED, 2: DESCRIBED, 3: WHY, 4: LATENCY, 5: REFUSED}


def flagged(text: str) -> list[str]:
    return [text[one.start : one.end] for one in checked(text, RESULTS, UTC) if not one.held]


@pytest.mark.parametrize("text", [
    "web has 4 replicas [1], each uses 638m of 500m requested [2].",
    "It uses 0.64 cores, or 638 millicores; about 0.6 cores [2].",
    "It asks for 256Mi, which is 256 MiB, 268 MB and 0.25GiB [2].",
    "In total 1,278m [2]; on average 639m a pod [2].",
    "There are 2 workloads [1].",
    "Throttled in 32.2 % (32 %) of its periods [3].",
    "p95 went from 180 to 940 ms [4], that is 180 -> 940 ms, 180–940 ms and 0.94 s [4].",
    "Since 13:00 [4], with 98.7 % coverage [4].",
    "60 was refused, 20 is the most [5]. `4 -> 60` [5]",
    "web has 4 replicas. [1]",
    "web has 4 replicas. Each is ready [1].",
    "[4] shows 940 ms.",
    "It has 4 [1][2] and 4 [1, 2] and 4 [1-2].",
])  # fmt: skip
def test_what_a_cited_result_holds_is_not_flagged(text: str) -> None:
    assert flagged(text) == []


@pytest.mark.parametrize(("text", "wrong"), [
    ("web has 7 replicas [1].", ["7"]),
    ("web has 4 replicas.", ["4"]),
    ("web has 638 replicas [2].", ["638"]),
    ("web has 4 replicas [2].", ["4"]),
    ("web has 4 replicas [9].", ["4"]),
    ("p95 is 940 s [4].", ["940 s"]),
    ("p95 is 939 ms [4].", ["939 ms"]),
    ("CPU is at 15 [4].", ["15"]),
    ("It uses 0.7 cores [2].", ["0.7 cores"]),
    ("It began at 13:07 [4].", ["13:07"]),
    ("4 of 9 are ready [1].", ["9"]),
    ("It went `4 -> 61` [5].", ["61"]),
    ("x2.1 [4]", ["2.1"]),
])  # fmt: skip
def test_what_no_cited_result_holds_is_flagged(text: str, wrong: list[str]) -> None:
    assert flagged(text) == wrong


@pytest.mark.parametrize("text", [
    "1. look\n2) act\n### 3. then",
    "`deployment/web-2`, web-7784p, p95, k8s, v1.36.2, 1.36.2, 026b7fbc, 3be1f2, HTTP/2, 5xx, 24/7",
    "step 3 of https://example.org/7?x=8 since 2026-03-02T13:00:00Z",
    "no figure at all [1][2]",
])  # fmt: skip
def test_names_versions_handles_and_numbers_of_lists_are_no_figures(text: str) -> None:
    assert checked(text, RESULTS) == ()


def test_a_time_of_day_may_be_the_person_s_own() -> None:
    zone = timezone(timedelta(hours=2))
    (one,) = checked("since 15:00 [4]", RESULTS, zone)
    assert one.held


def test_garbage_is_read_without_harm() -> None:
    texts = (
        "[" * 10_000,
        "9" * 10_000 + " [1]",
        "[99999999999] 7",
        "[1-9999] 4",
        "\ud800 4 [1]",
        "1,111" * 5_000,
    )
    for text in texts:
        checked(text, {1: "[" * 100_000, 2: "{", 3: '{"a": NaN}', 9999: "1e999999"})


def test_a_result_that_was_cut_off_still_holds_what_is_left_of_it() -> None:
    cut = DESCRIBED[: DESCRIBED.index(', "at_ms"')]
    (used, asked, other) = checked("It uses 638m of 500m, not 640m [1].", {1: cut})
    assert (asked.held, used.held, other.held) == (True, True, False)


SCENES: tuple[tuple[str, Callable[[random.Random], tuple[int, str, str]]], ...] = (
    ("replicas", lambda r: (n := r.randint(1, 60), f"{n} replicas", json.dumps({"replicas": n, "ready": n}))),
    ("cpu", lambda r: (n := r.randint(30, 9_000), f"{n}m", json.dumps({"cpu_millicores": n}))),
    ("cores", lambda r: (n := r.randint(11, 99), f"{n / 10} cores", json.dumps({"cpu_millicores": n * 100}))),
    ("memory", lambda r: (n := r.randint(64, 9_000), f"{n} MiB", json.dumps({"memory_bytes": n * 2**20}))),
    ("share", lambda r: (n := r.randint(11, 99), f"{n} %", json.dumps({"throttled_ppm": n * 10_000}))),
    ("latency", lambda r: (n := r.randint(11, 990), f"{n} ms", json.dumps({"unit": "us", "max": n * 1_000}))),
    ("text", lambda r: (n := r.randint(20, 999), f"{n} restarts", json.dumps({"what": f"{n} restarts"}))),
)  # fmt: skip


def answers(seed: int, wrong: bool) -> Iterator[tuple[str, dict[int, str], int]]:
    """Answers of three figures each, in which one is planted wrong, or none."""
    draw = random.Random(seed)
    for _ in range(400):
        scenes = draw.sample(SCENES, 3)
        made = [scene(draw) for _, scene in scenes]
        noise = {"step_s": 15, "points": 241, "namespace": "shop", "pods": [{"name": "web-1-7784p"}] * 3}
        results = {
            i: json.dumps({**noise, "data": json.loads(text)}) for i, (_, _, text) in enumerate(made, 1)
        }
        said = [text for _, text, _ in made]
        planted = draw.randrange(3)
        if wrong:
            number = made[planted][0]
            other = draw.choice([number + 1 + number // 5, max(1, number * 2), number * 10, number + 7])
            said[planted] = said[planted].replace(_first_number(said[planted]), str(other))
        text = f"It has {said[0]} [1], then {said[1]} [2]. Also {said[2]} [3]."
        yield text, results, planted


def _first_number(text: str) -> str:
    return text.split()[0].rstrip("m")


def test_planted_wrong_figures_are_flagged_and_right_ones_are_not() -> None:
    """The bars of the check: at least 95 % of the wrong ones, at most 2 % of the right ones."""
    wrong = [checked(text, results)[at].held for text, results, at in answers(1, wrong=True)]
    right = [one.held for text, results, _ in answers(2, wrong=False) for one in checked(text, results)]
    assert wrong.count(False) / len(wrong) >= 0.95
    assert right.count(False) / len(right) <= 0.02


@pytest.mark.parametrize("result", [
    json.dumps({"text": "9999-12-31T23:59-23:59"}),
    json.dumps({"text": "0001-01-01T00:00+23:59"}),
    '{"seen_ms": 999999999999999999999}',
    '{"seen_ms": 999999999999999999999, "cut',
])  # fmt: skip
def test_an_instant_that_no_clock_can_show_ends_no_turn(result: str) -> None:
    """Anybody who writes into a cluster can write one, and the model may tell a time of day beside it."""
    (one,) = checked("since 12:30 [1]", {1: result})
    assert not one.held


@pytest.mark.parametrize("piece", ["7 x ", "1:00 ", "[1-20] 5 ", "7 pods. ", "a7 b8 "])
def test_a_long_answer_is_checked_in_no_time(piece: str) -> None:
    """As long as a reply may be: each figure used to walk the text, and each result, from the beginning."""
    result = json.dumps({"v": list(range(1_500))})
    began = time.process_time()
    checked(piece * (16_384 // len(piece)), {1: result})
    assert time.process_time() - began < 4
