"""The body: how marrow makes neutrophils and how G-CSF drives it; the one place where the equations stand.

Twenty-one states. D, Dp, Ds: what lies under the skin of filgrastim, pegfilgrastim, sargramostim (ug/kg). T, Tp, S:
what is in the blood, free and bound (ng/mL). X: cytotoxic exposure. P: committed progenitors (1 = normal). B1..B7,
M1..M4, R, N: proliferating and maturing cells, the reserve and the blood count, all in blood equivalents (10^9/L).

The drug binds receptors on the very cells it makes, so its clearance grows with them: quasi-equilibrium target-
mediated kinetics (Krzyzanski 2010). G-CSF amplifies divisions, hurries maturation and opens the reserve: a chain of
Erlang stages in the place of delays (Craig 2016, De Souza 2018, Cassidy 2020). Output of progenitors falls as the
mature marrow fills (after Scholz 2012). Promyelocytes survive with probability exp(-hazard), of which G-CSF can take
a fraction away: severe congenital neutropenia is a raised hazard and a weak response.

Everything works on a workspace of rows, one value a lane in each, so that the compiler advances many patients at
once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from titranc.models.patient import Graft
from titranc.models.vector_math import JIT, LN2, exp2, log2

Floats = NDArray[np.float64]

LANES = 16 if JIT else 1
STATES = (
    "D", "T", "Dp", "Tp", "Ds", "S", "X", "P", "B1", "B2", "B3", "B4", "B5", "B6", "B7", "M1", "M2", "M3", "M4", "R", "N",
)  # fmt: skip
N_STATES = len(STATES)
D, T, DP, TP, DS, S, X, P, B, M, R, N = 0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 19, 20
N_B, N_M = 7, 4

CONSTANTS = (
    "ka", "absorbed", "kprod", "kel", "kint", "kap", "absorbed_p", "kelp", "kintp", "kas", "absorbed_s", "kels", "kX",
    "KD", "receptors_B", "receptors_M", "receptors_N", "per_sens", "ep", "es", "esV", "esR", "gA", "gA_log_EA", "amplify", "log_A0",
    "gV", "gV_log_EV", "hasten", "per_v0", "cycle", "k_per_vB0", "release_ratio", "release", "phi0", "survival", "omega",
    "per_Z", "bF", "hF", "inflow", "km_rate", "rP", "eP", "per_Pset", "supply", "killP", "killB", "killM", "killR", "loss",
)  # fmt: skip
(
    KA, ABSORBED, KPROD, KEL, KINT, KAP, ABSORBED_P, KELP, KINTP, KAS, ABSORBED_S, KELS, KX,
    KD, RECEPTORS_B, RECEPTORS_M, RECEPTORS_N, PER_SENS, EP, ES, ESV, ESR, GA, GA_LOG_EA, AMPLIFY, LOG_A0,
    GV, GV_LOG_EV, HASTEN, PER_V0, CYCLE, K_PER_VB0, RELEASE_RATIO, RELEASE, PHI0, SURVIVAL, OMEGA,
    PER_Z, BF, HF, INFLOW, KM_RATE, RP, EPG, PER_PSET, SUPPLY, KILLP, KILLB, KILLM, KILLR, LOSS,
) = range(len(CONSTANTS))  # fmt: skip

# Rows of the workspace: the stage's states, their rates, what one loop leaves for the next, the constants.
STAGE_ROW = 0
RATE_ROW = STAGE_ROW + N_STATES
_BETWEEN_ROW = RATE_ROW + N_STATES
N_BETWEEN = 10
_MATURE, _SIGNAL, _LOG_X, _AMPLIFIED, _CYCLE_RATE, _MATURATION, _RELEASED, _GAIN, _SURVIVING, _FED = (
    (_BETWEEN_ROW + i) * LANES for i in range(N_BETWEEN)
)
C_ROW = _BETWEEN_ROW + N_BETWEEN
FIRST_FREE_ROW = C_ROW + len(CONSTANTS)
_STAGE, _RATE, _C = STAGE_ROW * LANES, RATE_ROW * LANES, C_ROW * LANES
SMALLEST = 1e-300


@cache
def declared() -> dict[str, dict[str, float | str]]:
    """Return every parameter with symbol, value, unit, bounds, meaning, source and grade, by name."""
    from titranc.models.documents import read_document

    return dict(read_document(Path(__file__).with_name("physiology.yaml")).data)


def reference_parameters() -> dict[str, float]:
    """Return the healthy reference value of every parameter, by name."""
    return {name: float(entry["value"]) for name, entry in declared().items()}


def parameter_array(individuals: Sequence[Mapping[str, float]]) -> Floats:
    """Return the parameters of n bodies, [parameters, n], in the order of `declared`, from what differs.

    Raises ValueError naming the parameter, its value and its declared range.
    """
    for index, individual in enumerate(individuals):
        for name, value in individual.items():
            _check(name, value, index)
    reference = reference_parameters()
    return np.array([[individual.get(name, value) for individual in individuals] for name, value in reference.items()])


def _check(name: str, value: float, index: int) -> None:
    entry = declared().get(name)
    if entry is None:
        raise ValueError(f"patient {index}: no parameter is called {name!r}")
    if not float(entry["low"]) <= value <= float(entry["high"]):
        raise ValueError(f"patient {index}: {name}: {value!r} is not between {entry['low']} and {entry['high']}")


def _by_symbol(parameters: Floats) -> dict[str, Floats]:
    return {str(entry["symbol"]): row for entry, row in zip(declared().values(), parameters, strict=True)}


def _hill(x: Floats, half: Floats, steepness: Floats) -> Floats:
    u: Floats = (x / half) ** steepness
    return u / (1 + u)


def baseline_state(parameters: Floats) -> Floats:
    """Return the drug-free fixed point of healthy bodies with these parameters, [21, n]; a disease departs from it."""
    p = _by_symbol(parameters)
    state = np.zeros((N_STATES, parameters.shape[1]))
    flux = p["kN"] * p["N0"]
    state[T] = p["C0"] + p["Rt0"] * p["C0"] / (p["KD"] + p["C0"])
    state[P] = p["Pset"]
    state[B : B + N_B] = flux / _healthy_survival(p) * p["tauB"] / N_B
    state[M : M + N_M] = flux * p["tauM"] / N_M
    state[R], state[N] = flux * p["tauR"], p["N0"]
    return state


def with_grafts(state: Floats, grafts: Sequence[tuple[int, Graft]]) -> Floats:
    """Return the states [21, n] in which some bodies, by number, are an emptied marrow with a graft."""
    state = state.copy()
    for body, graft in grafts:
        state[P, body] = graft.progenitors
        state[B:N, body] *= graft.marrow_share
        state[N, body] = graft.anc_1e9_per_l
    return state


def _healthy_survival(p: Mapping[str, Floats]) -> Floats:
    return np.asarray(np.exp(-p["Lam0"] * (1 - p["omega"] * _hill(p["C0"], p["EA"], p["gA"]))))


def constants(parameters: Floats) -> Floats:
    """Return what the equations need of the parameters, worked out once, [constants, n]."""
    p = _by_symbol(parameters)
    flux, s0 = p["kN"] * p["N0"], _healthy_survival(p)
    marrow = flux * (p["tauM"] + p["tauR"])
    hA, hV, hPh = _hill(p["C0"], p["EA"], p["gA"]), _hill(p["C0"], p["EV"], p["gV"]), _hill(p["C0"], p["EPh"], p["gV"])
    rows = {
        "ka": p["ka"], "absorbed": p["ka"] * p["F"] / p["V"],
        "kprod": p["gprod"] * (p["kel"] * p["C0"] + p["kint"] * p["Rt0"] * p["C0"] / (p["KD"] + p["C0"])),
        "kel": p["kel"], "kint": p["kint"],
        "kap": p["kap"], "absorbed_p": p["kap"] * p["Fp"] / p["Vp"], "kelp": p["kelp"], "kintp": p["kintp"],
        "kas": p["kas"], "absorbed_s": p["kas"] / p["Vs"], "kels": p["kels"], "kX": p["kX"], "KD": p["KD"],
        "receptors_B": p["Rt0"] * p["wB"] / (flux / s0 * p["tauB"]), "receptors_M": p["Rt0"] * p["wM"] / marrow,
        "receptors_N": p["Rt0"] * p["wN"] / p["N0"],
        "per_sens": 1 / p["sens"], "ep": p["ep"], "es": p["es"], "esV": p["es"] * (1 - p["wSV"]) / p["sens"],
        "esR": p["es"] * (1 - p["wSR"]) / p["sens"],
        "gA": p["gA"], "gA_log_EA": p["gA"] * np.log2(p["EA"]), "amplify": p["Amax"] - 1,
        "log_A0": np.log2(1 + (p["Amax"] - 1) * hA),
        "gV": p["gV"], "gV_log_EV": p["gV"] * np.log2(p["EV"]),
        "hasten": p["Vmax"] - 1, "per_v0": 1 / (1 + (p["Vmax"] - 1) * hV),
        "cycle": p["VB"] - 1, "k_per_vB0": N_B / p["tauB"] / (1 + (p["VB"] - 1) * hV),
        "release_ratio": (p["EV"] / p["EPh"]) ** p["gV"], "release": p["Phmax"] - 1,
        "phi0": 1 / p["tauR"] / (1 + (p["Phmax"] - 1) * hPh),
        "survival": -p["Lam"] / LN2, "omega": p["omega"],
        "per_Z": 1 / (marrow * p["theta"]), "bF": p["bF"], "hF": p["hF"],
        "inflow": flux / s0 * (1 - p["inhib"]), "km_rate": N_M / p["tauM"],
        "rP": p["rP"], "eP": p["eP"], "per_Pset": 1 / p["Pset"], "supply": p["supply"],
        "killP": p["killP"], "killB": p["killB"], "killM": p["killM"], "killR": p["killR"],
        "loss": p["kN"] * p["kNmult"],
    }  # fmt: skip
    return np.array([np.broadcast_to(rows[name], parameters.shape[1:]) for name in CONSTANTS])


# Short loops, not one: a short loop lets the processor work on the second half of the lanes before the first is done.
@njit(error_model="numpy", fastmath={"contract"})  # type: ignore[untyped-decorator]
def _drug(w: Floats) -> None:
    """Bind the ligands to their receptors; write the drugs' rates, the signal and its log, and the mature cells."""
    for lane in range(LANES):
        total, total_p = w[_STAGE + T * LANES + lane], w[_STAGE + TP * LANES + lane]
        s_drug = w[_STAGE + S * LANES + lane]
        depot, depot_p = w[_STAGE + D * LANES + lane], w[_STAGE + DP * LANES + lane]
        depot_s = w[_STAGE + DS * LANES + lane]
        dividing = (
            (w[_STAGE + 8 * LANES + lane] + w[_STAGE + 9 * LANES + lane])
            + (w[_STAGE + 10 * LANES + lane] + w[_STAGE + 11 * LANES + lane])
            + (w[_STAGE + 12 * LANES + lane] + w[_STAGE + 13 * LANES + lane] + w[_STAGE + 14 * LANES + lane])
        )
        mature = (
            (w[_STAGE + 15 * LANES + lane] + w[_STAGE + 16 * LANES + lane])
            + (w[_STAGE + 17 * LANES + lane] + w[_STAGE + 18 * LANES + lane] + w[_STAGE + R * LANES + lane])
        )  # fmt: skip
        w[_MATURE + lane] = mature
        receptors = (
            w[_C + RECEPTORS_B * LANES + lane] * dividing
            + w[_C + RECEPTORS_M * LANES + lane] * mature
            + w[_C + RECEPTORS_N * LANES + lane] * w[_STAGE + N * LANES + lane]
        )
        # Free share of both ligands, in the form without cancellation on either side; one division.
        kd = w[_C + KD * LANES + lane]
        ligand = max(total + total_p, SMALLEST)
        b = receptors + kd - ligand
        root = np.sqrt(b * b + 4.0 * kd * ligand)
        over, under = (2.0 * kd, b + root) if b > 0.0 else (root - b, 2.0 * ligand)
        free = over / under
        bound = 1.0 - free
        x = free * (total + w[_C + EP * LANES + lane] * total_p) + w[_C + ES * LANES + lane] * s_drug
        signal = max(x * w[_C + PER_SENS * LANES + lane], SMALLEST)
        w[_SIGNAL + lane] = signal
        w[_LOG_X + lane] = log2(signal)

        w[_RATE + D * LANES + lane] = -w[_C + KA * LANES + lane] * depot
        w[_RATE + T * LANES + lane] = (
            w[_C + ABSORBED * LANES + lane] * depot + w[_C + KPROD * LANES + lane]
            - (w[_C + KEL * LANES + lane] * free + w[_C + KINT * LANES + lane] * bound) * total
        )  # fmt: skip
        w[_RATE + DP * LANES + lane] = -w[_C + KAP * LANES + lane] * depot_p
        w[_RATE + TP * LANES + lane] = (
            w[_C + ABSORBED_P * LANES + lane] * depot_p
            - (w[_C + KELP * LANES + lane] * free + w[_C + KINTP * LANES + lane] * bound) * total_p
        )
        w[_RATE + DS * LANES + lane] = -w[_C + KAS * LANES + lane] * depot_s
        w[_RATE + S * LANES + lane] = w[_C + ABSORBED_S * LANES + lane] * depot_s - w[_C + KELS * LANES + lane] * s_drug
        w[_RATE + X * LANES + lane] = -w[_C + KX * LANES + lane] * w[_STAGE + X * LANES + lane]


