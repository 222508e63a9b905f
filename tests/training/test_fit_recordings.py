"""A speaker whose landmarks are known, from recordings to corpus."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from tests.capture.known_speaker import camera_times, head, known_weights, seen_by_camera
from tests.training.fake_voices import SIZE, LoudnessEncoder
from training import fit_recordings
from training.corpus_writer import require_new, write_corpus
from training.fit_recordings import SOURCES, fit_faces, join, lines, move_unseen, recorded
from training.motion_corpus import MotionCorpus
from training.phones import PAUSE, Phone
from training.rig import RIG_CONTROLS
from training.tracked_face import DISTANCES, HEIGHTS, MEASURES, STABLE_POINTS, measure_face, without_pose
from training.tracked_recordings import Recordings, load_recordings

CLIPS, FRAMES, FPS, EYES = 4, 75, 25.0, 66.0
TIMES = np.arange(FRAMES) / FPS
SPEECH = (0.6, 2.2)
HEIGHT, WIDTH, LIDS = 0.12, 0.5, 0.11
PLACES = {
    **{33: (-0.5, 0.0), 263: (0.5, 0.0), 10: (0.0, 0.8), 152: (0.0, -1.0), 133: (-0.2, 0.0), 362: (0.2, 0.0)},
    **{13: (0.0, -0.5), 14: (0.0, -0.5), 78: (-WIDTH / 2, -0.5), 308: (WIDTH / 2, -0.5)},
    **{386: (0.35, LIDS / 2), 374: (0.35, -LIDS / 2), 159: (-0.35, LIDS / 2), 145: (-0.35, -LIDS / 2)},
}

Array = NDArray[np.float64]


def spoken_height() -> Array:
    """Lip height [FRAMES]: three syllables with shut lips between them."""
    inside = np.clip((TIMES - SPEECH[0]) / (SPEECH[1] - SPEECH[0]), 0.0, 1.0)
    return HEIGHT * np.sin(3 * np.pi * inside) ** 2


def face_points() -> tuple[Array, list[int]]:
    """Landmarks ``[FRAMES, points, 3]`` facing the camera, x right, y up, over the eyes' distance."""
    numbers = {
        *STABLE_POINTS,
        *(n for pair in DISTANCES.values() for n in pair),
        *(n for t in HEIGHTS.values() for n in t),
    }
    index = sorted(numbers)
    draw = np.random.default_rng(0)
    still = {n: (*PLACES[n], 0.0) if n in PLACES else draw.uniform((-0.4, -0.4, -0.2), (0.4, 0.8, 0.2)) for n in index}
    points = np.repeat(np.array([still[n] for n in index])[None], FRAMES, axis=0)
    height = spoken_height()
    points[:, index.index(14), 1] -= height + 0.008  # shut lips are tracked as slightly open
    points[:, index.index(152), 1] -= 0.5 * height
    points[:, [index.index(159), index.index(386)], 1] -= 0.09 * np.exp(-(((TIMES - 1.0) / 0.08) ** 2))[:, None]
    return points, index


def in_the_picture(points: Array, draw: np.random.Generator) -> Array:
    """The same face with a head that turns and moves, in pixels, y down."""
    angle = 0.2 * np.sin(TIMES + draw.uniform(0, 6)), 0.1 * np.sin(2 * TIMES + draw.uniform(0, 6))
    (c, s), (d, t) = ((np.cos(each), np.sin(each)) for each in angle)
    zero, one = np.zeros(FRAMES), np.ones(FRAMES)
    yaw = np.stack([[c, zero, s], [zero, one, zero], [-s, zero, c]]).transpose(2, 0, 1)
    roll = np.stack([[d, -t, zero], [t, d, zero], [zero, zero, one]]).transpose(2, 0, 1)
    turned = np.einsum("fij,fnj->fni", yaw @ roll, points) * (EYES * (1 + 0.05 * np.sin(TIMES)))[:, None, None]
    return turned * [1.0, -1.0, -1.0] + [180.0, 140.0, 0.0]


def test_a_rigid_motion_leaves_no_trace() -> None:
    points, index = face_points()
    stable = [index.index(number) for number in STABLE_POINTS]
    posed, _ = without_pose(in_the_picture(points, np.random.default_rng(2)), stable)
    assert np.ptp(posed[:, stable], axis=0).max() < 1e-6 * EYES


def test_measures_are_those_of_the_face_whatever_the_head_does() -> None:
    points, index = face_points()
    moving = in_the_picture(points, np.random.default_rng(3))[None]
    face = measure_face(moving, index, np.zeros((1, FRAMES), bool))
    assert face.measures.shape == (1, FRAMES, len(MEASURES))
    np.testing.assert_allclose(face.curve("lip_height")[0], spoken_height() + 0.008, atol=0.006)
    np.testing.assert_allclose(face.curve("mouth_width")[0], WIDTH, atol=1e-3)


