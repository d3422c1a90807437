"""What is read off the mornings' true counts: depth and length of a neutropenia, recovery, engraftment, cycles."""

from __future__ import annotations

import numpy as np
import pandas as pd

from titranc.sim.validation.outcome_measures import KEYS, STATISTICS
from titranc.sim.validation.samples import Sample, difference, mean, median, percentage, ratio
from titranc.sim.validation.studies import Virtual

DAYS_PER_MONTH = 30.4


def days_below(
    virtual: Virtual,
    limit: float,
    statistic: str = "mean",
    arm: str | None = None,
    from_day: int = 0,
    to_day: int | None = None,
    of_those: bool = False,
) -> Sample:
    """Return how many mornings lie below a limit (10^9/L); `of_those`: of patients with any such morning."""
    days = (virtual.mornings(arm, from_day, to_day) < limit).sum(axis=1)
    return Sample.of(STATISTICS[statistic], days[days > 0] if of_those else days)


def days_below_a_cycle(
    virtual: Virtual, limit: float, statistic: str, first_day: int, every_days: int, cycles: int, arm: str | None = None
) -> Sample:
    """Return how many mornings of each cycle of chemotherapy, the first begun on a day, lie below a limit (10^9/L)."""
    starts = range(first_day, first_day + cycles * every_days, every_days)
    each = [(virtual.mornings(arm, start, start + every_days - 1) < limit).sum(axis=1) for start in starts]
    return Sample.of(STATISTICS[statistic], pd.concat(each))


def days_below_difference(virtual: Virtual, limit: float, first: str, second: str) -> Sample:
    """Return the difference between two arms' median mornings below a limit, in the same patients."""
    one, other = ((virtual.mornings(arm) < limit).sum(axis=1).droplevel("arm") for arm in (first, second))
    return Sample.of(difference, one, other.reindex(one.index))


def nadir(virtual: Virtual, arm: str | None = None, statistic: str = "mean", to_day: int | None = None) -> Sample:
    """Return the lowest morning count (10^9/L)."""
    return Sample.of(STATISTICS[statistic], virtual.mornings(arm, 0, to_day).min(axis=1))


def nadir_below(virtual: Virtual, limit: float, arm: str | None = None) -> Sample:
    """Return the percentage of patients whose lowest morning count lies below a limit."""
    return Sample.of(percentage, virtual.mornings(arm).min(axis=1) < limit)


def below_in_a_row(virtual: Virtual, limit: float, mornings: int, arm: str | None = None) -> Sample:
    """Return the percentage of patients with so many mornings in a row below a limit."""
    in_a_row = (virtual.mornings(arm) < limit).T.rolling(mornings).sum().T.eq(mornings)
    return Sample.of(percentage, in_a_row.any(axis=1))


def _first(flags: pd.DataFrame) -> pd.Series:
    """Return the first day with a flag, not-a-number without."""
    return flags.idxmax(axis=1).where(flags.any(axis=1)).astype(float)


def _recovered(anc: pd.DataFrame, limit: float) -> pd.Series:
    """Return the first day at or above a limit after the day of the lowest count."""
    after = anc.columns.to_numpy()[None, :] > anc.idxmin(axis=1).to_numpy()[:, None]
    return _first((anc >= limit) & after)


def recovery_day(
    virtual: Virtual, limit: float, since: int, arm: str | None = None, statistic: str = "mean", to_day: int = 60
) -> Sample:
    """Return the days from day `since` until the count is back at a limit after its nadir."""
    return Sample.of(STATISTICS[statistic], _recovered(virtual.mornings(arm, 0, to_day), limit) - since)


def recovery_earlier(virtual: Virtual, limit: float, treated: str, control: str) -> Sample:
    """Return by how many days the treated recover before the control, median over the same patients' two courses."""
    sides = [_recovered(virtual.mornings(arm), limit).droplevel("arm") for arm in (control, treated)]
    return Sample.of(difference, sides[0], sides[1].reindex(sides[0].index))


def engraftment_day(virtual: Virtual, arm: str | None = None, statistic: str = "median", since: int = 0) -> Sample:
    """Return the days from the graft until the first of three mornings in a row with 0.5 or more."""
    enough = virtual.mornings(arm, since + 1) >= 0.5
    three = enough & enough.shift(-1, axis=1, fill_value=False) & enough.shift(-2, axis=1, fill_value=False)
    # The recipient's own cells are still there in the first days.
    anc = virtual.mornings(arm, since + 1)
    after = anc.columns.to_numpy()[None, :] > anc.idxmin(axis=1).to_numpy()[:, None]
    return Sample.of(STATISTICS[statistic], _first(three & after) - since)


