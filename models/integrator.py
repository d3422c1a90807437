"""Advances a whole ward of bodies: compiled, a vector lane a patient, each lane with its own step and its own clock.

Tsitouras' 5(4) pair. A step is accepted when its estimated error is small against what is there; the step is carried
from day to day and begins small again after an injection. The filgrastim depot is followed by its exact exponential.
An injection changes the rates linearly, so they are corrected, not worked out again. A lane's numbers depend on
nothing but that lane: not on its neighbours, on their number or on how many days one call covers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from titranc.models.granulopoiesis import (
    ABSORBED,
    ABSORBED_P,
    ABSORBED_S,
    C_ROW,
    CONSTANTS,
    DP,
    DS,
    HF,
    KA,
    KAP,
    KAS,
    KD,
    KILLB,
    KILLM,
    KILLP,
    KILLR,
    KX,
    LANES,
    N_STATES,
    RATE_ROW,
    RECEPTORS_B,
    RECEPTORS_M,
    RECEPTORS_N,
    STAGE_ROW,
    STATES,
    TP,
    B,
    D,
    M,
    N,
    P,
    R,
    S,
    T,
    X,
    baseline_state,
    constants,
    declared,
    derivatives,
    free_share,
    parameter_array,
    with_grafts,
)
from titranc.models.patient import Graft
from titranc.models.vector_math import LN2, borrowed, exp2, log2

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

RECORDS = (
    "anc_1e9_per_l", "gcsf_ng_per_ml", "proliferating_1e9_per_l", "maturing_1e9_per_l", "reserve_1e9_per_l",
)  # fmt: skip
CACHE_LINE_BYTES = 64
TOLERANCE = {"fast": 2e-4, "default": 1.4e-5, "reference": 1e-9}
MINUTES_PER_DAY = 1440
FIRST_STEP_DAYS, SHORTEST_STEP_DAYS, LONGEST_STEP_DAYS = 0.02, 1e-7, 1.0
# Errors of groups are judged against their content plus this share of the healthy content.
FLOOR_SHARE = 1e-4
# The error given to a step that leads to negative amounts or to no number.
TOO_LONG = 1e5

C2, C3, C4, C5 = 0.161, 0.327, 0.9, 0.9800255409045097
A21 = 0.161
A31, A32 = -0.008480655492356989, 0.335480655492357
A41, A42, A43 = 2.8971530571054935, -6.359448489975075, 4.3622954328695815
A51, A52, A53, A54 = 5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525
A61, A62, A63, A64, A65 = (
    5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383
)  # fmt: skip
A71, A72, A73, A74, A75, A76 = (
    0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081, 2.324710524099774
)  # fmt: skip
E1, E2, E3, E4, E5, E6, E7 = (
    -0.00178001105222577714, -0.0008164344596567469, 0.007880878010261995, -0.1447110071732629, 0.5823571654525552,
    -0.45808210592918697, 0.015151515151515152,
)  # fmt: skip

# What a body takes along from call to call, a row each: constants, states, rates, control of the step, error floors.
Y_ROW = C_ROW + len(CONSTANTS)
K1_ROW = Y_ROW + N_STATES
NEXT_ROW, AFTER_ROW, FRESH_ROW, RATES_UNKNOWN_ROW = (K1_ROW + N_STATES + i for i in range(4))
FLOOR_ROW = RATES_UNKNOWN_ROW + 1
N_FLOORS = 6
N_KEPT = FLOOR_ROW + N_FLOORS - C_ROW
# What lives for one step.
K2_ROW, K3_ROW, K4_ROW, K5_ROW, K6_ROW, H_ROW = (C_ROW + N_KEPT + i * N_STATES for i in range(6))
STEP_ROW, LEFT_ROW, ERROR_ROW = (H_ROW + N_STATES + i for i in range(3))
N_ROWS = ERROR_ROW + 1
_STATES = N_STATES * LANES
_STAGE, _RATE, _C, _Y, _K1, _K2, _K3, _K4, _K5, _K6, _H = (
    row * LANES for row in (STAGE_ROW, RATE_ROW, C_ROW, Y_ROW, K1_ROW, K2_ROW, K3_ROW, K4_ROW, K5_ROW, K6_ROW, H_ROW)
)
_NEXT, _AFTER, _FRESH, _RATES_UNKNOWN, _FLOOR, _STEP, _LEFT, _ERROR = (
    row * LANES for row in (NEXT_ROW, AFTER_ROW, FRESH_ROW, RATES_UNKNOWN_ROW, FLOOR_ROW, STEP_ROW, LEFT_ROW, ERROR_ROW)
)
NOBODY = -1
_FLAGS = {"contract"}


@njit(error_model="numpy", fastmath=_FLAGS)  # type: ignore[untyped-decorator]
def _depot_at(w: Floats, share: float) -> None:
    """Overwrite the stage's depot by its exact value after `share` of the step."""
    for lane in range(LANES):
        decay = exp2(-w[_C + KA * LANES + lane] * (share / LN2) * w[_STEP + lane])
        w[_STAGE + D * LANES + lane] = w[_Y + D * LANES + lane] * decay


