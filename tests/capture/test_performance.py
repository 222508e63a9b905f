"""Performances whose truth is known, as a camera would see them, and everything a recording may do to spoil them."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from facetalk.capture.fit_report import report_fit
from facetalk.capture.head_pose import shots
from facetalk.capture.performance import RATE, Performance, capture
from facetalk.errors import UserError
from tests.capture.known_speaker import SECONDS, camera_times, head, head_turns, known_weights, seen_by_camera

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def captured() -> Performance:
    return capture([seen_by_camera(camera_times())], head())[0]


def truth(performance: Performance) -> Array:
    return known_weights(np.arange(len(performance.weights)) / RATE)


def weight(performance: Performance, control: str) -> Array:
    return performance.weights[:, head().controls.index(control)]


def test_a_take_has_50_frames_a_second_and_weights_within_bounds(captured: Performance) -> None:
    assert captured.weights.shape == (round(RATE * SECONDS), len(head().controls))
    assert captured.weights.min() >= 0.0
    assert captured.weights.max() <= 1.0
    assert not captured.bridged.any()
    assert captured.cuts == ()


def test_lips_and_lids_do_what_they_did(captured: Performance) -> None:
    found, true = head().curves(captured.weights), head().curves(truth(captured))
    for column in range(4):
        assert np.corrcoef(found[:, column], true[:, column])[0, 1] > 0.97
    assert np.abs(found[:, 0] - true[:, 0]).mean() < 0.01


def test_what_is_shut_in_the_picture_is_shut_on_the_head(captured: Performance) -> None:
    report = report_fit([captured], head())
    assert report.closure_recall > 0.95
    assert report.closure_precision > 0.9
    assert report.lip_correlation > 0.97
    lids = head().curves(captured.weights)[:, 2:]
    assert lids[RATE].max() < 0.25 * np.median(lids)  # the first blink, at 1 s


def test_glances_brows_and_smiles_are_found(captured: Performance) -> None:
    times = np.arange(len(captured.weights)) / RATE
    glancing = (times > 1.5) & (times < 1.9)
    assert weight(captured, "eyeLookOut_L")[glancing].mean() > 0.35
    assert weight(captured, "eyeLookOut_R")[glancing].mean() < 0.1
    assert weight(captured, "browInnerUp_L")[round(2.2 * RATE)] > 0.25
    assert weight(captured, "mouthSmile_R")[-20:].mean() > weight(captured, "mouthSmile_R")[:20].mean() + 0.1


def test_the_head_turns_apart_from_the_face(captured: Performance) -> None:
    found = Rotation.from_quat(captured.rotations[:, [1, 2, 3, 0]])
    error = found * head_turns(np.arange(len(captured.rotations)) / RATE).inv()
    assert np.degrees(error.magnitude()[:-2].max()) < 2.5


def test_frames_without_a_face_are_bridged_and_marked() -> None:
    seen = seen_by_camera(camera_times())
    hidden = seen.seen.copy()
    hidden[40:50] = False
    points = np.where(hidden[:, None, None], seen.points, np.float32(1e6))
    (found,) = capture([replace(seen, seen=hidden, points=points)], head())
    assert found.bridged[82:98].all()
    assert not found.bridged[:78].any()
    assert not found.bridged[102:].any()
    assert np.abs(np.diff(found.weights, axis=0)).max() < 0.9
    assert np.isfinite(found.weights).all()


def test_a_cut_splits_the_take_and_nothing_leads_across() -> None:
    seen = seen_by_camera(camera_times())
    moved = seen.points.copy()
    moved[50:, :, 0] += 200.0
    assert [span.start for span in shots(replace(seen, points=moved))] == [0, 50]
    (found,) = capture([replace(seen, points=moved)], head())
    assert found.cuts == (100,)
    assert len(found.weights) == round(RATE * SECONDS)
    assert np.corrcoef(head().curves(found.weights)[:, 0], head().curves(truth(found))[:, 0])[0, 1] > 0.97


def test_uneven_frame_times_are_taken_at_their_word(captured: Performance) -> None:
    times = camera_times(50.0)
    uneven = np.delete(times, np.random.default_rng(1).choice(np.arange(1, len(times) - 1), 60, replace=False))
    (found,) = capture([seen_by_camera(uneven)], head())
    assert abs(len(found.weights) - len(captured.weights)) <= 1
    frames = min(len(found.weights), len(captured.weights))
    true = head().curves(truth(found))[:frames, 0]
    assert np.corrcoef(head().curves(found.weights)[:frames, 0], true)[0, 1] > 0.97


def test_one_frame_is_enough_and_none_is_an_error() -> None:
    seen = seen_by_camera(camera_times())
    single = np.zeros(len(seen.times), bool)
    single[30] = True
    (found,) = capture([replace(seen, seen=single)], head())
    assert np.isfinite(found.weights).all()
    with pytest.raises(UserError, match="shows no face"):
        capture([replace(seen, seen=np.zeros(len(seen.times), bool))], head())


def test_a_mouth_that_never_shuts_still_has_a_rest() -> None:
    seen = seen_by_camera(camera_times())
    (found,) = capture([replace(seen, points=seen.points[25:35], times=seen.times[:10], seen=seen.seen[:10])], head())
    assert np.isfinite(found.weights).all()
