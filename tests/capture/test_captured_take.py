from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from facetalk.capture.captured_take import CapturedTake
from facetalk.errors import UserError
from facetalk.export.head_motion import HeadMotion


def a_take() -> CapturedTake:
    bridged = np.zeros(20, bool)
    bridged[5:10] = True
    rotations = np.tile(np.array([1.0, 0.0, 0.0, 0.0], np.float32), (20, 1))
    rotations[10:] = -np.sqrt(0.5), 0.0, -np.sqrt(0.5), 0.0  # a quarter turn about the height, the other sign
    return CapturedTake("head", "clip.mp4", torch.randn(20, 61), rotations, bridged, (10,))


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    take, path = a_take(), tmp_path / "take.safetensors"
    take.save(path)
    loaded = CapturedTake.load(path)
    torch.testing.assert_close(loaded.codes, take.codes)
    np.testing.assert_array_equal(loaded.rotations, take.rotations)
    np.testing.assert_array_equal(loaded.bridged, take.bridged)
    assert (loaded.head, loaded.source, loaded.cuts, loaded.seconds) == ("head", "clip.mp4", (10,), 0.4)
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_take_is_named(tmp_path: Path) -> None:
    text, other, damaged = (tmp_path / f"{name}.safetensors" for name in ("text", "other", "damaged"))
    text.write_text("no take")
    save_file({"codes": torch.zeros(3, 61)}, other)
    take = a_take()
    CapturedTake(take.head, take.source, take.codes, take.rotations[:7], take.bridged).save(damaged)
    for path in (text, other, tmp_path / "none.safetensors"):
        with pytest.raises(UserError, match="is no take"):
            CapturedTake.load(path)
    with pytest.raises(UserError, match="is damaged"):
        CapturedTake.load(damaged)


def test_turns_become_blenders_and_stay_on_one_side() -> None:
    motion = HeadMotion.of(a_take())
    np.testing.assert_allclose(motion.rotations[15], [np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)], atol=1e-5)
    assert motion.unseen == [(0.1, 0.2)]
    assert motion.cuts == [0.2]