@njit(error_model="numpy", fastmath=_FLAGS)  # type: ignore[untyped-decorator]
def _stages(w: Floats, general: bool) -> None:
    """Work out the six stages of a step and the new states, left in the stage's rows with their rates."""
    for i in range(_STATES):
        w[_STAGE + i] = w[_Y + i] + w[_H + i] * (A21 * w[_K1 + i])
    _depot_at(w, C2)
    derivatives(w, general)
    for i in range(_STATES):
        w[_K2 + i] = w[_RATE + i]
        w[_STAGE + i] = w[_Y + i] + w[_H + i] * (A31 * w[_K1 + i] + A32 * w[_RATE + i])
    _depot_at(w, C3)
    derivatives(w, general)
    for i in range(_STATES):
        w[_K3 + i] = w[_RATE + i]
        w[_STAGE + i] = w[_Y + i] + w[_H + i] * (A41 * w[_K1 + i] + A42 * w[_K2 + i] + A43 * w[_RATE + i])
    _depot_at(w, C4)
    derivatives(w, general)
    for i in range(_STATES):
        w[_K4 + i] = w[_RATE + i]
        w[_STAGE + i] = w[_Y + i] + w[_H + i] * (
            A51 * w[_K1 + i] + A52 * w[_K2 + i] + A53 * w[_K3 + i] + A54 * w[_RATE + i]
        )
    _depot_at(w, C5)
    derivatives(w, general)
    for i in range(_STATES):
        w[_K5 + i] = w[_RATE + i]
        w[_STAGE + i] = w[_Y + i] + w[_H + i] * (
            A61 * w[_K1 + i] + A62 * w[_K2 + i] + A63 * w[_K3 + i] + A64 * w[_K4 + i] + A65 * w[_RATE + i]
        )
    _depot_at(w, 1.0)
    derivatives(w, general)
    for i in range(_STATES):
        w[_K6 + i] = w[_RATE + i]
        w[_STAGE + i] = w[_Y + i] + w[_H + i] * (
            A71 * w[_K1 + i] + A72 * w[_K2 + i] + A73 * w[_K3 + i] + A74 * w[_K4 + i] + A75 * w[_K5 + i]
            + A76 * w[_RATE + i]
        )  # fmt: skip
    _depot_at(w, 1.0)
    derivatives(w, general)


