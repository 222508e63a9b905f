"""Which poses and identities the head's pictures show, and how the pictures become sheets."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from facetalk.animate import Animator
from facetalk.errors import UserError
from facetalk.head.head import IDENTITY_LIMIT, IDENTITY_SIGMA
from facetalk.topology.template import FaceMesh
from tests.service.fake_animator import FakeAnimator, grid_mesh
from training import head_pictures, picture_sheet
from training.expression_samples import EMOTIONS
from training.head_pictures import VISEMES, emotion, extreme_codes, viseme
from training.picture_sheet import Shot, Sitting, join, write_sheet
from training.rig import RIG_CONTROLS

TILE = 32


def named(weights: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(RIG_CONTROLS, weights.tolist(), strict=True))


def test_visemes_do_what_their_phones_are_seen_by() -> None:
    weights = {name: named(viseme(phone)) for name, phone in VISEMES.items()}
    assert len(weights) == 15
    assert all(0.0 <= value <= 1.0 for pose in weights.values() for value in pose.values())
    assert max(weights, key=lambda name: weights[name]["jawOpen"]) == "aa"
    assert max(weights, key=lambda name: weights[name]["mouthRollLower"]) == "FF"
    assert max(weights, key=lambda name: weights[name]["tongueBetweenTeeth"]) == "TH"
    assert max(weights, key=lambda name: weights[name]["mouthPucker"]) == "U"
    assert weights["PP"]["mouthPress_L"] == weights["PP"]["mouthPress_R"] > 0.0


def test_visemes_are_all_different() -> None:
    poses = [viseme(phone) for phone in VISEMES.values()]
    nearest = [min(np.abs(a - b).max() for b in poses if b is not a) for a in poses]
    assert min(nearest) > 0.02


@pytest.mark.parametrize("name", EMOTIONS)
def test_an_emotion_sets_what_it_names_on_the_sides_it_names(name: str) -> None:
    weights = named(emotion(name))
    for control, amount in EMOTIONS[name].items():
        sides = [control] if control in RIG_CONTROLS else [f"{control}_L", f"{control}_R"]
        assert all(weights.pop(side) == amount for side in sides)
    assert not any(weights.values())


class _RandomHead:
    """What ``extreme_codes`` asks of a head: every seed's code is as unlikely as the seed is large, up to 150."""

    def identity(self, name: str) -> torch.Tensor:
        assert name == "average"
        return torch.zeros(6)

    def sample_identity(self, seed: int) -> torch.Tensor:
        return torch.full((6,), float(seed if seed <= 150 else 0))

    def identity_prior(self, identity: torch.Tensor) -> torch.Tensor:
        return identity.square().mean()


def test_extremes_are_both_ends_of_the_leading_modes_and_the_most_unlikely_heads() -> None:
    codes = extreme_codes(cast(Animator, SimpleNamespace(head=_RandomHead())))
    ends = [code for name, code in codes.items() if name.startswith("mode")]
    far = IDENTITY_LIMIT * IDENTITY_SIGMA
    expected = torch.zeros(8, 6)
    for row in range(8):
        expected[row, row // 2] = far if row % 2 else -far
    assert torch.equal(torch.stack(ends), expected)
    assert list(codes)[8:] == ["random-150", "random-149", "random-148", "random-147"]


def test_hair_is_shown_style_by_style_from_three_sides() -> None:
    sittings = list(head_pictures.hair(cast(Animator, FakeAnimator())))
    assert [sitting.face.hair.style for sitting in sittings if sitting.face.hair] == ["bob", "curls"]
    for sitting, caption in zip(sittings, ("bob", "curls"), strict=True):
        assert [shot.view for shot in sitting.shots] == ["front", "side", "back"]
        assert [shot.caption for shot in sitting.shots] == [caption, "", ""]
        assert np.array_equal(sitting.poses[0], sitting.face.vertices)


def test_tiles_are_joined_row_by_row() -> None:
    colors = [(10 * number, 0, 0) for number in range(5)]
    sheet = join([("", Image.new("RGB", (TILE, TILE), color)) for color in colors], columns=2)
    assert sheet.size == (2 * TILE, 3 * TILE)
    middles = [(TILE // 2 + column * TILE, TILE // 2 + row * TILE) for row in range(3) for column in range(2)]
    assert [sheet.getpixel(middle) for middle in middles] == [*colors, (0, 0, 0)]


def test_captions_stand_in_the_upper_left_corner() -> None:
    tile = Image.new("RGB", (96, 96))
    sheet = np.asarray(join([("aa", tile), ("", tile)], columns=2))
    written = np.argwhere(sheet.max(axis=-1) > 0)
    assert len(written)
    assert (written.max(axis=0) < 48).all()


def sitting(shots: tuple[Shot, ...]) -> Sitting:
    """A grid in two poses: where the face's picture is framed on it, and far out of the picture to the right."""
    face = cast(FaceMesh, grid_mesh(4))
    aside = face.vertices + np.array([0.5, 0.0, 0.0], np.float32)
    return Sitting(face, np.stack([face.vertices, aside]), shots)


def test_a_sheet_shows_every_shot_of_every_sitting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_sheet, "ENGINE", "BLENDER_WORKBENCH")
    path = tmp_path / "sheet.png"
    face = Shot("", 0, "front")
    first = sitting((face, Shot("", 1, "front"), Shot("", 0, "front", close_up="lips")))
    assert write_sheet(path, [first, sitting((face,))], columns=4, tile=TILE) == 4
    assert [file.name for file in tmp_path.iterdir()] == ["sheet.png"]
    tiles = [np.asarray(Image.open(path), np.int16)[:, left : left + TILE] for left in range(0, 4 * TILE, TILE)]
    shown = [np.abs(tile - tile[0, 0]).max(axis=-1) > 20 for tile in tiles]
    assert shown[0][TILE // 2, TILE // 2]
    assert not shown[1].any(), "the other pose is elsewhere"
    assert shown[2].mean() < 0.8 * shown[0].mean(), "the lips are the grid's lower edge: half the picture is below"
    assert np.array_equal(tiles[3], tiles[0])


def test_a_group_that_is_not_there_is_an_error_and_no_sheet(tmp_path: Path) -> None:
    with pytest.raises((RuntimeError, UserError), match="nose"):
        write_sheet(tmp_path / "sheet.png", [sitting((Shot("", 0, "front", close_up="nose"),))], columns=1, tile=TILE)
    assert not list(tmp_path.iterdir())
