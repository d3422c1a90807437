"""How much faster a ward of patients is stepped than one patient after the other, through Gymnasium.

    python tests/benchmarks/bench_environment.py

Both in one run, so that their ratio is of one machine in one mood. The last column is the most that the ratio could be: what a step
of one patient costs in all, over what the bodies alone cost in a full ward.
"""

from __future__ import annotations

import time

import gymnasium
import numpy as np

from titranc.sim import environment
from titranc.sim.benchmark import ENVIRONMENT, ENVIRONMENT_SETTINGS, ENVIRONMENT_YEARS, environment_speed

PATIENTS = (8, 64, 256, 1024)


def seconds_of_bodies(patients: int) -> float:
    """Return what the kernel alone takes of a patient-step in a full ward, in seconds."""
    env = environment.TitrationVectorEnv(patients, horizon_years=ENVIRONMENT_YEARS, tell_guideline=False)
    env.reset(seed=0)
    assert env.episodes is not None
    ward, before = env.episodes.cohort.ward, env.episodes.cohort.ward.seconds
    steps = env.question.visits
    for _ in range(steps):
        env.step(np.full((patients, 1), 6, np.float32))
    return (ward.seconds - before) / (patients * steps)


def main() -> None:
    environment.register()
    assert ENVIRONMENT in gymnasium.registry
    begun = time.perf_counter()
    bodies = seconds_of_bodies(max(PATIENTS))
    print("| setting | patients | one by one, steps/s | one ward, patient-steps/s | ratio | at most |")
    print("|:--|--:|--:|--:|--:|--:|")
    for name, asked in ENVIRONMENT_SETTINGS.items():
        for patients in PATIENTS:
            speed = environment_speed(patients, **asked)
            one, many = speed["single_steps_per_second"], speed["vector_patient_steps_per_second"]
            most = f"{1 / (one * bodies):.0f}"
            print(f"| {name} | {patients} | {one:,.0f} | {many:,.0f} | {speed['ratio']:.1f} | {most} |")
    print(f"\nBodies alone: {1e6 * bodies:.1f} us per patient-step in a ward of {max(PATIENTS)}.")
    print(f"{time.perf_counter() - begun:.0f} s in all.")


if __name__ == "__main__":
    main()