def known_recordings() -> Recordings:
    """Four clips of a speaker whose every movement is known."""
    times = camera_times(FPS, FRAMES / FPS)
    clips = [replace(seen_by_camera(times), name=f"line{clip}") for clip in range(CLIPS)]
    sound = np.random.default_rng(0).normal(size=(CLIPS, 3 * SAMPLE_RATE)).astype(np.float32) / 20
    face = measure_face(
        np.stack([clip.points for clip in clips]).astype(np.float64),
        list(clips[0].index),
        np.zeros((CLIPS, FRAMES), bool),
    )
    names = [clip.name for clip in clips]
    return Recordings(sound, face, clips, FPS, [SPEECH] * CLIPS, names, ["bah"] * CLIPS)


def test_faces_are_those_that_were_seen_with_the_tongue_at_rest() -> None:
    weights = fit_faces(known_recordings(), head())
    assert weights.shape == (CLIPS, 3 * 50, len(RIG_CONTROLS))
    found = head().curves(weights[1])[:, 0]
    true = head().curves(known_weights(np.arange(150) / 50))[:, 0]
    assert np.corrcoef(found, true)[0, 1] > 0.97
    assert not weights[..., [RIG_CONTROLS.index(name) for name in RIG_CONTROLS if "tongue" in name]].any()


def test_tongues_follow_the_phones_of_aligned_clips() -> None:
    weights = np.zeros((2, 100, len(RIG_CONTROLS)))
    phones = (Phone(PAUSE, 0.0, 0.8), Phone("l", 0.8, 1.2), Phone(PAUSE, 1.2, 2.0))
    assert move_unseen(weights, ["one", "two"], {"two": phones}) == 1
    tip = weights[..., RIG_CONTROLS.index("tongueTipUp")]
    assert not tip[0].any()
    assert tip[1, 50] > 0.5 > tip[1, 10]


def test_joined_pieces_keep_sound_and_face_together() -> None:
    loaded = known_recordings()
    weights = fit_faces(loaded, head())
    pieces = [fit_recordings.Piece(loaded.samples[clip], weights[clip]) for clip in range(2)]
    joined = join(pieces, np.random.default_rng(0))
    assert len(joined.samples) == 320 * len(joined.weights) > 2 * 3 * SAMPLE_RATE
    np.testing.assert_array_equal(joined.weights[-150:], weights[1])
    np.testing.assert_array_equal(joined.samples[-3 * SAMPLE_RATE :], loaded.samples[1])


def test_the_corpus_is_one_that_training_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_recordings, "HELD_OUT", 1)
    loaded = known_recordings()
    weights = fit_faces(loaded, head())
    write_corpus(tmp_path / "corpus", recorded(lines(loaded, weights, 2, 0)), LoudnessEncoder(), SOURCES)
    corpus = MotionCorpus.load(tmp_path / "corpus")
    held_out = [line for line in corpus.utterances if line.held_out]
    assert [line.name for line in held_out] == ["line3"]
    features, kept = corpus.read(held_out[0], 0, held_out[0].frames)
    np.testing.assert_allclose(kept, weights[3], atol=1e-3)
    assert features.shape == (150, SIZE)
    assert sum(line.frames for line in corpus.utterances if not line.held_out) > 2 * 3 * 50
    assert "GRID" in corpus.sources[0]
    assert "CC BY 4.0" in corpus.sources[0]
    with pytest.raises(UserError, match="already holds a corpus"):
        require_new(tmp_path / "corpus")


def test_the_corpus_may_be_heard_at_another_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_recordings, "HELD_OUT", 1)
    loaded = known_recordings()
    weights = known_weights(np.arange(150) / 50)[None].repeat(CLIPS, axis=0)
    write_corpus(tmp_path / "corpus", recorded(lines(loaded, weights, 1, 0)), LoudnessEncoder(rate=24), SOURCES)
    corpus = MotionCorpus.load(tmp_path / "corpus")
    assert corpus.speech.rate == 24
    (held_out,) = (line for line in corpus.utterances if line.held_out)
    assert held_out.frames == 3 * 24
    _, kept = corpus.read(held_out, 0, held_out.frames)
    # Every 12th frame of the one is a 25th of the other.
    np.testing.assert_allclose(kept[::12], weights[0][::25], atol=1e-3)


def test_a_folder_without_recordings_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        load_recordings(tmp_path)
