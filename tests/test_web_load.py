"""Forty learners at once on one server: nobody sees another's patient, memory stays bounded; prints what it measured."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import numpy as np
import pytest

from titranc.models.dosing import NO_DOSE
from titranc.sim.session import Session
from titranc.sim.web.cards import admitted, cards
from titranc.sim.web.clinician import MOST_VISITS_ON_AUTOPILOT

from .web_server import Learner, Served, served

pytestmark = pytest.mark.e2e

LEARNERS, ROUNDS, PAUSE_SECONDS, ARRIVAL_SECONDS = 40, 12, (1.0, 4.0), 10.0
PRESSES = ("order", "autopilot", "autopilot", "undo")


async def play(learner: Learner, number: int, port: int) -> list[str]:
    """Play as people do, with pauses; return what was pressed."""
    luck = random.Random(number)  # noqa: S311 - no secret
    pressed: list[str] = []
    await asyncio.sleep(luck.uniform(0, ARRIVAL_SECONDS))
    await learner.come(port)
    await learner.press("begin")
    for _ in range(ROUNDS):
        await asyncio.sleep(luck.uniform(*PAUSE_SECONDS))
        key = luck.choice(PRESSES)
        if key not in learner.buttons:
            break
        await learner.press(key)
        pressed.append(key)
    return pressed


def expected(number: int, pressed: list[str]) -> dict[str, str]:
    """Return what the page is to say to this learner: the same choices by a session of its own."""
    scenario, patient = admitted("scn_child", "typical", number, cards()["scn_child"].years, lives=False)
    session = Session(scenario, patient)
    for key in pressed:
        if key == "order":
            assert session.seen is not None
            session.decide((session.seen.regimen or NO_DOSE).ug_per_kg_day)
        elif key == "autopilot":
            session.autopilot(MOST_VISITS_ON_AUTOPILOT, to_change=True)
        else:
            session.undo()
    seen = session.seen
    if seen is None:
        return {}
    count = seen.count.anc_1e9_per_l
    return {
        "ANC, 10⁹/L": f"{count:.2f}" if seen.count.usable and count is not None else seen.count.status.value,
        "day": f"{seen.day:,}",
        "weight, kg": f"{seen.weight_kg:.1f}",
    }


async def a_class(server: Served) -> tuple[list[Learner], list[list[str]], float]:
    learners = [Learner(f"luck={number}") for number in range(LEARNERS)]
    pressed = await asyncio.gather(*(play(one, number, server.port) for number, one in enumerate(learners)))
    peak = server.resident_mib()
    await asyncio.gather(*(one.go() for one in learners))
    return learners, pressed, peak


def _tell(what: str, seconds: list[float]) -> None:
    middle, most, slowest = np.quantile(seconds, [0.5, 0.95, 1.0])
    print(f"{what} ({len(seconds)} times): median {middle:.2f} s, 95 % {most:.2f} s, slowest {slowest:.2f} s")


def test_forty_learners_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    with served(folder) as server:
        before = server.resident_mib()
        learners, pressed, first = asyncio.run(a_class(server))
        _, _, second = asyncio.run(a_class(server))
    for number, (learner, keys) in enumerate(zip(learners, pressed, strict=True)):
        told = expected(number, keys)
        assert {name: learner.metrics[name] for name in told} == told, number
    with capsys.disabled():
        print(f"\n{LEARNERS} learners at once")
        _tell("to begin, each with another patient", [learner.seconds[0] for learner in learners])
        _tell("to answer a click", [one for learner in learners for one in learner.seconds[1:]])
        print(f"memory: {before:.0f} MiB before, {first:.0f} with the class, {second:.0f} with the next class")
    # The class before has been forgotten, or is about to be.
    assert second - first < 0.5 * (first - before) + 150
    assert list(folder.iterdir()) == []
