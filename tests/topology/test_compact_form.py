"""Frames in few displacements: put together again, no vertex is farther off than was said."""

import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk.topology.compact_form import CompactForm, FrameSpan

Floats = NDArray[np.float32]

COUNT, VERTICES, BUMPS = 120, 400, 12
TOLERANCE = 1e-4
RIM = list(range(40, 60))


def neutral() -> Floats:
    return np.random.default_rng(1).uniform(-0.1, 0.1, (VERTICES, 3)).astype(np.float32)


def moving() -> Floats:
    """Bumps of a centimetre and of a tenth of a millimetre that come and go, and a lid that shuts for three frames."""
    random, still = np.random.default_rng(2), neutral()
    time = np.linspace(0.0, 9.0, COUNT)
    frames = np.repeat(still[None], COUNT, axis=0).astype(np.float64)
    for bump in range(BUMPS):
        near = np.exp(-((still - still[bump]) ** 2).sum(axis=1) / 0.003)
        rise = np.sin(time * (1.0 + bump) + bump)[:, None, None]
        frames += 0.01 * 0.6**bump * rise * near[:, None] * random.normal(size=3)
    frames[70:73, RIM, 2] -= 0.004
    return frames.astype(np.float32)


def tolerances() -> Floats:
    allowed = np.full(VERTICES, TOLERANCE, np.float32)
    allowed[RIM] *= 0.5
    return allowed


def compacted(frames: Floats, pieces: int = 5) -> CompactForm:
    span = FrameSpan(neutral(), tolerances())
    for piece in np.array_split(frames, pieces):
        span.add(piece)
    return span.fewest()


def off(form: CompactForm, frames: Floats) -> Floats:
    shown = neutral() + np.einsum("fk,kvc->fvc", form.curves, form.displacements)
    return np.linalg.norm(shown - frames, axis=2)


def test_no_vertex_is_farther_off_than_was_said() -> None:
    frames = moving()
    form = compacted(frames)
    misses = off(form, frames)
    assert 0.0 < misses.max() <= form.error <= TOLERANCE
    assert misses[:, RIM].max() <= 0.5 * TOLERANCE
    assert 2 <= len(form.displacements) <= BUMPS


def test_curves_go_as_far_as_one_and_no_farther() -> None:
    form = compacted(moving())
    assert form.curves.shape == (COUNT, len(form.displacements))
    assert np.abs(form.curves).max(axis=0) == pytest.approx(1.0, abs=1e-6)


def test_a_face_that_never_moves_needs_nothing() -> None:
    form = compacted(np.repeat(neutral()[None], 4, axis=0), pieces=1)
    assert (len(form.displacements), form.error) == (0, 0.0)


def test_a_single_frame_is_one_displacement() -> None:
    frames = moving()[70:71]
    form = compacted(frames, pieces=1)
    assert len(form.displacements) == 1
    assert off(form, frames).max() <= TOLERANCE


def test_it_does_not_matter_how_frames_come() -> None:
    frames = moving()
    for pieces in (1, 7, COUNT):
        form = compacted(frames, pieces)
        assert off(form, frames).max() <= form.error <= TOLERANCE


def test_looking_for_the_fewest_can_be_stopped() -> None:
    span = FrameSpan(neutral(), tolerances())
    span.add(moving()[:20])
    told: list[float] = []

    def stop(fraction: float) -> None:
        told.append(fraction)
        if fraction > 0.2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        span.fewest(stop)
    assert told == pytest.approx([0.0, 0.1, 0.2, 0.3])
