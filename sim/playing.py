"""`titranc play`: one patient in the terminal, an order a line."""

from __future__ import annotations

import select
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from titranc.models.dosing import NO_DOSE, DoseRefused
from titranc.models.input_problems import InputRefused
from titranc.models.order_gate import LONGEST_WAIT_DAYS
from titranc.sim import compiling, playing_screen, session_files
from titranc.sim.debrief import debrief
from titranc.sim.report.words import counted, day_words, plain
from titranc.sim.session import Session

PROMPT = "order> "
LISTENING_SECONDS = 0.25
# A line longer than this is no order.
LONGEST_LINE = 300


class WrongLine(ValueError):
    """A line that is no order; the message says what would be."""


@dataclass
class Desk:
    """A session at the clinician's desk, and what goes with the next order."""

    session: Session
    console: Console
    wait_days: int | None = None
    refer: bool = False
    events_told: int = 0

    def show_visit(self) -> None:
        """Print the visit that is due."""
        seen = self.session.seen
        if seen is None:
            return
        events = self.session.events()
        news = playing_screen.news_of(events, self.events_told)
        self.events_told = len(events)
        self.console.print(playing_screen.visit(self.session, seen, news))

    def order(self, dose_ug_per_kg_day: float) -> None:
        """Order a dose with what was chosen to go with it; tell what the gate refuses."""
        refused = self.session.decide(dose_ug_per_kg_day, self.wait_days, refer=self.refer)
        if refused:
            self.say("The safety gate refuses; nothing was ordered. Choose again.", *refused)
            return
        self.wait_days, self.refer = None, False
        self.show_visit()

    def say(self, *lines: str) -> None:
        """Print lines as they are."""
        for line in lines:
            self.console.print(plain(line), markup=False, highlight=False)

    @property
    def dose(self) -> float:
        """The dose in force, ug/kg/day."""
        seen = self.session.seen
        return (seen.regimen or NO_DOSE).ug_per_kg_day if seen else 0.0

    @property
    def step(self) -> float:
        """One step of the guideline, ug/kg/day."""
        return self.session.guideline.values["step_ug_per_kg_day"]


def play(scenario: str, changes: Sequence[str], patient: int, save: Path | None, replay: Path | None) -> None:
    """Play a patient until the player leaves or follow-up ends; raises InputRefused for what cannot be played."""
    if save is not None and save.exists():
        # What is no session of this game is not written over.
        session_files.load(save)
    console = Console(width=None if sys.stdout.isatty() else playing_screen.COLUMNS)
    compiling.make_ready(Console(stderr=True).print)
    session = session_files.load(replay) if replay else Session.open(scenario, changes, patient)
    desk = Desk(session, console)
    console.print(playing_screen.greeting(session))
    desk.show_visit()
    try:
        _go_on(desk)
    finally:
        # To be stopped must not cost what was ordered.
        if save is not None and session.acts:
            session_files.save(session, save)
            desk.say(f"Saved: {save}")
    if session.acts:
        console.print(playing_screen.debriefing(debrief(session)))


def _go_on(desk: Desk) -> None:
    """Read orders until the player leaves; when follow-up has ended, what looks back is still heeded."""
    told = False
    while True:
        if desk.session.is_over and not told:
            desk.say(f"Follow-up is over on {day_words(desk.session.day)}. {AFTERWARDS}")
        told = desk.session.is_over
        line = _read(desk.console)
        if line is None or line.strip().lower() in ("q", "quit"):
            return
        try:
            obey(desk, line)
        except (WrongLine, DoseRefused) as wrong:
            desk.say(str(wrong))


def _read(console: Console) -> str | None:
    """Return the next line, None at the end of what there is to read."""
    console.print(PROMPT, end="", markup=False, highlight=False)
    if sys.stdin.isatty():
        if sys.platform != "win32":
            _wait_for_line()
        return sys.stdin.readline() or None
    line = sys.stdin.readline()
    console.print(plain(line)[:60], markup=False, highlight=False)
    return line or None


def _wait_for_line() -> None:
    """Return when the terminal has a line; a request to stop is heeded within LISTENING_SECONDS."""
    # A read, like `input`, sleeps through a request that comes between the prompt and its first instant.
    while not select.select([sys.stdin], [], [], LISTENING_SECONDS)[0]:
        pass


def obey(desk: Desk, line: str) -> None:
    """Do what a line asks for; raises WrongLine or DoseRefused saying what is allowed."""
    words = line[:LONGEST_LINE].lower().split()
    first, rest = (words[0], words[1:]) if words else ("k", [])
    if desk.session.is_over and ORDERS.get(first) not in LOOKS_BACK:
        raise WrongLine(f"Follow-up is over. {AFTERWARDS}")
    if first in ORDERS:
        ORDERS[first](desk, rest, line)
        return
    dose = _dose(first)
    if dose is None or rest:
        raise WrongLine(
            f"{plain(line)[:40]!r} is no order. Type ? for your choices; a dose is written with a point, 2.5."
        )
    desk.order(dose)