@njit(error_model="numpy", fastmath={"contract"}, inline="always")  # type: ignore[untyped-decorator]
def _hasten(w: Floats, lane: int, u_v: float, u_r: float) -> None:
    """Write how fast cells divide, ripen and leave the reserve, at these odds."""
    h_v, h_r = u_v / (1.0 + u_v), u_r / (1.0 + u_r)
    w[_CYCLE_RATE + lane] = w[_C + K_PER_VB0 * LANES + lane] * (1.0 + w[_C + CYCLE * LANES + lane] * h_v)
    v = (1.0 + w[_C + HASTEN * LANES + lane] * h_v) * w[_C + PER_V0 * LANES + lane]
    w[_MATURATION + lane] = w[_C + KM_RATE * LANES + lane] * v
    w[_RELEASED + lane] = w[_C + PHI0 * LANES + lane] * (1.0 + w[_C + RELEASE * LANES + lane] * h_r)


@njit(error_model="numpy", fastmath={"contract"})  # type: ignore[untyped-decorator]
def _response(w: Floats) -> None:
    """Write what the signal does: amplification, faster cycle and maturation, release."""
    for lane in range(LANES):
        log_x = w[_LOG_X + lane]
        u = exp2(w[_C + GA * LANES + lane] * log_x - w[_C + GA_LOG_EA * LANES + lane])
        u_v = exp2(w[_C + GV * LANES + lane] * log_x - w[_C + GV_LOG_EV * LANES + lane])
        w[_AMPLIFIED + lane] = u / (1.0 + u)
        _hasten(w, lane, u_v, u_v * w[_C + RELEASE_RATIO * LANES + lane])