@njit(error_model="numpy", fastmath=_FLAGS)  # type: ignore[untyped-decorator]
def _judge(w: Floats, tolerance: float) -> None:
    """Write each lane's error against its tolerance; a negative state, or a number that is none, as a far too long step."""
    # The rates of the second stage have done their work: the errors take their place.
    for i in range(_STATES):
        w[_K2 + i] = abs(
            E1 * w[_K1 + i] + E2 * w[_K2 + i] + E3 * w[_K3 + i] + E4 * w[_K4 + i] + E5 * w[_K5 + i] + E6 * w[_K6 + i]
            + E7 * w[_RATE + i]
        )  # fmt: skip
    for lane in range(LANES):
        ligand, e_ligand = _sum(w, _STAGE, lane, T, TP, S), _sum(w, _K2, lane, T, TP, S)
        pool = w[_STAGE + P * LANES + lane] + w[_STAGE + X * LANES + lane]
        e_pool = w[_K2 + P * LANES + lane] + w[_K2 + X * LANES + lane]
        dividing, e_dividing, maturing, e_maturing, lowest = 0.0, 0.0, 0.0, 0.0, 0.0
        for s in range(B, M):
            dividing += w[_STAGE + s * LANES + lane]
            e_dividing += w[_K2 + s * LANES + lane]
        for s in range(M, R):
            maturing += w[_STAGE + s * LANES + lane]
            e_maturing += w[_K2 + s * LANES + lane]
        for s in range(N_STATES):
            lowest = min(lowest, w[_STAGE + s * LANES + lane])
        reserve, blood = w[_STAGE + R * LANES + lane], w[_STAGE + N * LANES + lane]
        e_reserve, e_blood = w[_K2 + R * LANES + lane], w[_K2 + N * LANES + lane]
        worst = max(
            max(
                max(e_ligand / (ligand + w[_FLOOR + lane]), e_pool / (pool + w[_FLOOR + LANES + lane])),
                max(
                    e_dividing / (dividing + w[_FLOOR + 2 * LANES + lane]),
                    e_maturing / (maturing + w[_FLOOR + 3 * LANES + lane]),
                ),
            ),
            max(
                e_reserve / (reserve + w[_FLOOR + 4 * LANES + lane]),
                e_blood / (blood + w[_FLOOR + 5 * LANES + lane]),
            ),
        )
        worst *= w[_STEP + lane] / tolerance
        # A maximum can lose not-a-number, a sum cannot.
        total = e_ligand + e_pool + e_dividing + e_maturing + e_reserve + e_blood
        sound = lowest >= 0.0 and total < np.inf
        w[_ERROR + lane] = worst if sound else max(worst, TOO_LONG)


@njit(inline="always", error_model="numpy", fastmath=_FLAGS)  # type: ignore[untyped-decorator]
def _sum(w: Floats, start: int, lane: int, a: int, b: int, c: int) -> float:
    return w[start + a * LANES + lane] + w[start + b * LANES + lane] + w[start + c * LANES + lane]


@njit(error_model="numpy", fastmath=_FLAGS)  # type: ignore[untyped-decorator]
def _accept(w: Floats) -> None:
    """Take the new states in lanes whose error is small enough, and choose every lane's next step."""
    for lane in range(LANES):
        good = w[_ERROR + lane] <= 1.0
        for s in range(N_STATES):
            i = s * LANES + lane
            w[_Y + i] = w[_STAGE + i] if good else w[_Y + i]
            w[_K1 + i] = w[_RATE + i] if good else w[_K1 + i]
    for lane in range(LANES):
        error, step = w[_ERROR + lane], w[_STEP + lane]
        sane = min(max(error, 1e-10), 1e10)
        factor = min(max(0.9 * exp2(-0.2 * log2(sane)), 0.2), 4.0)
        good = error <= 1.0
        wish = step * (factor if good else min(factor, 0.9))
        # A step cut short by a stop says little about how long it could have been.
        wish = max(wish, w[_NEXT + lane]) if good and step < 0.999 * w[_NEXT + lane] else wish
        busy = step > 0.0
        w[_NEXT + lane] = min(wish, LONGEST_STEP_DAYS) if busy else w[_NEXT + lane]
        w[_LEFT + lane] = (w[_LEFT + lane] - step) if good else w[_LEFT + lane]
        first = good and busy and w[_FRESH + lane] > 0.0
        w[_AFTER + lane] = step if first else w[_AFTER + lane]
        w[_FRESH + lane] = 0.0 if first else w[_FRESH + lane]


@njit(error_model="numpy", fastmath=_FLAGS)  # type: ignore[untyped-decorator]
def _choose_steps(w: Floats) -> None:
    """Cut each lane's step to what is left to its next stop, in two halves when little would remain.

    The step is written beside every state, so that a stage is one flat loop.
    """
    for lane in range(LANES):
        wish, left = w[_NEXT + lane], w[_LEFT + lane]
        half = 0.5 * left if wish < left and wish > 0.5 * left else wish
        step = left if wish >= left else half
        w[_STEP + lane] = step
        for s in range(N_STATES):
            w[_H + s * LANES + lane] = step


