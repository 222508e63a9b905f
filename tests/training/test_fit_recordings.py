"""A made-up speaker whose landmarks are known, fitted to a made-up head, from recordings to corpus."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError
from facetalk.speech.whisper_encoder import FEATURE_SIZE
from training import fit_recordings
from training.fit_recordings import HeadResponse, fit_faces, join, lines, load_recordings, sides, write_corpus
from training.motion_corpus import MotionCorpus
from training.rig import RIG_CONTROLS
from training.rig_fit import fit_weights
from training.tracked_face import DISTANCES, HEIGHTS, MEASURES, STABLE_POINTS, measure_face, without_pose

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


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    draw = np.random.default_rng(1)
    points, index = face_points()
    landmarks = np.stack([in_the_picture(points, draw) for _ in range(CLIPS)]) * 16
    landmarks[0, 5] = -16384
    np.savez(
        tmp_path / "landmarks.npz",
        landmarks=landmarks.round().astype(np.int16),
        index=np.array(index, np.int16),
        scale=np.float32(1 / 16),
        fps=np.float32(FPS),
        missing=np.int16(-16384),
        names=np.array([f"line{clip}" for clip in range(CLIPS)]),
    )
    words = [[0.0, SPEECH[0], "sil"], [*SPEECH, "bah"], [SPEECH[1], 2.95, "sil"]]
    (tmp_path / "words.json").write_text(json.dumps({f"line{clip}": words for clip in range(CLIPS)}))
    sound = draw.normal(size=CLIPS * 3 * SAMPLE_RATE) / 20
    soundfile.write(tmp_path / "audio.flac", sound, SAMPLE_RATE)
    return tmp_path


@pytest.fixture
def response() -> HeadResponse:
    """A head whose jaw opens the lips and drops the chin, and whose other controls do one thing each."""
    points = np.zeros((len(RIG_CONTROLS), 9, 3))
    points[RIG_CONTROLS.index("jawOpen"), [1, 8], 1] = -0.36, -0.3
    points[RIG_CONTROLS.index("mouthClose"), 1, 1] = 0.43
    for name in sides("mouthUpperUp"):
        points[RIG_CONTROLS.index(name), 0, 1] = 0.04
    for name in sides("mouthLowerDown"):
        points[RIG_CONTROLS.index(name), 1, 1] = -0.04
    points[RIG_CONTROLS.index("mouthPucker"), [2, 3], 0] = -0.06, 0.06
    points[RIG_CONTROLS.index("mouthStretch_L"), 2, 0] = 0.077
    return HeadResponse(points)


class LoudnessEncoder:
    """Features that hold the loudness of each 20 ms."""

    def encode(self, samples: NDArray[np.float32]) -> torch.Tensor:
        frames = -(-len(samples) // 320)
        padded = np.zeros(frames * 320, np.float32)
        padded[: len(samples)] = samples
        loudness = np.sqrt((padded.reshape(frames, 320) ** 2).mean(axis=1))
        return torch.from_numpy(np.repeat(loudness[:, None], FEATURE_SIZE, axis=1))


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


def test_fitted_weights_open_and_shut_the_mouth_as_tracked(recordings: Path, response: HeadResponse) -> None:
    weights = fit_faces(load_recordings(recordings), response, np.random.default_rng(0))
    assert weights.shape == (CLIPS, 3 * 50, len(RIG_CONTROLS))
    assert weights.min() >= 0.0
    assert weights.max() <= 1.0
    moved = np.einsum("cfr,rp->cfp", weights, response.points[:, :, 1])
    gap = moved[..., 0] - moved[..., 1]
    true = np.interp(np.arange(150) / 50, TIMES, spoken_height())
    for clip in range(1, CLIPS):
        assert np.corrcoef(gap[clip], true)[0, 1] > 0.97
    assert np.abs(gap[:, true < 1e-4]).max() < 0.02
    assert weights[..., RIG_CONTROLS.index("jawOpen")].max() > 0.1
    assert not weights[..., [RIG_CONTROLS.index(name) for name in RIG_CONTROLS if "tongue" in name]].any()


def test_a_blink_shuts_the_lids_once(recordings: Path, response: HeadResponse) -> None:
    weights = fit_faces(load_recordings(recordings), response, np.random.default_rng(0))
    lids = weights[1, :, RIG_CONTROLS.index("eyeBlink_L")]
    assert abs(int(lids.argmax()) / 50 - 1.0) < 0.05
    assert lids.max() > 0.8
    assert np.median(lids) < 0.1


def test_the_solver_finds_weights_within_bounds() -> None:
    draw = np.random.default_rng(4)
    response = draw.normal(size=(4, 6))
    true = np.clip(draw.normal(0.3, 0.3, (1, 5, 4)), 0.0, 1.0)
    found = fit_weights(true @ response, response, np.ones(6), np.full(4, 1e-9), 0.0)
    np.testing.assert_allclose(found, true, atol=1e-4)


def test_joined_pieces_keep_sound_and_face_together(recordings: Path, response: HeadResponse) -> None:
    loaded = load_recordings(recordings)
    weights = fit_faces(loaded, response, np.random.default_rng(0))
    pieces = [fit_recordings.Piece(loaded.samples[clip], weights[clip]) for clip in range(2)]
    joined = join(pieces, np.random.default_rng(0))
    assert len(joined.samples) == 320 * len(joined.weights) > 2 * 3 * SAMPLE_RATE
    np.testing.assert_array_equal(joined.weights[-150:], weights[1])
    np.testing.assert_array_equal(joined.samples[-3 * SAMPLE_RATE :], loaded.samples[1])


def test_the_corpus_is_one_that_training_reads(
    recordings: Path, response: HeadResponse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit_recordings, "HELD_OUT", 1)
    loaded = load_recordings(recordings)
    weights = fit_faces(loaded, response, np.random.default_rng(0))
    write_corpus(tmp_path / "corpus", lines(loaded, weights, 2, 0), LoudnessEncoder())
    corpus = MotionCorpus.load(tmp_path / "corpus")
    held_out = [line for line in corpus.utterances if line.held_out]
    assert [line.name for line in held_out] == ["line3"]
    features, kept = corpus.read(held_out[0], 0, held_out[0].frames)
    np.testing.assert_allclose(kept, weights[3], atol=1e-3)
    assert features.shape == (150, FEATURE_SIZE)
    assert sum(line.frames for line in corpus.utterances if not line.held_out) > 2 * 3 * 50
    assert "GRID" in corpus.sources[0]
    assert "CC BY 4.0" in corpus.sources[0]


def test_a_folder_without_recordings_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no tracked recordings"):
        load_recordings(tmp_path)