@njit(error_model="numpy", fastmath={"contract"})  # type: ignore[untyped-decorator]
def _answer_to_sargramostim(w: Floats) -> None:
    """Write cycle, maturation and release anew: GM-CSF drives them less than it amplifies (Dale 1998)."""
    for lane in range(LANES):
        signal, s_drug = w[_SIGNAL + lane], w[_STAGE + S * LANES + lane]
        gv, gv_log_ev = w[_C + GV * LANES + lane], w[_C + GV_LOG_EV * LANES + lane]
        u_v = exp2(gv * log2(max(signal - w[_C + ESV * LANES + lane] * s_drug, SMALLEST)) - gv_log_ev)
        u_r = exp2(gv * log2(max(signal - w[_C + ESR * LANES + lane] * s_drug, SMALLEST)) - gv_log_ev)
        _hasten(w, lane, u_v, u_r * w[_C + RELEASE_RATIO * LANES + lane])


@njit(error_model="numpy", fastmath={"contract"})  # type: ignore[untyped-decorator]
def _growth(w: Floats, general: bool) -> None:
    """Write the gain a stage, what survives the promyelocytes, and the inflow that the marrow's load leaves."""
    for lane in range(LANES):
        h = w[_AMPLIFIED + lane]
        log_gain = log2(1.0 + w[_C + AMPLIFY * LANES + lane] * h) - w[_C + LOG_A0 * LANES + lane]
        w[_GAIN + lane] = exp2(log_gain * (1.0 / N_B))
        w[_SURVIVING + lane] = exp2(w[_C + SURVIVAL * LANES + lane] * (1.0 - w[_C + OMEGA * LANES + lane] * h))
        load = w[_MATURE + lane] * w[_C + PER_Z * LANES + lane]
        if general:
            power = w[_C + HF * LANES + lane]
            load = load if power == 1.0 else exp2(power * log2(max(load, SMALLEST)))
        strength = w[_C + BF * LANES + lane]
        w[_FED + lane] = w[_C + INFLOW * LANES + lane] * (1.0 + strength) / (1.0 + strength * load)