@njit(error_model="numpy", fastmath=_FLAGS)  # type: ignore[untyped-decorator]
def _inject(w: Floats, lane: int, depot: int, amount: float) -> None:
    """Put `amount` into a depot and correct the rates for it exactly."""
    w[_Y + depot * LANES + lane] += amount
    if depot == D:
        w[_K1 + D * LANES + lane] -= w[_C + KA * LANES + lane] * amount
        w[_K1 + T * LANES + lane] += w[_C + ABSORBED * LANES + lane] * amount
    elif depot == DP:
        w[_K1 + DP * LANES + lane] -= w[_C + KAP * LANES + lane] * amount
        w[_K1 + TP * LANES + lane] += w[_C + ABSORBED_P * LANES + lane] * amount
    elif depot == DS:
        w[_K1 + DS * LANES + lane] -= w[_C + KAS * LANES + lane] * amount
        w[_K1 + S * LANES + lane] += w[_C + ABSORBED_S * LANES + lane] * amount
    else:
        w[_K1 + X * LANES + lane] -= w[_C + KX * LANES + lane] * amount
        w[_K1 + P * LANES + lane] -= w[_C + KILLP * LANES + lane] * amount * w[_Y + P * LANES + lane]
        for s in range(B, N):
            kill = w[_C + (KILLB if s < M else KILLM if s < R else KILLR) * LANES + lane]
            w[_K1 + s * LANES + lane] -= kill * amount * w[_Y + s * LANES + lane]
    w[_NEXT + lane] = min(w[_NEXT + lane], w[_AFTER + lane])
    w[_FRESH + lane] = 1.0


@njit(error_model="numpy", fastmath=_FLAGS)  # type: ignore[untyped-decorator]
def _record(w, lane, mornings, body, day):  # type: ignore[no-untyped-def]
    """Write the morning of a lane: the count, and the rest of the record where there is room for it."""
    blood = w[_Y + N * LANES + lane]
    mornings[body, day, 0] = blood
    if mornings.shape[2] == 1:
        return
    dividing, maturing = 0.0, 0.0
    for s in range(B, M):
        dividing += w[_Y + s * LANES + lane]
    for s in range(M, R):
        maturing += w[_Y + s * LANES + lane]
    reserve = w[_Y + R * LANES + lane]
    receptors = (
        w[_C + RECEPTORS_B * LANES + lane] * dividing
        + w[_C + RECEPTORS_M * LANES + lane] * (maturing + reserve)
        + w[_C + RECEPTORS_N * LANES + lane] * blood
    )
    ligand = w[_Y + T * LANES + lane] + w[_Y + TP * LANES + lane]
    mornings[body, day, 1] = free_share(ligand, receptors, w[_C + KD * LANES + lane]) * ligand
    mornings[body, day, 2], mornings[body, day, 3], mornings[body, day, 4] = dividing, maturing, reserve


@njit(error_model="numpy", fastmath=_FLAGS)  # type: ignore[untyped-decorator]
def _go_on(w, lane, body, clock, amount, minute, depot, until_day, mornings):  # type: ignore[no-untyped-def]
    """At a stop: give the injections due, record the morning, set the way to the next stop; False at the end.

    `clock` is [day, slot, minute of the day] of the lane.
    """
    day, slot, now = clock[0, lane], clock[1, lane], clock[2, lane]
    slots = minute.shape[1]
    while day < until_day:
        if slot < slots and amount[body, day, slot] == 0.0:
            slot += 1
        elif slot < slots and minute[body, slot] <= now:
            _inject(w, lane, depot[slot], amount[body, day, slot])
            slot += 1
        elif now < MINUTES_PER_DAY:
            stop = minute[body, slot] if slot < slots else MINUTES_PER_DAY
            w[_LEFT + lane] = (stop - now) / MINUTES_PER_DAY
            clock[0, lane], clock[1, lane], clock[2, lane] = day, slot, stop
            return True
        else:
            day, slot, now = day + 1, 0, 0
            _record(w, lane, mornings, body, day)
    w[_LEFT + lane] = 0.0
    return False


