"""Advances a whole ward of bodies: compiled, a vector lane a patient, each lane with its own step and its own clock.

Tsitouras' 5(4) pair. A step is accepted when its estimated error is small against what is there; the step is carried
from day to day and begins small again after an injection. The filgrastim depot is followed by its exact exponential.
An injection changes the rates linearly, so they are corrected, not worked out again. A lane's numbers depend on
nothing but that lane: not on its neighbours, on their number or on how many days one call covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    FIRST_FREE_ROW,
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
    Y_ROW,
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
    derivatives,
    free_share,
)
from titranc.models.vector_math import LN2, exp2, log2

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

RECORDS = (
    "anc_1e9_per_l", "gcsf_ng_per_ml", "proliferating_1e9_per_l", "maturing_1e9_per_l", "reserve_1e9_per_l",
)  # fmt: skip
TOLERANCE = {"fast": 2e-4, "default": 1.2e-5, "reference": 1e-9}
MINUTES_PER_DAY = 1440
FIRST_STEP_DAYS, SHORTEST_STEP_DAYS, LONGEST_STEP_DAYS = 0.02, 1e-7, 1.0
# Errors of groups are judged against their content plus this share of the healthy content.
FLOOR_SHARE = 1e-4

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

K1_ROW = FIRST_FREE_ROW
K2_ROW, K3_ROW, K4_ROW, K5_ROW, K6_ROW = (K1_ROW + i * N_STATES for i in range(1, 6))
STEP_ROW = K6_ROW + N_STATES  # the step taken now
NEXT_ROW, LEFT_ROW, AFTER_ROW, FRESH_ROW, ERROR_ROW, FLOOR_ROW = (STEP_ROW + i for i in range(1, 7))
N_FLOORS = 6
N_ROWS = FLOOR_ROW + N_FLOORS
_Y, _C, _STAGE, _RATE = (row * LANES for row in (Y_ROW, C_ROW, STAGE_ROW, RATE_ROW))
_K1, _K2, _K3, _K4, _K5, _K6 = (row * LANES for row in (K1_ROW, K2_ROW, K3_ROW, K4_ROW, K5_ROW, K6_ROW))
_STEP, _NEXT, _LEFT, _AFTER, _FRESH, _ERROR, _FLOOR = (
    row * LANES for row in (STEP_ROW, NEXT_ROW, LEFT_ROW, AFTER_ROW, FRESH_ROW, ERROR_ROW, FLOOR_ROW)
)
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
    for s in range(N_STATES):
        for lane in range(LANES):
            i, h = s * LANES + lane, w[_STEP + lane]
            w[_STAGE + i] = w[_Y + i] + h * (A21 * w[_K1 + i])
    _depot_at(w, C2)
    derivatives(w, general)
    for s in range(N_STATES):
        for lane in range(LANES):
            i, h = s * LANES + lane, w[_STEP + lane]
            w[_K2 + i] = w[_RATE + i]
            w[_STAGE + i] = w[_Y + i] + h * (A31 * w[_K1 + i] + A32 * w[_RATE + i])
    _depot_at(w, C3)
    derivatives(w, general)
    for s in range(N_STATES):
        for lane in range(LANES):
            i, h = s * LANES + lane, w[_STEP + lane]
            w[_K3 + i] = w[_RATE + i]
            w[_STAGE + i] = w[_Y + i] + h * (A41 * w[_K1 + i] + A42 * w[_K2 + i] + A43 * w[_RATE + i])
    _depot_at(w, C4)
    derivatives(w, general)
    for s in range(N_STATES):
        for lane in range(LANES):
            i, h = s * LANES + lane, w[_STEP + lane]
            w[_K4 + i] = w[_RATE + i]
            w[_STAGE + i] = w[_Y + i] + h * (
                A51 * w[_K1 + i] + A52 * w[_K2 + i] + A53 * w[_K3 + i] + A54 * w[_RATE + i]
            )
    _depot_at(w, C5)
    derivatives(w, general)
    for s in range(N_STATES):
        for lane in range(LANES):
            i, h = s * LANES + lane, w[_STEP + lane]
            w[_K5 + i] = w[_RATE + i]
            w[_STAGE + i] = w[_Y + i] + h * (
                A61 * w[_K1 + i] + A62 * w[_K2 + i] + A63 * w[_K3 + i] + A64 * w[_K4 + i] + A65 * w[_RATE + i]
            )
    _depot_at(w, 1.0)
    derivatives(w, general)
    for s in range(N_STATES):
        for lane in range(LANES):
            i, h = s * LANES + lane, w[_STEP + lane]
            w[_K6 + i] = w[_RATE + i]
            w[_STAGE + i] = w[_Y + i] + h * (
                A71 * w[_K1 + i] + A72 * w[_K2 + i] + A73 * w[_K3 + i] + A74 * w[_K4 + i] + A75 * w[_K5 + i]
                + A76 * w[_RATE + i]
            )  # fmt: skip
    _depot_at(w, 1.0)
    derivatives(w, general)


@njit(inline="always", error_model="numpy", fastmath=_FLAGS)  # type: ignore[untyped-decorator]
def _error_of(w: Floats, i: int) -> float:
    return abs(
        E1 * w[_K1 + i] + E2 * w[_K2 + i] + E3 * w[_K3 + i] + E4 * w[_K4 + i] + E5 * w[_K5 + i] + E6 * w[_K6 + i]
        + E7 * w[_RATE + i]
    )  # fmt: skip


@njit(error_model="numpy", fastmath=_FLAGS)  # type: ignore[untyped-decorator]
def _judge(w: Floats, tolerance: float) -> None:
    """Write each lane's error against its tolerance; a negative state counts as a far too long step."""
    for lane in range(LANES):
        ligand = w[_STAGE + T * LANES + lane] + w[_STAGE + TP * LANES + lane] + w[_STAGE + S * LANES + lane]
        e_ligand = _error_of(w, T * LANES + lane) + _error_of(w, TP * LANES + lane) + _error_of(w, S * LANES + lane)
        pool = w[_STAGE + P * LANES + lane] + w[_STAGE + X * LANES + lane]
        e_pool = _error_of(w, P * LANES + lane) + _error_of(w, X * LANES + lane)
        dividing, e_dividing, maturing, e_maturing = 0.0, 0.0, 0.0, 0.0
        for s in range(B, M):
            dividing += w[_STAGE + s * LANES + lane]
            e_dividing += _error_of(w, s * LANES + lane)
        for s in range(M, R):
            maturing += w[_STAGE + s * LANES + lane]
            e_maturing += _error_of(w, s * LANES + lane)
        worst = e_ligand / (ligand + w[_FLOOR + lane])
        worst = max(worst, e_pool / (pool + w[_FLOOR + LANES + lane]))
        worst = max(worst, e_dividing / (dividing + w[_FLOOR + 2 * LANES + lane]))
        worst = max(worst, e_maturing / (maturing + w[_FLOOR + 3 * LANES + lane]))
        worst = max(
            worst, _error_of(w, R * LANES + lane) / (w[_STAGE + R * LANES + lane] + w[_FLOOR + 4 * LANES + lane])
        )
        worst = max(
            worst, _error_of(w, N * LANES + lane) / (w[_STAGE + N * LANES + lane] + w[_FLOOR + 5 * LANES + lane])
        )
        lowest = 0.0
        for s in range(N_STATES):
            lowest = min(lowest, w[_STAGE + s * LANES + lane])
        worst = worst * w[_STEP + lane] / tolerance
        w[_ERROR + lane] = worst if lowest >= 0.0 else max(worst, 1e5)