@njit(error_model="numpy", fastmath={"contract"})  # type: ignore[untyped-decorator]
def _cells(w: Floats) -> None:
    """Write the rates of progenitors, dividing and maturing cells, the reserve and the blood."""
    for lane in range(LANES):
        x_cyt, p_pool = w[_STAGE + X * LANES + lane], w[_STAGE + P * LANES + lane]
        k, km, phi = w[_CYCLE_RATE + lane], w[_MATURATION + lane], w[_RELEASED + lane]
        growth = w[_C + RP * LANES + lane] * (1.0 + w[_C + EPG * LANES + lane] * w[_AMPLIFIED + lane])
        crowding = 1.0 - p_pool * w[_C + PER_PSET * LANES + lane]
        w[_RATE + P * LANES + lane] = (
            (growth * crowding - w[_C + KILLP * LANES + lane] * x_cyt) * p_pool + w[_C + SUPPLY * LANES + lane]
        )  # fmt: skip
        out_b = k + w[_C + KILLB * LANES + lane] * x_cyt
        grown = w[_GAIN + lane] * k
        b1, b2, b3 = w[_STAGE + 8 * LANES + lane], w[_STAGE + 9 * LANES + lane], w[_STAGE + 10 * LANES + lane]
        b4, b5 = w[_STAGE + 11 * LANES + lane], w[_STAGE + 12 * LANES + lane]
        b6, b7 = w[_STAGE + 13 * LANES + lane], w[_STAGE + 14 * LANES + lane]
        w[_RATE + 8 * LANES + lane] = w[_FED + lane] * p_pool - out_b * b1
        w[_RATE + 9 * LANES + lane] = grown * b1 - out_b * b2
        w[_RATE + 10 * LANES + lane] = grown * b2 - out_b * b3
        w[_RATE + 11 * LANES + lane] = grown * b3 - out_b * b4
        w[_RATE + 12 * LANES + lane] = grown * b4 - out_b * b5
        w[_RATE + 13 * LANES + lane] = grown * b5 - out_b * b6
        w[_RATE + 14 * LANES + lane] = grown * b6 - out_b * b7
        m1, m2 = w[_STAGE + 15 * LANES + lane], w[_STAGE + 16 * LANES + lane]
        m3, m4 = w[_STAGE + 17 * LANES + lane], w[_STAGE + 18 * LANES + lane]
        reserve, blood = w[_STAGE + R * LANES + lane], w[_STAGE + N * LANES + lane]
        out_m = km + w[_C + KILLM * LANES + lane] * x_cyt
        w[_RATE + 15 * LANES + lane] = w[_SURVIVING + lane] * grown * b7 - out_m * m1
        w[_RATE + 16 * LANES + lane] = km * m1 - out_m * m2
        w[_RATE + 17 * LANES + lane] = km * m2 - out_m * m3
        w[_RATE + 18 * LANES + lane] = km * m3 - out_m * m4
        w[_RATE + R * LANES + lane] = km * m4 - (phi + w[_C + KILLR * LANES + lane] * x_cyt) * reserve
        w[_RATE + N * LANES + lane] = phi * reserve - w[_C + LOSS * LANES + lane] * blood


