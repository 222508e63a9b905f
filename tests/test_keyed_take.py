"""A take as keys with curves is the take: as many frames, and no vertex farther off than is said."""

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk.animate import Animator
from facetalk.clip import SAMPLE_RATE, Clip
from facetalk.errors import Cancelled, UserError
from facetalk.keyed_take import compact_take
from facetalk.take import COMPACT, RIG, FrameBatch, KeyedTake, TakeSettings
from facetalk.topology.arkit_keys import ARKIT_KEYS

Floats = NDArray[np.float32]

SETTINGS = TakeSettings(fps=24.0, tolerance_mm=0.2, intensity=1.2)
ROUNDING = 2e-3  # millimetres


@pytest.fixture(scope="module")
def animator() -> Animator:
    return Animator.load("cpu")


@pytest.fixture(scope="module")
def clip() -> Clip:
    """Syllables of a buzz, 0.91 s: 22 frames, of which the codes alone would not cover the last."""
    time = np.arange(int(0.91 * SAMPLE_RATE)) / SAMPLE_RATE
    buzz = sum(np.sin(2 * math.pi * 120 * harmonic * time) / harmonic for harmonic in range(1, 20))
    return Clip((0.1 * buzz * np.clip(np.sin(2 * math.pi * 2.5 * time), 0.0, None)).astype(np.float32))


@pytest.fixture(scope="module")
def frames(animator: Animator, clip: Clip) -> Floats:
    return np.concatenate([batch.vertices for batch in animator.frames(clip, SETTINGS)])


def off(take: KeyedTake, neutral: Floats, frames: Floats) -> NDArray[np.float64]:
    """Millimetres that every vertex is off in every frame."""
    shown = neutral + np.einsum("fk,kvc->fvc", take.curves.astype(np.float64), take.offsets)
    return np.asarray(1000.0 * np.linalg.norm(shown - frames, axis=2))


def test_the_compact_form_holds_its_tolerance(animator: Animator, clip: Clip, frames: Floats) -> None:
    told: list[str] = []
    take = animator.keyed(clip, replace(SETTINGS, form=COMPACT), lambda stage, fraction: told.append(stage))
    mesh = animator.mesh("average")
    misses = off(take, mesh.vertices, frames)
    assert take.curves.shape == (len(frames), len(take.names))
    assert misses.max() <= take.error_mm + ROUNDING
    assert take.error_mm <= 0.2
    rims = np.concatenate([members for name, members in mesh.groups.items() if name.startswith(("lip_", "lid_"))])
    assert misses[:, rims].max() <= 0.1 + ROUNDING
    assert 1 < len(take.names) < len(frames)
    assert set(take.lowest) == {-1.0}
    assert list(dict.fromkeys(told)) == ["speech", "motion", "decode", "keys"]


def test_the_rig_plays_the_take(animator: Animator, clip: Clip, frames: Floats) -> None:
    take = animator.keyed(clip, replace(SETTINGS, form=RIG))
    misses = off(take, animator.mesh("average").vertices, frames)
    assert len(take.curves) == len(frames) == animator.frame_count(clip, SETTINGS.fps)
    assert misses.max() <= take.error_mm + ROUNDING
    assert misses.mean() < 0.05
    assert take.names[: len(ARKIT_KEYS)] == ARKIT_KEYS
    lowest = dict(zip(take.names, take.lowest, strict=True))
    assert (lowest["jawOpen"], lowest["corrective_01"]) == (0.0, -1.0)


def test_poses_are_as_many_as_are_asked_for(animator: Animator, clip: Clip) -> None:
    codes = animator.codes(clip, SETTINGS)
    for count in (1, 7, 200):
        batches = list(animator.poses(codes, SETTINGS, rate=animator.code_rate, frame_count=count))
        assert sum(len(batch.vertices) for batch in batches) == count


def grid(scale: float) -> tuple[Any, Floats]:
    """A mesh in units of ``1 / scale`` metres, and ten frames of three motions and a tenth of a millimetre of noise."""
    generator = np.random.default_rng(0)
    vertices = generator.normal(0.0, 0.1, (50, 3))
    motions = np.einsum("fk,kvc->fvc", generator.normal(size=(10, 3)), generator.normal(0.0, 0.01, (3, 50, 3)))
    moved = vertices + motions + generator.normal(0.0, 1e-4, (10, 50, 3))
    placement = np.diag([1.0 / scale, 1.0 / scale, 1.0 / scale, 1.0])
    mesh = SimpleNamespace(vertices=(scale * vertices).astype(np.float32), groups={}, placement=placement)
    return mesh, (scale * moved).astype(np.float32)


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_tolerances_are_millimetres_in_any_units(scale: float) -> None:
    mesh, moving = grid(scale)
    take = compact_take(cast(Any, mesh), iter([FrameBatch(0, moving)]), 1.0, lambda stage, fraction: None)
    misses = off(take, mesh.vertices, moving) / scale
    assert misses.max() <= take.error_mm + ROUNDING
    assert 0.05 < take.error_mm <= 1.0
    assert len(take.names) == 3


def test_looking_for_keys_can_be_cancelled() -> None:
    mesh, moving = grid(1.0)

    def cancel(stage: str, fraction: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        compact_take(cast(Any, mesh), iter([FrameBatch(0, moving)]), 1.0, cancel)


@pytest.mark.parametrize("tolerance", [0.0, 0.001, 50.0, math.nan])
def test_a_tolerance_that_nobody_can_keep_is_refused(animator: Animator, clip: Clip, tolerance: float) -> None:
    with pytest.raises(UserError, match="cannot be held to"):
        animator.keyed(clip, replace(SETTINGS, form=COMPACT, tolerance_mm=tolerance))