@njit(error_model="numpy", fastmath=_FLAGS)  # type: ignore[untyped-decorator]
def _accept(w: Floats) -> None:
    """Take the new states in lanes whose error is small enough, and choose every lane's next step."""
    for s in range(N_STATES):
        for lane in range(LANES):
            i = s * LANES + lane
            good = w[_ERROR + lane] <= 1.0
            w[_Y + i] = w[_STAGE + i] if good else w[_Y + i]
            w[_K1 + i] = w[_RATE + i] if good else w[_K1 + i]
    for lane in range(LANES):
        error, step = w[_ERROR + lane], w[_STEP + lane]
        sane = min(max(error, 1e-10), 1e10) if error == error else 1e10
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
    """Cut each lane's step to what is left to its next stop, in two halves when little would remain."""
    for lane in range(LANES):
        wish, left = w[_NEXT + lane], w[_LEFT + lane]
        half = 0.5 * left if wish < left and wish > 0.5 * left else wish
        w[_STEP + lane] = left if wish >= left else half


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
def _record(w: Floats, lane: int, out: Floats, body: int) -> None:
    """Write what is recorded of a lane."""
    dividing, maturing = 0.0, 0.0
    for s in range(B, M):
        dividing += w[_Y + s * LANES + lane]
    for s in range(M, R):
        maturing += w[_Y + s * LANES + lane]
    reserve, blood = w[_Y + R * LANES + lane], w[_Y + N * LANES + lane]
    receptors = (
        w[_C + RECEPTORS_B * LANES + lane] * dividing
        + w[_C + RECEPTORS_M * LANES + lane] * (maturing + reserve)
        + w[_C + RECEPTORS_N * LANES + lane] * blood
    )
    ligand = w[_Y + T * LANES + lane] + w[_Y + TP * LANES + lane]
    out[0, body] = blood
    out[1, body] = free_share(ligand, receptors, w[_C + KD * LANES + lane]) * ligand
    out[2, body] = dividing
    out[3, body] = maturing
    out[4, body] = reserve


