from itertools import pairwise

import pytest

from facetalk.motion.windows import Window, plan_windows

WINDOW, CONTEXT, LOOK_AHEAD = 40, 8, 5


@pytest.mark.parametrize("frames", [1, 8, 39, 40, 41, 75, 76, 500])
def test_windows_cover_every_frame_once(frames: int) -> None:
    windows = list(plan_windows(frames, WINDOW, CONTEXT, LOOK_AHEAD))
    emitted = [frame for window in windows for frame in range(window.emit_from, window.emit_to)]
    assert emitted == list(range(frames))
    assert all(window.stop - window.start <= WINDOW for window in windows)
    for earlier, later in pairwise(windows):
        assert later.start == earlier.emit_to - CONTEXT
        assert earlier.stop - earlier.emit_to == LOOK_AHEAD


def test_windows_are_planned_one_at_a_time() -> None:
    assert next(plan_windows(10**12, WINDOW, CONTEXT, LOOK_AHEAD)) == Window(0, 40, 0, 35)
