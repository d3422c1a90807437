"""Model-informed precision dosing: learn the patient's body from the counts, try doses on it, give the best.

A particle filter (Liu and West's) holds bodies of the diagnosis, each with its own parameters, that have lived through the
doses ordered; every usable count weighs them. The doses within reach are then tried on those bodies, with the equations that
move the patients, and the one with the most expected time in target for its price is asked for. Nothing is asked for that
the order gate would refuse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from titranc.models import catalogue
from titranc.models.catalogue import Disease, Quantity, values
from titranc.models.clinic_view import Count, Decision, Observation, Sentence
from titranc.models.distributions import sample
from titranc.models.documents import read_document
from titranc.models.dosing import NO_DOSE, Regimen
from titranc.models.granulopoiesis import parameter_array, reference_parameters
from titranc.models.guideline import SafetyLimits
from titranc.models.integrator import Bodies, DosePlan
from titranc.models.order_gate import order
from titranc.models.shelves import MODELS_FOLDER

if TYPE_CHECKING:
    from titranc.models.integrator import Flags, Floats

START, KEEP, RAISE, LOWER, NOT_USABLE = "mipd-start", "mipd-keep", "mipd-raise", "mipd-lower", "mipd-not-usable"
EXCEPTION = "mipd-exception"
PRODUCT = "filgrastim"
RAISES = ("raise_fold", "raise_most_fold")
# What moves the count in these is not in the particles, which know of no drug but G-CSF.
COURSES_NOT_MODELLED = frozenset({"chemotherapy", "culprit_drug", "transplant"})
# Particles are compared with noisy counts: the coarsest integration is a hundred times finer than those.
ACCURACY = "fast"
RATIO_ROUNDS = 50
RENEWAL, OUTLOOK = 0, 1
SMALLEST_UNIFORM = 1e-9
LONG_AGO_DAY = -1_000_000
# What a body that could not be followed counts for, as the logarithm of a likelihood.
LOST = -100.0
Visit = tuple[int, Count, Regimen]


@cache
def numbers() -> dict[str, Quantity]:
    """Return the numbers of model-informed dosing, by name."""
    data = read_document(MODELS_FOLDER / "policies" / "model_informed.yaml").data
    return {name: Quantity(**entry) for name, entry in data.items()}


@dataclass(frozen=True)
class Individuals:
    """What differs between n bodies.

    `scores` [parameters, n] are standard normal a priori; `refractory` and `remitted` [n] mark the exceptions of a disease.
    """

    scores: Floats
    refractory: Flags
    remitted: Flags

    def picked(self, index: NDArray[np.int64]) -> Individuals:
        """Return those with these numbers, in this order."""
        return Individuals(self.scores[:, index], self.refractory[index], self.remitted[index])


@dataclass(frozen=True)
class Prior:
    """Who a patient of a diagnosis may be before any count has come."""

    diagnosis: Disease

    @property
    def cycles(self) -> bool:
        """Whether bodies swing by themselves, so that where one stands depends on when it began."""
        return self.diagnosis.phase_days is not None

    def draws(self, uniform: Floats) -> Individuals:
        """Return the individuals of uniform numbers [parameters + 2, n]; the last two rows are for refractory and remitted."""
        from scipy.special import ndtri

        rare, passing = self.diagnosis.refractory, self.diagnosis.remission
        return Individuals(
            np.asarray(ndtri(uniform[:-2]), dtype=np.float64),
            uniform[-2] < (rare.share.value if rare else 0.0),
            uniform[-1] < (passing.share.value if passing else 0.0),
        )

    def parameters(self, individuals: Individuals) -> Floats:
        """Return the parameters of the bodies, [all parameters, n]."""
        from scipy.special import ndtr

        uniform = np.clip(ndtr(individuals.scores), SMALLEST_UNIFORM, 1 - SMALLEST_UNIFORM)
        return parameter_array([self._body(individuals, index, row) for index, row in enumerate(uniform.T.tolist())])

    def _body(self, individuals: Individuals, index: int, uniform: Sequence[float]) -> dict[str, float]:
        own = self.diagnosis.parameters.items()
        drawn = {name: sample(entry.distribution, share) for (name, entry), share in zip(own, uniform, strict=True)}
        if self.diagnosis.refractory and individuals.refractory[index]:
            drawn[self.diagnosis.refractory.multiplies] *= self.diagnosis.refractory.by.value
        if self.diagnosis.remission and individuals.remitted[index]:
            name = self.diagnosis.remission.parameter
            drawn[name] = reference_parameters()[name]
        return {name: _within_declared_range(name, value) for name, value in drawn.items()}


@cache
def _ensemble(disease: str, n: int) -> tuple[Prior, Individuals, Floats, Floats]:
    """Return the prior of a disease and n untreated bodies of it: individuals, parameters [all, n], states [21, n].

    Evenly spread over the prior, and the same for all patients.
    """
    prior = Prior(catalogue.disease(disease))
    uniform = _evenly_spread(len(prior.diagnosis.parameters) + 2, n)
    drawn = prior.draws(uniform)
    individuals = replace(drawn, remitted=np.zeros(n, dtype=np.bool_))
    parameters = prior.parameters(individuals)
    bodies = Bodies(parameters, accuracy=ACCURACY)
    phase = prior.diagnosis.phase_days
    bodies.burn_in(
        (prior.diagnosis.burn_in_days.value + uniform[-1] * (phase.value if phase else 0.0)).astype(np.int64)
    )
    return prior, individuals, parameters, bodies.state


class Particles:
    """The bodies that one patient may have, as of the morning of `day`, and how likely each is."""

    def __init__(self, disease: str, numbers: dict[str, float], seed: int, day: int) -> None:
        self._v, self._seed, self.day = numbers, seed, day
        self._prior, self._individuals, parameters, state = _ensemble(disease, int(numbers["particles"]))
        self.bodies = Bodies(parameters, state, ACCURACY)
        self._log_weights = np.zeros(self.bodies.n)
        self._course: list[tuple[int, Regimen]] = [(LONG_AGO_DAY, NO_DOSE)]
        self._last_sample_day, self._renewals = day - 1, 0

    @property
    def weights(self) -> Floats:
        """How likely each body is, [n]; they add up to 1."""
        likely = np.exp(self._log_weights - self._log_weights.max())
        return np.asarray(likely / likely.sum())

    def visit(self, day: int, count: Count, regimen: Regimen) -> None:
        """Go to the morning of a visit under the regimen in force, and learn from its count where that is usable and new."""
        if self._course[-1][1] != regimen:
            self._course.append((self.day, regimen))
        if count.usable and count.anc_1e9_per_l is not None and self._last_sample_day < count.day <= day:
            self._go_to(max(count.day, self.day))
            self._weigh(count.anc_1e9_per_l)
            self._last_sample_day = count.day
        self._go_to(day)

    def likely(self, n: int) -> NDArray[np.int64]:
        """Return the numbers of n equally likely bodies."""
        return _systematic(self.weights, n, 0.5)

    def anc_quantiles(self, shares: Sequence[float]) -> list[float]:
        """Return the ANC (10^9/L) below which these shares of the likelihood lie."""
        anc = self.bodies.anc
        rising = np.argsort(anc)
        below = np.cumsum(self.weights[rising])
        places = np.minimum(np.searchsorted(below, shares), len(anc) - 1)
        return [float(value) for value in anc[rising][places]]

    def foretell(self, regimens: Sequence[Regimen]) -> Floats:
        """Return the ANC (10^9/L) of the coming mornings under each regimen, [regimens, bodies, days].

        The bodies are equally likely, the regimens differ in nothing but their dose, and under each of them a body misses the
        same injections: the dose has to last over a day without drug.
        """
        chosen, days = self.likely(int(self._v["outlook_particles"])), int(self._v["outlook_days"])
        index = np.tile(chosen, len(regimens))
        future = Bodies(self.bodies.parameters[:, index], self.bodies.state[:, index], ACCURACY)
        future.go_back(np.arange(len(index)), self.bodies.remember(index))
        luck = np.random.default_rng([self._seed, OUTLOOK, self.day])
        taken = luck.random((days, regimens[0].injections_per_day, len(chosen))) < self._v["doses_taken_share"]
        amounts = np.concatenate([taken * regimen.dose.ug_per_kg for regimen in regimens], axis=2)
        mornings = future.advance(days, _plan(regimens[0], self.day, self.day, self.day + days, amounts))
        return np.moveaxis(mornings[:, 0].reshape(days, len(regimens), len(chosen)), 0, 2)

    def _go_to(self, day: int) -> None:
        """Let the bodies live under the doses ordered until the morning of a day."""
        first = self.day if self._prior.cycles else max(self.day, day - int(self._v["memory_days"]))
        self._live(first, day)
        self.day = day

    def _live(self, from_day: int, to_day: int) -> None:
        """Let the bodies live through some days of the course so far."""
        share, ends = self._v["doses_taken_share"], [*(since for since, _ in self._course[1:]), to_day]
        for (since, regimen), end in zip(self._course, ends, strict=True):
            first, last = max(since, from_day), min(end, to_day)
            if first < last:
                amounts = np.full(self.bodies.n, share * regimen.dose.ug_per_kg)
                self.bodies.advance(last - first, _plan(regimen, since, first, last, amounts))

    def _weigh(self, anc_1e9_per_l: float) -> None:
        """Weigh each body by how well it explains a count, and draw them again when few of them count any more."""
        self._log_weights += _log_likelihood(self.bodies.anc, anc_1e9_per_l, self._v)
        self._log_weights -= self._log_weights.max()
        weights = self.weights
        if 1.0 / (weights**2).sum() < self._v["resample_below_share"] * len(weights):
            self._renew(weights)

    def _renew(self, weights: Floats) -> None:
        """Draw the bodies again by their weights, jittered so that mean and spread stay, a few of them wholly new."""
        luck, v, n = np.random.default_rng([self._seed, RENEWAL, self._renewals]), self._v, len(weights)
        self._renewals += 1
        scores, parents = self._individuals.scores, _systematic(weights, n, float(luck.random()))
        mean = scores @ weights
        apart = scores - mean[:, None]
        near, floor = v["kept_spread_share"], v["least_jitter_sd"]
        spread = (1 - near**2) * (apart * weights) @ apart.T + floor**2 * np.eye(len(mean))
        jitter = np.linalg.cholesky(spread) @ luck.standard_normal(scores.shape)
        children = self._individuals.picked(parents)
        moved = near * children.scores + (1 - near) * mean[:, None] + jitter
        individuals = self._with_newcomers(replace(children, scores=moved), luck)
        self._individuals, self._log_weights = individuals, np.zeros(n)
        self.bodies = Bodies(self._prior.parameters(individuals), self.bodies.state[:, parents], ACCURACY)
        if not self._prior.cycles:
            # What a body is made of belongs to its parent: it lives through the last weeks again as itself.
            self._live(self.day - int(v["memory_days"]), self.day)

    def _with_newcomers(self, individuals: Individuals, luck: np.random.Generator) -> Individuals:
        n = len(individuals.refractory)
        places = luck.permutation(n)[: round(self._v["renewed_share"] * n)]
        new = self._prior.draws(luck.random((len(individuals.scores) + 2, len(places))))
        found = replace(individuals, scores=individuals.scores.copy())
        found.scores[:, places] = new.scores
        found.refractory[places], found.remitted[places] = new.refractory, new.remitted
        return found


@dataclass(frozen=True, slots=True)
class Choice:
    """The dose to ask for and the one it leads to, with the shares of time in target expected of them and of the present one.

    The two differ where the dose that is worth most is more than a step away, or not yet allowed.
    """

    regimen: Regimen
    share: float
    aim: Regimen
    share_of_aim: float
    share_before: float


@dataclass
class ModelInformed:
    """The policy of one patient: what the counts told of the body, and the doses that this body calls for.

    It keeps the particles from visit to visit; an observation that does not follow from the one before makes them anew
    from the history in it, so that a decision depends on the observation and on `seed` alone.
    """

    values: dict[str, float]
    disease: str
    limits: SafetyLimits
    seed: int = 0
    _particles: Particles | None = field(default=None, repr=False, compare=False)
    _followed: list[Visit] = field(default_factory=list, repr=False, compare=False)

    def for_patient(self, luck: np.random.Generator) -> ModelInformed:
        """Return the policy of one patient, whose particles have their own luck."""
        return ModelInformed(self.values, self.disease, self.limits, int(luck.integers(2**63)))

    def decide(self, observation: Observation) -> Decision:
        """Return the next dose and visit."""
        particles = self.estimate(observation)
        before = observation.regimen or self._none
        if not self._may_be_acted_upon(observation):
            return self._wait(observation, before)
        return self._decision(observation, before, self._choice(observation, before, particles), particles)

    def estimate(self, seen: Observation) -> Particles:
        """Return the bodies that the patient may have, as of the morning of the observation."""
        past = [(visit.day, visit.count, visit.before) for visit in seen.history]
        visits = [*past, (seen.day, seen.count, seen.regimen or NO_DOSE)]
        known = len(self._followed)
        if self._particles is None or visits[:known] != self._followed:
            day = min(visits[0][0], visits[0][1].day)
            self._particles, known = Particles(self.disease, self.values, self.seed, day), 0
        for visit in visits[known:]:
            self._particles.visit(*visit)
        self._followed = visits
        return self._particles

    @property
    def _none(self) -> Regimen:
        return Regimen.daily(0.0, int(self.values["injections_per_day"]), product=PRODUCT)

    def _may_be_acted_upon(self, seen: Observation) -> bool:
        fresh = 0 <= seen.day - seen.count.day <= self.limits.count_valid_days
        return seen.count.usable and seen.count.anc_1e9_per_l is not None and fresh

    def _choice(self, seen: Observation, before: Regimen, particles: Particles) -> Choice:
        """Return the dose with the most expected time in target for its price, or the nearest to it that may be asked for."""
        v, options = self.values, self._options(seen, before)
        tried = [*options, *self._options_ahead(seen, before, options)]
        anc = particles.foretell(tried)
        in_target = (anc >= self.limits.target_low_1e9_per_l) & (anc <= v["target_high_1e9_per_l"])
        shares = in_target.mean(axis=(1, 2))
        worth = shares - v["price_per_ug_per_kg_day"] * np.array([regimen.ug_per_kg_day for regimen in tried])
        best = int(np.argmax(worth))
        if worth[best] < worth[0] + v["least_gain"]:
            best = 0
        aim = tried[best].ng_per_kg_day
        asked = min(range(len(options)), key=lambda index: abs(options[index].ng_per_kg_day - aim))
        return Choice(options[asked], float(shares[asked]), tried[best], float(shares[best]), float(shares[0]))

    def _options(self, seen: Observation, before: Regimen) -> list[Regimen]:
        """Return the doses that may be asked for today, the present one first.

        More only on a low count, less only on one that is not.
        """
        base, dose = self._base(seen, before), before.ug_per_kg_day
        low = (seen.count.anc_1e9_per_l or 0.0) < self.limits.target_low_1e9_per_l
        less = () if low and dose > 0 else ("lower_most_fold", "lower_fold")
        folds = [*(self.values[name] for name in less), 1.0, *(self.values[name] for name in RAISES)]
        wished = sorted({self._dose(seen, base * fold, before) for fold in folds} - {dose})
        regimens = (before.with_average(wish) for wish in wished)
        return [before, *(regimen for regimen in regimens if self._is_open(seen, before, regimen, low=low))]

    def _options_ahead(self, seen: Observation, before: Regimen, options: Sequence[Regimen]) -> list[Regimen]:
        """Return doses that are more than a step away: one that helps is a reason to go its way."""
        v, base, most = self.values, self._base(seen, before), self._most(before)
        folds: list[float] = []
        if any(option.ng_per_kg_day > before.ng_per_kg_day for option in options):
            folds += [v["look_up_fold"], v["look_up_most_fold"]]
        if before.ng_per_kg_day and (seen.count.anc_1e9_per_l or 0.0) > v["target_high_1e9_per_l"]:
            folds += [v["look_down_fold"], 0.0]
        return [before.with_average(dose) for dose in sorted({min(round(base * fold, 2), most) for fold in folds})]

    def _base(self, seen: Observation, before: Regimen) -> float:
        """Return the dose that steps are taken from: the one in force, the one held, or that of the start."""
        earlier = (visit.before.ug_per_kg_day for visit in reversed(seen.history))
        return next((dose for dose in (before.ug_per_kg_day, *earlier) if dose > 0), self.values["start_ug_per_kg_day"])

    def _dose(self, seen: Observation, wished: float, before: Regimen) -> float:
        """Return a dose within the limits; one that is next to nothing is none."""
        line, dose = self.limits.exception_above_ug_per_kg_day, before.ug_per_kg_day
        soft = math.inf if self._persistently_low(seen, before) else max(line, dose)
        most = min(soft, self._most(before))
        return min(round(wished, 2), most) if wished >= self.values["least_ug_per_kg_day"] else 0.0

    def _most(self, before: Regimen) -> float:
        return min(self.limits.ceiling_ug_per_kg_day, self.limits.most_of(before.product))

    def _persistently_low(self, seen: Observation, before: Regimen) -> bool:
        """Whether the counts stay low at the line that only an exception may cross."""
        v, changes = self.values, seen.history.changes
        if before.ug_per_kg_day < self.limits.exception_above_ug_per_kg_day or not changes:
            return False
        counts = (visit.count for visit in reversed(seen.history) if visit.day > changes[-1].day)
        usable = (count.anc_1e9_per_l for count in (seen.count, *counts) if count.usable)
        latest = list(islice(usable, int(v["exception_counts"])))
        low = all(anc is not None and anc < self.limits.target_low_1e9_per_l for anc in latest)
        long = seen.day - changes[-1].day >= v["exception_after_days"]
        return low and long and len(latest) == int(v["exception_counts"])

    def _is_open(self, seen: Observation, before: Regimen, regimen: Regimen, *, low: bool) -> bool:
        """Whether a dose may be asked for: a rise only on a low count, and only one that the gate lets pass."""
        if regimen.ng_per_kg_day <= before.ng_per_kg_day:
            return True
        started = bool(seen.history.changes)
        asked = self._asked(seen, before, regimen, "raised", 1)
        return (low or not started) and not order(seen, asked, self.limits).refusals

    def _asked(
        self, seen: Observation, before: Regimen, regimen: Regimen, reason: str | Sentence, wait: int
    ) -> Decision:
        action, rule = _direction(seen, before, regimen)
        line = self.limits.exception_above_ug_per_kg_day
        crosses = rule == RAISE and regimen.ug_per_kg_day > line
        return Decision(
            regimen=regimen,
            next_visit_days=wait,
            action=action,
            rule_ids=(rule, EXCEPTION) if crosses else (rule,),
            reason=reason,
            phase="stable" if action == "keep" else "titrating",
        )

    def _decision(self, seen: Observation, before: Regimen, choice: Choice, particles: Particles) -> Decision:
        low, middle, high = particles.anc_quantiles((0.05, 0.5, 0.95))
        told = {
            "anc": seen.count.anc_1e9_per_l,
            "low": low,
            "middle": middle,
            "high": high,
            "before": before.ug_per_kg_day,
            "dose": choice.regimen.ug_per_kg_day,
            "percent": 100 * choice.share,
            "percent_before": 100 * choice.share_before,
            "aim": choice.aim.ug_per_kg_day,
            "percent_of_aim": 100 * choice.share_of_aim,
            "days": self.values["outlook_days"],
        }
        sentence = SENTENCES[_direction(seen, before, choice.regimen)[1]]
        if choice.aim != choice.regimen:
            sentence += ON_THE_WAY
        return self._asked(seen, before, choice.regimen, Sentence(sentence, lambda: told), self._next_visit_days(seen))

    def _wait(self, seen: Observation, before: Regimen) -> Decision:
        wait = int(self.values["recheck_days"])
        told = {"day": seen.count.day, "status": seen.count.status, "dose": before.ug_per_kg_day, "wait": wait}
        return Decision(
            regimen=before,
            next_visit_days=wait,
            action="keep",
            rule_ids=(NOT_USABLE,),
            reason=Sentence(SENTENCES[NOT_USABLE], lambda: told),
        )

    def _next_visit_days(self, seen: Observation) -> int:
        """Return the wait until the next visit: close when treatment is young, then less and less."""
        v, changes = self.values, seen.history.changes
        days = seen.day - changes[0].day if changes else 0
        if days < v["close_until_day"]:
            return int(v["close_visits_days"])
        return int(v["fortnightly_visits_days"] if days < v["fortnightly_until_day"] else v["later_visits_days"])


_EXPECTED = "the model puts it at {middle:.2f} ({low:.2f} to {high:.2f}) and expects "
_INSTEAD = (
    "{percent:.0f} % of the next {days:g} days in target on {dose:g} ug/kg/day, {percent_before:.0f} % on {before:g}: "
)
ON_THE_WAY = " It is a step towards {aim:g} ug/kg/day, on which {percent_of_aim:.0f} % are expected."
SENTENCES = {
    START: "ANC {anc:.2f}; " + _EXPECTED + _INSTEAD + "start.",
    KEEP: "ANC {anc:.2f}; "
    + _EXPECTED
    + "{percent:.0f} % of the next {days:g} days in target: {dose:g} ug/kg/day goes on.",
    RAISE: "ANC {anc:.2f}; " + _EXPECTED + _INSTEAD + "raise.",
    LOWER: "ANC {anc:.2f}; " + _EXPECTED + _INSTEAD + "lower.",
    NOT_USABLE: "The count of day {day} cannot be used ({status}): {dose:g} ug/kg/day goes on, blood is drawn in {wait} days.",
}


def build(
    product: str, disease: str, limits: SafetyLimits, overrides: dict[str, float]
) -> tuple[ModelInformed, SafetyLimits]:
    """Return model-informed dosing of a disease and the limits it works under.

    Raises ValueError for a product or a disease that its model of the dose does not cover.
    """
    if product != PRODUCT:
        raise ValueError(f"product: {product!r} is not dosed by the model; allowed: {PRODUCT}")
    diagnosis = catalogue.disease(disease)
    if diagnosis.emptied_marrow is not None or COURSES_NOT_MODELLED & set(diagnosis.courses):
        raise ValueError(f"disease: {disease!r} is not dosed by the model; allowed: a chronic neutropenia")
    own = replace(limits, exception_rules=limits.exception_rules | {EXCEPTION})
    return ModelInformed(values(numbers()) | overrides, disease, own), own


def _direction(seen: Observation, before: Regimen, regimen: Regimen) -> tuple[str, str]:
    """Return the action and the rule of a change from one dose to another."""
    if regimen.ng_per_kg_day == before.ng_per_kg_day:
        return "keep", KEEP
    if regimen.ng_per_kg_day < before.ng_per_kg_day:
        return "decrease", LOWER
    return ("increase", RAISE) if seen.history.changes else ("start", START)


def _within_declared_range(name: str, value: float) -> float:
    entry = catalogue.physiology()[name]
    low = -math.inf if entry.low is None else entry.low
    return min(max(value, low), math.inf if entry.high is None else entry.high)


def _log_likelihood(anc: Floats, reported: float, v: dict[str, float]) -> Floats:
    """Return the log-likelihood [n] of a reported ANC for bodies with these true ones, all in 10^9/L.

    Log-normal about the true count as its mean, with the variances of the person, of the differential and of the model;
    counts below half a cell of the differential are alike.
    """
    assay = catalogue.assay()
    half_a_cell = assay.other_leukocytes_1e9_per_l / assay.cells_counted / 2
    true = np.maximum(anc, half_a_cell)
    within = math.log1p(assay.within_subject_cv**2)
    variance = within + v["model_error_log_sd"] ** 2 + assay.other_leukocytes_1e9_per_l / (assay.cells_counted * true)
    apart = math.log(max(reported, half_a_cell)) - np.log(true) + within / 2
    noise = math.log1p(-v["outlier_share"]) - 0.5 * (apart**2 / variance + np.log(variance))
    wide = variance + v["outlier_log_sd"] ** 2
    outlier = math.log(v["outlier_share"]) - 0.5 * (apart**2 / wide + np.log(wide))
    return np.nan_to_num(np.logaddexp(noise, outlier), nan=LOST)


def _plan(regimen: Regimen, since: int, from_day: int, to_day: int, ug_per_kg: Floats) -> DosePlan:
    """Return the injections by a regimen that began on the day `since`, from one morning to another.

    `ug_per_kg` is each of them, [n] or [days, injections a day, n].
    """
    drug = catalogue.drug(regimen.product)
    times = regimen.injections_per_day
    hours = drug.injection_hours.once_daily if times == 1 else drug.injection_hours.twice_daily
    due = np.array([regimen.falls_on(day, since) for day in range(from_day, to_day)], dtype=np.float64)
    amount = np.broadcast_to(due[:, None, None] * ug_per_kg, (to_day - from_day, times, ug_per_kg.shape[-1]))
    minute = np.repeat([[60 * hour] for hour in hours], ug_per_kg.shape[-1], axis=1)
    return DosePlan(amount, minute, [drug.depot] * times)


def _systematic(weights: Floats, n: int, offset: float) -> NDArray[np.int64]:
    """Return n numbers drawn by weight with one stride and one offset between 0 and 1."""
    places = np.searchsorted(np.cumsum(weights), (np.arange(n) + offset) / n)
    return np.asarray(np.minimum(places, len(weights) - 1), dtype=np.int64)


def _evenly_spread(dimensions: int, n: int) -> Floats:
    """Return n points [dimensions, n] that fill the unit cube evenly: steps by powers of a generalised golden ratio."""
    ratio = 2.0
    for _ in range(RATIO_ROUNDS):
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    steps = ratio ** -np.arange(1.0, dimensions + 1)
    return np.clip((0.5 + np.arange(n) * steps[:, None]) % 1, SMALLEST_UNIFORM, 1 - SMALLEST_UNIFORM)