@njit(error_model="numpy", fastmath=_FLAGS)  # type: ignore[untyped-decorator]
def _find_rates(w: Floats, lane: int, general: bool) -> None:
    """Work out the rates at which a body newly in a lane begins."""
    for i in range(_STATES):
        w[_STAGE + i] = w[_Y + i]
    derivatives(w, general)
    for s in range(N_STATES):
        w[_K1 + s * LANES + lane] = w[_RATE + s * LANES + lane]
    w[_RATES_UNKNOWN + lane] = 0.0


@njit(error_model="numpy", fastmath=_FLAGS)  # type: ignore[untyped-decorator]
def _move_in(w, lane, kept, body, general):  # type: ignore[no-untyped-def]
    """Put a body into a lane."""
    for row in range(N_KEPT):
        w[_C + row * LANES + lane] = kept[body, row]
    if w[_RATES_UNKNOWN + lane] > 0.0:
        _find_rates(w, lane, general)


@njit(error_model="numpy", fastmath=_FLAGS)  # type: ignore[untyped-decorator]
def _move_out(w, lane, kept, body):  # type: ignore[no-untyped-def]
    """Take a body out of its lane."""
    for row in range(N_KEPT):
        kept[body, row] = w[_C + row * LANES + lane]


@njit(error_model="numpy", fastmath=_FLAGS)  # type: ignore[untyped-decorator]
def _attend(w, lane, at, line, clock, kept, bodies, days, amount, minute, depot, general, mornings):  # type: ignore[no-untyped-def]
    """Serve a lane that stands still: its body's stop or, when that is done, the next body in `line`; return the line."""
    while True:
        k = at[lane]
        if k != NOBODY:
            if _go_on(w, lane, bodies[k], clock, amount, minute, depot, days[1, k], mornings):
                return line
            _move_out(w, lane, kept, bodies[k])
            at[lane] = NOBODY
        if line == bodies.size:
            return line
        at[lane], clock[0, lane], clock[1, lane], clock[2, lane] = line, days[0, line], 0, 0
        _move_in(w, lane, kept, bodies[line], general)
        line += 1


@njit(error_model="numpy", fastmath=_FLAGS)  # type: ignore[untyped-decorator]
def _give_up(w, lane, body, clock, until_day, mornings, failed):  # type: ignore[no-untyped-def]
    """Mark a body for which no step, however short, can be taken; its counts are not-a-number from that day on."""
    failed[body] = True
    mornings[body, clock[0, lane] + 1 :] = np.nan
    clock[0, lane] = until_day
    w[_LEFT + lane], w[_NEXT + lane] = 0.0, FIRST_STEP_DAYS


def _follow(kept, bodies, days, amount, minute, depot, general, tolerance, mornings, failed, w, clock, at):  # type: ignore[no-untyped-def]
    """Advance `bodies`, each over its own days; a lane that is free takes the next in line.

    All arrays are the caller's, the workspace `w`, `clock` and `at` too: one made here would be freed at its last mention,
    which is where it is borrowed, and another thread might get its memory.
    """
    kept, bodies, days, amount = borrowed(kept), borrowed(bodies), borrowed(days), borrowed(amount)
    minute, depot, mornings, failed = borrowed(minute), borrowed(depot), borrowed(mornings), borrowed(failed)
    w, clock, at, line = borrowed(w), borrowed(clock), borrowed(at), 0
    for lane in range(LANES):
        _move_in(w, lane, kept, bodies[0], general)
    while True:
        busy = False
        for lane in range(LANES):
            if w[_NEXT + lane] < SHORTEST_STEP_DAYS and w[_LEFT + lane] > 0.0:
                k = at[lane]
                _give_up(w, lane, bodies[k], clock, days[1, k], mornings, failed)
            if w[_LEFT + lane] <= 0.0:
                line = _attend(w, lane, at, line, clock, kept, bodies, days, amount, minute, depot, general, mornings)
            busy = busy or w[_LEFT + lane] > 0.0
        if not busy:
            return
        _choose_steps(w)
        _stages(w, general)
        _judge(w, tolerance)
        _accept(w)


def _digest_of_sources() -> str:
    """Return what tells a compiled kernel from one of other equations; numba itself looks at this file alone."""
    names = ("granulopoiesis.py", "vector_math.py", "integrator.py")
    content = b"".join(Path(__file__).with_name(name).read_bytes() for name in names)
    return hashlib.sha256(content).hexdigest()[:16]


