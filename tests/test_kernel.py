"""The compiled kernel: wide, without library calls, compiled anew when the equations change, and right without a compiler."""

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numba
import numpy as np
import pytest

from titranc.models import integrator
from titranc.models.granulopoiesis import LANES, N_STATES, parameter_array
from titranc.models.integrator import Bodies, DosePlan

MODELS = Path(integrator.__file__).parent
COURSE = """
import numpy as np
from titranc.models.granulopoiesis import parameter_array
from titranc.models.integrator import Bodies, DosePlan
person = {"apoptosis_hazard": 5.2, "gcsf_insensitivity": 13.0, "apoptosis_rescued_fraction": 0.7}
plan = DosePlan(np.full((12, 1, 1), 10.0), np.full((1, 1), 480), ("D",))
print(*Bodies(parameter_array([person])).advance(12, plan)[:, 0, 0])
"""


def course(**environment: str) -> np.ndarray:
    done = subprocess.run(
        [sys.executable, "-c", COURSE], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return np.array(done.stdout.split(), dtype=float)


@numba.njit(error_model="numpy", fastmath={"contract"})
def one_step(w, tolerance):  # type: ignore[no-untyped-def]
    integrator._choose_steps(w)
    integrator._stages(w, True)
    integrator._judge(w, tolerance)
    integrator._accept(w)


def assembly_of_a_step() -> str:
    one_step(np.ones(integrator.N_ROWS * LANES), 1e-5)
    return next(iter(one_step.inspect_asm().values()))


ARITHMETIC = {
    "packed": r"\bv?(?:add|sub|mul|div|sqrt|max|min|fn?m(?:add|sub)\d*)pd\b|\bf\w+\s+v\d+\.2d",
    "single": r"\bv?(?:add|sub|mul|div|sqrt|max|min|fn?m(?:add|sub)\d*)sd\b|\bf(?:add|sub|mul|div|m?n?madd)\s+d\d+",
}


def test_a_step_is_vectors_all_through() -> None:
    assembly = assembly_of_a_step()
    packed, single = (len(re.findall(ARITHMETIC[kind], assembly)) for kind in ("packed", "single"))
    assert packed > 20 * N_STATES
    assert single * 50 < packed, (single, packed)


def test_a_step_calls_no_mathematical_library() -> None:
    assert not re.findall(r"\b(?:exp2?|log2?|pow|fmod|sqrt)\b(?=[,)@ ]|$)", assembly_of_a_step(), flags=re.MULTILINE)


def test_without_the_compiler_the_body_is_the_same() -> None:
    assert course(NUMBA_DISABLE_JIT="1") == pytest.approx(course(), rel=1e-9)


@pytest.mark.slow
def test_changed_equations_are_compiled_anew(tmp_path: Path) -> None:
    shutil.copytree(MODELS, tmp_path / "titranc" / "models", ignore=shutil.ignore_patterns("__pycache__"))
    elsewhere = {"PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    before = course(**elsewhere)
    equations = tmp_path / "titranc" / "models" / "granulopoiesis.py"
    loss = "phi * reserve - w[_C + LOSS * LANES + lane] * blood"
    equations.write_text(equations.read_text().replace(loss, "2.0 * " + loss))
    assert before == pytest.approx(course(), rel=1e-12)
    assert not np.allclose(course(**elsewhere), before, rtol=1e-3)


# Sargramostim, whose stimulus is weighted otherwise for maturation and release


def test_the_general_equations_are_the_plain_ones_without_sargramostim() -> None:
    """To the bit: who is worked on together with somebody on sargramostim is not changed by it."""
    plan = DosePlan(np.full((30, 1, 3), 5.0), np.zeros((1, 3), dtype=np.int64), ["D"])
    people = [{}, {"gcsf_insensitivity": 7.0, "apoptosis_hazard": 5.0}, {"neutrophil_loss_multiplier": 9.0}]
    plain, general = (Bodies(parameter_array(people)) for _ in range(2))
    general._general = True
    np.testing.assert_array_equal(plain.advance(30, plan), general.advance(30, plan))


def test_sargramostim_raises_the_count_gradually() -> None:
    """About 3.5 times in two weeks, without the leap and the dip of a reserve that is emptied (Dale 1998)."""
    body = Bodies(parameter_array([{}]))
    body.burn_in(100)
    before = body.anc[0]
    plan = DosePlan(np.full((14, 1, 1), 6.5), np.zeros((1, 1), dtype=np.int64), ["Ds"])
    fold = body.advance(14, plan)[:, 0, 0] / before
    assert fold[0] < 1.8
    assert (np.diff(fold[:9]) > 0).all()
    assert 2.8 < fold[9:].max() < 3.8


def test_sargramostim_takes_the_general_equations_when_it_comes_and_when_it_is_there() -> None:
    body = Bodies(parameter_array([{}]))
    assert not body._general
    body.advance(1, DosePlan(np.full((1, 1, 1), 6.5), np.zeros((1, 1), dtype=np.int64), ["Ds"]))
    assert body._general
    assert Bodies(parameter_array([{}]), body.state)._general


FREED = """
import numpy as np
from titranc.models.granulopoiesis import parameter_array
from titranc.models.integrator import Bodies
print(Bodies(parameter_array([{}] * 20)).burn_in(20)[0].sum().hex())
"""


def test_memory_that_is_free_again_is_not_used() -> None:
    # With this setting the C library overwrites what is freed.
    told = [
        subprocess.run(
            [sys.executable, "-c", FREED], env=os.environ | more, capture_output=True, check=True, timeout=100
        ).stdout
        for more in ({}, {"MALLOC_PERTURB_": "85"})
    ]
    assert told[0] == told[1]
    assert told[0]


def test_several_threads_follow_bodies_at_once() -> None:
    def burned_in(number: int) -> np.ndarray:
        return Bodies(parameter_array([{"gcsf_insensitivity": 1.0 + number}] * 5)).burn_in(60)

    alone = [burned_in(number) for number in range(8)]
    for _ in range(3):
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(burned_in, range(8)))
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one, other)