def _dose(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _wait(desk: Desk, rest: list[str], line: str) -> None:
    if (
        len(rest) != 1
        or not rest[0].isascii()
        or not rest[0].isdigit()
        or not 1 <= int(rest[0][:6]) <= LONGEST_WAIT_DAYS
    ):
        raise WrongLine(f"w takes whole days, 1 to {LONGEST_WAIT_DAYS}, as in: w 14")
    desk.wait_days = int(rest[0])
    desk.say(f"With the next order: come again in {counted(desk.wait_days, 'day')}.")


def _refer(desk: Desk, rest: list[str], line: str) -> None:
    desk.refer = not desk.refer
    desk.say("With the next order: a referral for transplant." if desk.refer else "No referral with the next order.")


def _guideline(desk: Desk, rest: list[str], line: str) -> None:
    if desk.session.opinion is not None:
        desk.console.print(playing_screen.opinion(desk.session.opinion))


def _autopilot(desk: Desk, rest: list[str], line: str) -> None:
    asked = rest[0] if rest else ""
    if asked not in ("", "end") and not (asked.isascii() and asked.isdigit() and len(asked) < 6 and int(asked)):
        raise WrongLine("a takes a number of visits or `end`, as in: a 10; alone it goes to the next change")
    from_day = desk.session.day
    visits = int(asked) if asked.isdigit() else None
    done = desk.session.autopilot(visits, to_change=not asked)
    desk.wait_days, desk.refer = None, False
    desk.say(
        f"The guideline decided at {counted(done, 'visit')}, from {day_words(from_day)} to {day_words(desk.session.day)}."
    )
    desk.show_visit()


def _undo(desk: Desk, rest: list[str], line: str) -> None:
    if not desk.session.undo():
        raise WrongLine("There is nothing to take back.")
    desk.events_told = min(desk.events_told, len(desk.session.events()))
    desk.wait_days, desk.refer = None, False
    desk.say("Taken back: the same patient, the same luck.")
    desk.show_visit()


def _save(desk: Desk, rest: list[str], line: str) -> None:
    name = line.strip()[1:].strip().removeprefix("ave").strip()
    if not name:
        raise WrongLine("s takes the name of a file, as in: s mine.json")
    path = Path(name)
    try:
        if path.exists():
            session_files.load(path)
        session_files.save(desk.session, path)
    except InputRefused:
        raise WrongLine(f"{name}: another file stands there and is left as it is; choose another name") from None
    except OSError as error:
        raise WrongLine(f"{name}: cannot be written ({error.strerror}); choose another name") from None
    desk.say(f"Saved: {name}")


def _debrief(desk: Desk, rest: list[str], line: str) -> None:
    if not desk.session.acts:
        raise WrongLine("Order something first: there is nothing to look back at.")
    desk.console.print(playing_screen.debriefing(debrief(desk.session)))


def _help(desk: Desk, rest: list[str], line: str) -> None:
    desk.console.print(playing_screen.HELP, markup=False, highlight=False)
    line_of_exceptions = desk.session.guideline.limits.exception_above_ug_per_kg_day
    desk.say(
        f"A step is {desk.step:g} ug/kg/day. The gate lets through {line_of_exceptions:g}, and where the guideline itself",
        f"would give as much up to {desk.session.ceiling_ug_per_kg_day:g}.",
    )


Order = Callable[[Desk, list[str], str], None]
ORDERS: dict[str, Order] = {
    **dict.fromkeys(("k", "keep"), lambda desk, rest, line: desk.order(desk.dose)),
    **dict.fromkeys(("+", "up"), lambda desk, rest, line: desk.order(desk.dose + desk.step)),
    **dict.fromkeys(("-", "down"), lambda desk, rest, line: desk.order(max(desk.dose - desk.step, 0.0))),
    **dict.fromkeys(("h", "hold"), lambda desk, rest, line: desk.order(0.0)),
    **dict.fromkeys(("w", "wait"), _wait),
    **dict.fromkeys(("r", "refer"), _refer),
    **dict.fromkeys(("g", "guideline"), _guideline),
    **dict.fromkeys(("a", "auto", "autopilot"), _autopilot),
    **dict.fromkeys(("u", "undo"), _undo),
    **dict.fromkeys(("s", "save"), _save),
    **dict.fromkeys(("d", "debrief"), _debrief),
    **dict.fromkeys(("?", "help"), _help),
}
LOOKS_BACK = (_undo, _save, _debrief, _help)
AFTERWARDS = "u takes the last choice back, s keeps the session, d looks back, q leaves."