def _workspace() -> tuple[Floats, Integers, Integers]:
    """Return what a call of the kernel works in: its rows, all zero, the clocks of the lanes, who is in each.

    No vector of the rows lies across two cache lines: that costs a third more.
    """
    room = np.zeros(N_ROWS * LANES + CACHE_LINE_BYTES // 8)
    first = -room.ctypes.data % CACHE_LINE_BYTES // 8
    rows = room[first : first + N_ROWS * LANES]
    return rows, np.zeros((3, LANES), dtype=np.int64), np.full(LANES, NOBODY)


_follow.__qualname__ += "_" + _digest_of_sources()
_advance = njit(cache=True, nogil=True, error_model="numpy", fastmath=_FLAGS)(_follow)


@dataclass(frozen=True)
class DosePlan:
    """Injections of some days.

    `amount` in ug/kg [days, slots, n], `minute` of the day [slots, n], ascending in each body, and `depot`, the state that
    each slot goes into.
    """

    amount: Floats
    minute: NDArray[np.int64]
    depot: Sequence[str]


class Bodies:
    """n bodies and where they stand; `parameters` is [parameters, n] as of `parameter_array`."""

    def __init__(self, parameters: Floats, state: Floats | None = None, accuracy: str = "default") -> None:
        self.n = parameters.shape[1]
        self.parameters = parameters.copy()
        self.tolerance = TOLERANCE[accuracy]
        healthy = baseline_state(parameters)
        rows = np.zeros((C_ROW + N_KEPT, self.n))
        rows[Y_ROW : Y_ROW + N_STATES] = healthy if state is None else state
        rows[C_ROW : C_ROW + len(CONSTANTS)] = constants(parameters)
        rows[NEXT_ROW] = rows[AFTER_ROW] = FIRST_STEP_DAYS
        rows[RATES_UNKNOWN_ROW] = 1.0
        rows[FLOOR_ROW : FLOOR_ROW + N_FLOORS] = FLOOR_SHARE * _group_contents(healthy)
        self._kept = np.ascontiguousarray(rows[C_ROW:].T)
        self._general = bool((rows[C_ROW + HF] != 1.0).any() or _sargramostim(rows[Y_ROW : Y_ROW + N_STATES]))
        self.failed: Flags = ~np.isfinite(self._kept).all(axis=1)

    @property
    def state(self) -> Floats:
        """The states, [21, n]."""
        return self._kept[:, Y_ROW - C_ROW :][:, :N_STATES].T.copy()

    @state.setter
    def state(self, state: Floats) -> None:
        self._kept[:, Y_ROW - C_ROW :][:, :N_STATES] = state.T
        self._general |= _sargramostim(state)
        self._begin_anew(np.arange(self.n))

    def change(self, bodies: Integers, name: str, values: Floats) -> None:
        """Give some bodies another value of a parameter from now on; what they are made of stays."""
        self.parameters[list(declared()).index(name), bodies] = values
        self._kept[bodies, : len(CONSTANTS)] = constants(self.parameters[:, bodies]).T
        self._begin_anew(bodies)

    def remember(self, bodies: Integers) -> Floats:
        """Return all there is to know of where some bodies stand, for `go_back`."""
        return np.asarray(self._kept[bodies])

    def go_back(self, bodies: Integers, remembered: Floats) -> None:
        """Put bodies back to where they stood when they were remembered."""
        self._kept[bodies] = remembered

    def graft(self, body: int, graft: Graft) -> None:
        """Empty the marrow of a body and give it a graft."""
        healthy = baseline_state(self.parameters[:, [body]])
        self._kept[body, Y_ROW - C_ROW :][:N_STATES] = with_grafts(healthy, [(0, graft)])[:, 0]
        self._begin_anew(np.array([body]))

    def _begin_anew(self, bodies: Integers) -> None:
        """Forget the rates and the length of the last step, which belong to what was before."""
        self._kept[bodies, RATES_UNKNOWN_ROW - C_ROW] = 1.0
        self._kept[bodies, NEXT_ROW - C_ROW] = self._kept[bodies, AFTER_ROW - C_ROW] = FIRST_STEP_DAYS

    @property
    def anc(self) -> Floats:
        """The ANC, 10^9/L, [n]."""
        return self.state[N]

    def advance(self, n_days: int, doses: DosePlan) -> Floats:
        """Advance all by whole days; return what was there each next morning, before its dose, [n_days, records, n].

        A body that cannot be followed has not-a-number from the day on which it failed. Raises ValueError on a dose that
        is negative or no number.
        """
        amount = np.ascontiguousarray(np.moveaxis(doses.amount, 2, 0), dtype=np.float64)
        if not (amount >= 0.0).all() or not np.isfinite(amount).all():
            raise ValueError("amount: a dose is negative or no number; allowed: finite ug/kg, 0 or more")
        depot = np.array([STATES.index(name) for name in doses.depot], dtype=np.int64)
        mornings = np.full((self.n, n_days + 1, len(RECORDS)), np.nan)
        days = np.zeros(self.n, dtype=np.int64), np.full(self.n, n_days)
        self.follow(np.arange(self.n), *days, amount, np.ascontiguousarray(doses.minute.T), depot, mornings)
        self.failed |= ~np.isfinite(mornings[:, 1:]).all(axis=(1, 2))
        return np.moveaxis(mornings[:, 1:], 0, 2)

    def follow(
        self,
        bodies: Integers,
        from_day: Integers,
        until_day: Integers,
        amount: Floats,
        minute: Integers,
        depot: Integers,
        mornings: Floats,
    ) -> None:
        """Advance some `bodies` [k], each from the morning of its `from_day` to that of its `until_day` [k].

        `amount` in ug/kg [n, days, slots], finite and not negative, and `minute` [n, slots], ascending, belong to all
        bodies; `depot` [slots] is the state that a slot goes into. The mornings reached are written into `mornings` [n,
        days + 1, 1 or all records], in which a body that cannot be followed gets not-a-number.
        """
        # Longest first, so that no lane is left alone with a long way at the end.
        line = np.argsort(from_day - until_day, kind="stable")
        self._general |= bool((depot == DS).any())
        days = np.stack([from_day[line], until_day[line]])
        if len(line):
            _advance(
                self._kept,
                bodies[line],
                days,
                amount,
                minute,
                depot,
                self._general,
                self.tolerance,
                mornings,
                self.failed,
                *_workspace(),
            )

    def burn_in(self, days: int | Integers) -> Floats:
        """Let drug-free days pass, for all the same or each its own [n]; return what is there then, [records, n]."""
        return self.burn_in_watched(days, 0)[0]

    def burn_in_watched(self, days: int | Integers, last_days: int) -> tuple[Floats, Floats]:
        """Do the same, and return besides the ANC of the mornings of the last days, [last_days, n], oldest first."""
        until_day = np.broadcast_to(np.asarray(days, dtype=np.int64), self.n).copy()
        longest = int(until_day.max(initial=0))
        mornings = np.full((self.n, longest + 1, len(RECORDS)), np.nan)
        amount, minute, depot = np.zeros((self.n, longest, 1)), np.zeros((self.n, 1), np.int64), np.full(1, D)
        self.follow(np.arange(self.n), np.zeros_like(until_day), until_day, amount, minute, depot, mornings)
        last = mornings[np.arange(self.n), until_day]
        self.failed |= ~np.isfinite(last).all(axis=1)
        watched = np.maximum(until_day - np.arange(last_days, 0, -1)[:, None], 0)
        return last.T, mornings[np.arange(self.n), watched, 0]


def _sargramostim(state: Floats) -> bool:
    """Return whether somebody has sargramostim in the body, which takes the general equations."""
    return bool((state[DS : S + 1] > 0.0).any())


def _group_contents(state: Floats) -> Floats:
    """Return the content of the groups whose errors are judged together, [6, n]."""
    return np.stack([state[T], state[P], state[B:M].sum(axis=0), state[M:R].sum(axis=0), state[R], state[N]])


def compiled_code_folder() -> str:
    """Return where the compiled kernel is kept: beside the package, or in the user's cache when that is read-only."""
    return str(_advance.stats.cache_path)


def warm_up() -> None:
    """Compile the kernel, or load it where this machine has compiled it before."""
    Bodies(parameter_array([{}])).burn_in(1)