@njit(error_model="numpy", fastmath={"contract"})  # type: ignore[untyped-decorator]
def derivatives(w: Floats, general: bool) -> None:
    """Write the rates of change (per day) of the stage's states.

    `general`: some feedback power differs from 1, or somebody is given sargramostim.
    """
    _drug(w)
    _response(w)
    if general:
        _answer_to_sargramostim(w)
    _growth(w, general)
    _cells(w)


@njit(error_model="numpy")  # type: ignore[untyped-decorator]
def free_share(total: float, receptors: float, kd: float) -> float:
    """Return the share of `total` ligand (ng/mL) that is not bound to `receptors` (ng/mL)."""
    ligand = max(total, SMALLEST)
    b = receptors + kd - ligand
    root = np.sqrt(b * b + 4.0 * kd * ligand)
    return 2.0 * kd / (b + root) if b > 0.0 else (root - b) / (2.0 * ligand)


def rates(state: Floats, parameters: Floats) -> Floats:
    """Return the rates of change (per day) of one body, [21], for a state [21] and its parameters [parameters, 1].

    The very equations that the batch integrator advances, for solvers that want a plain function.
    """
    workspace = np.zeros(FIRST_FREE_ROW * LANES)
    rows = workspace.reshape(FIRST_FREE_ROW, LANES)
    rows[C_ROW : C_ROW + len(CONSTANTS)] = constants(parameters)
    rows[STAGE_ROW : STAGE_ROW + N_STATES] = state[:, None]
    derivatives(workspace, True)
    return rows[RATE_ROW : RATE_ROW + N_STATES, 0].copy()