@njit(error_model="numpy", fastmath=_FLAGS)  # type: ignore[untyped-decorator]
def _go_on(w, lane, body, clock, amount, minute, depot, n_days, out):  # type: ignore[no-untyped-def]
    """At a stop: give the injections due, record the morning, set the way to the next stop.

    `clock` is [day, slot, minute of the day] of the lane.
    """
    slots = minute.shape[0]
    while True:
        day, slot, now = clock[0, lane], clock[1, lane], clock[2, lane]
        if day >= n_days:
            w[_LEFT + lane] = 0.0
            return
        if slot < slots and minute[slot, body] <= now:
            if amount[day, slot, body] > 0.0:
                _inject(w, lane, depot[slot], amount[day, slot, body])
            clock[1, lane] += 1
            continue
        stop = minute[slot, body] if slot < slots and amount[day, slot, body] > 0.0 else MINUTES_PER_DAY
        if slot < slots and amount[day, slot, body] <= 0.0:
            clock[1, lane] += 1
            continue
        if now < stop:
            w[_LEFT + lane] = (stop - now) / MINUTES_PER_DAY
            clock[2, lane] = stop
            return
        _record(w, lane, out[day], body)
        clock[0, lane], clock[1, lane], clock[2, lane] = day + 1, 0, 0


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FLAGS)  # type: ignore[untyped-decorator]
def _advance(blocks, amount, minute, depot, general, tolerance, out, failed):  # type: ignore[no-untyped-def]
    """Advance every block of lanes over all days of `amount`."""
    n_days = out.shape[0]
    w = np.empty(N_ROWS * LANES)
    clock = np.zeros((3, LANES), dtype=np.int64)
    for block in range(blocks.shape[0]):
        w[:] = blocks[block]
        clock[:] = 0
        for i in range(N_STATES * LANES):
            w[_STAGE + i] = w[_Y + i]
        derivatives(w, general[block])
        for i in range(N_STATES * LANES):
            w[_K1 + i] = w[_RATE + i]
        for lane in range(LANES):
            _go_on(w, lane, block * LANES + lane, clock, amount, minute, depot, n_days, out)
        running = n_days > 0
        while running:
            _choose_steps(w)
            _stages(w, general[block])
            _judge(w, tolerance)
            _accept(w)
            running = False
            for lane in range(LANES):
                body = block * LANES + lane
                if w[_STEP + lane] > 0.0 and not w[_ERROR + lane] <= 1.0 and w[_STEP + lane] < SHORTEST_STEP_DAYS:
                    failed[body] = True
                    out[clock[0, lane] :, :, body] = np.nan
                    clock[0, lane] = n_days
                    w[_LEFT + lane] = 0.0
                if w[_LEFT + lane] <= 0.0 and clock[0, lane] < n_days:
                    _go_on(w, lane, body, clock, amount, minute, depot, n_days, out)
                running = running or clock[0, lane] < n_days
        blocks[block] = w


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
        self.tolerance = TOLERANCE[accuracy]
        padded = parameters[:, np.minimum(np.arange(self._padded), self.n - 1)]
        rows = np.zeros((N_ROWS, self._padded))
        healthy = baseline_state(padded)
        start = healthy if state is None else state[:, np.minimum(np.arange(self._padded), self.n - 1)]
        rows[Y_ROW : Y_ROW + N_STATES] = start
        rows[C_ROW : C_ROW + len(CONSTANTS)] = constants(padded)
        rows[NEXT_ROW] = rows[AFTER_ROW] = FIRST_STEP_DAYS
        rows[FLOOR_ROW : FLOOR_ROW + N_FLOORS] = FLOOR_SHARE * _group_contents(healthy)
        blocks = rows.reshape(N_ROWS, -1, LANES).transpose(1, 0, 2)
        self._blocks = np.ascontiguousarray(blocks).reshape(-1, N_ROWS * LANES)
        self._general = np.asarray((blocks[:, C_ROW + HF, :] != 1.0).any(axis=1))
        self._failed = ~np.isfinite(rows[: C_ROW + len(CONSTANTS)]).all(axis=0)

    @property
    def _padded(self) -> int:
        return -(-self.n // LANES) * LANES

    @property
    def failed(self) -> Flags:
        """Which bodies could not be followed, [n]."""
        return np.asarray(self._failed[: self.n])

    @property
    def state(self) -> Floats:
        """The states, [21, n]."""
        rows = self._blocks.reshape(-1, N_ROWS, LANES)[:, :N_STATES].transpose(1, 0, 2).reshape(N_STATES, -1)
        return np.asarray(rows[:, : self.n].copy())

    @property
    def anc(self) -> Floats:
        """The ANC, 10^9/L, [n]."""
        return self.state[N]

    def advance(self, n_days: int, doses: DosePlan) -> Floats:
        """Advance by whole days; return what was there each next morning, before its dose, [n_days, records, n].

        A body that cannot be followed has not-a-number from the day on which it failed.
        """
        padding = ((0, 0), (0, self._padded - self.n))
        out = np.full((n_days, len(RECORDS), self._padded), np.nan)
        _advance(
            self._blocks,
            np.ascontiguousarray(np.pad(doses.amount, ((0, 0), *padding))),
            np.ascontiguousarray(np.pad(doses.minute, padding)),
            np.array([STATES.index(name) for name in doses.depot], dtype=np.int64),
            self._general,
            self.tolerance,
            out,
            self._failed,
        )
        self._failed |= ~np.isfinite(out).all(axis=(0, 1))
        return out[:, :, : self.n]

    def burn_in(self, days: int) -> Floats:
        """Let drug-free days pass; return what is there on the last morning, [records, n]."""
        none = DosePlan(np.zeros((days, 1, self.n)), np.zeros((1, self.n), dtype=np.int64), ("D",))
        return np.asarray(self.advance(days, none)[-1])


def _group_contents(state: Floats) -> Floats:
    """Return the content of the groups whose errors are judged together, [6, n]."""
    return np.stack([state[T], state[P], state[B:M].sum(axis=0), state[M:R].sum(axis=0), state[R], state[N]])


def warm_up() -> None:
    """Compile the kernel, or load it where this machine has compiled it before."""
    from titranc.models.granulopoiesis import parameter_array

    Bodies(parameter_array([{}])).burn_in(1)
