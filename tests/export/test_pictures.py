"""Which frames of a take the pictures show."""

import numpy as np

from facetalk.export.pictures import telling_frames


def test_the_frames_that_tell() -> None:
    lips = np.concatenate([np.zeros(10), np.full(10, 0.1), [0.0, 0.01], np.full(10, 0.2), np.zeros(20)])
    lips[25] = 0.3
    eyes = np.full(len(lips), 0.35)
    eyes[40] = 0.01
    curves = np.stack([lips, np.ones_like(lips), eyes, eyes], axis=1).astype(np.float32)
    frames = telling_frames(curves)
    assert frames["open"] == 25
    assert frames["shut"] == 20, "between two openings, not the silence before and after"
    assert frames["speaking"] in range(10, 32)
    assert frames["blink"] == 40


def test_without_a_closed_frame_the_tightest_is_shown() -> None:
    curves = np.full((30, 4), 0.3, np.float32)
    curves[12, 0] = 0.1
    assert telling_frames(curves)["shut"] == 12