def recovered_and_stayed(virtual: Virtual, limit: float, mornings: int, arm: str | None = None) -> Sample:
    """Return the median day of treatment from which so many mornings in a row lie at or above a limit."""
    enough = virtual.mornings(arm, 1) >= limit
    in_a_row = enough.T.rolling(mornings).sum().T.eq(mornings)
    return Sample.of(median, _first(in_a_row) - mornings + 1)


def reached(
    virtual: Virtual, limit: float, within: int, arm: str | None = None, since: int = 0, statistic: str = "percentage"
) -> Sample:
    """Return the percentage whose morning count reaches a limit within some days of treatment."""
    return Sample.of(STATISTICS[statistic], (virtual.mornings(arm, since + 1, since + within) >= limit).any(axis=1))


def risen(virtual: Virtual, fold: float, within: int, arm: str | None = None) -> Sample:
    """Return the percentage whose count rises to a multiple of the first morning's."""
    anc = virtual.mornings(arm, 0, within)
    return Sample.of(percentage, anc.max(axis=1) >= fold * anc[0])


def average(
    virtual: Virtual, arm: str | None = None, from_day: int = 0, to_day: int | None = None, statistic: str = "mean"
) -> Sample:
    """Return each patient's mean morning count (10^9/L)."""
    return Sample.of(STATISTICS[statistic], virtual.mornings(arm, from_day, to_day).mean(axis=1))


def held(
    virtual: Virtual, limit: float, arm: str | None = None, from_day: int = 0, to_day: int | None = None
) -> Sample:
    """Return the percentage of patients whose median morning count is at or above a limit."""
    return Sample.of(percentage, virtual.mornings(arm, from_day, to_day).median(axis=1) >= limit)


def fold(virtual: Virtual, treated: str, control: str, from_day: int) -> Sample:
    """Return the mean count of the treated over that of the same patients untreated."""
    sides = [virtual.mornings(arm, from_day).mean(axis=1).droplevel("arm") for arm in (treated, control)]
    return Sample.of(ratio, sides[0], sides[1].reindex(sides[0].index))


def cycle_days(virtual: Virtual, arm: str | None = None, from_day: int = 60) -> Sample:
    """Return the length of the count's cycle: the lag at which the logarithm of a course resembles itself most."""
    anc = np.log(virtual.mornings(arm, from_day).to_numpy())
    return Sample.of(median, [_period(course[np.isfinite(course)]) for course in anc])


def _period(course: np.ndarray) -> float:
    wave = course - course.mean()
    power = np.abs(np.fft.rfft(wave, 8 * len(wave))) ** 2
    alike = np.fft.irfft(power)[: len(wave) // 2] / np.arange(len(wave), len(wave) - len(wave) // 2, -1)
    peaks = np.flatnonzero((alike[1:-1] > alike[:-2]) & (alike[1:-1] >= alike[2:])) + 1
    if len(peaks) == 0 or alike[peaks].max() <= 0:
        return float("nan")
    top = peaks[np.argmax(alike[peaks] > 0.8 * alike[peaks].max())]
    before, here, after = alike[top - 1 : top + 2]
    return float(top + 0.5 * (before - after) / (before - 2 * here + after))


def remission_month(virtual: Virtual, share_of_healthy: float) -> Sample:
    """Return the month in which an untreated count has come back to a share of the healthy one."""
    return Sample.of(median, _back(virtual, share_of_healthy).dropna() / DAYS_PER_MONTH)


def remission(virtual: Virtual, share_of_healthy: float) -> Sample:
    """Return the percentage in whom it has come back."""
    return Sample.of(percentage, _back(virtual, share_of_healthy).notna())


def _back(virtual: Virtual, share_of_healthy: float) -> pd.Series:
    anc = virtual.mornings(None)
    healthy = virtual.tables["patients"].set_index(KEYS)["p_anc_baseline_1e9_per_l"].reindex(anc.index)
    return _first(anc.gt(share_of_healthy * healthy, axis=0))


def weekly_variation(virtual: Virtual, arm: str | None = None) -> Sample:
    """Return the mean of each patient's coefficient of variation of the reported counts, in percent."""
    counts = virtual.tables["visits"].groupby(KEYS)["anc_reported_1e9_per_l"]
    return Sample.of(mean, 100 * counts.std() / counts.mean())
