import numpy as np
import pytest

from facetalk.errors import UserError
from facetalk.head.meshing import TriangleMesh
from tests.training.egg_head import CENTRE, RADII, egg_head, pieces_if_watertight, volume
from training.hair_styles import HAIR_STYLES, sculpt_hair
from training.skin_surface import MILLIMETRE, SkinSurface
from training.training_heads import BOX

COARSE = 3.0 * MILLIMETRE


@pytest.fixture(scope="module")
def skin() -> SkinSurface:
    return egg_head()


@pytest.fixture(scope="module")
def sculpted(skin: SkinSurface) -> dict[str, TriangleMesh]:
    return {style: sculpt_hair(style, skin, COARSE) for style in HAIR_STYLES}


@pytest.mark.parametrize("style", HAIR_STYLES)
def test_hair_is_one_watertight_piece_inside_the_box(style: str, sculpted: dict[str, TriangleMesh]) -> None:
    hair = sculpted[style]
    assert pieces_if_watertight(hair.triangles) == 1
    assert volume(hair.vertices, hair.triangles) > 0.0
    assert (hair.vertices > BOX[0]).all()
    assert (hair.vertices < BOX[1]).all()


@pytest.mark.parametrize("style", HAIR_STYLES)
def test_hair_covers_the_crown_and_leaves_the_face_free(style: str, sculpted: dict[str, TriangleMesh]) -> None:
    hair = sculpted[style].vertices
    top = CENTRE[1] + RADII[1]
    assert hair[:, 1].max() > top + 3.0 * MILLIMETRE
    in_front_of_the_face = (hair[:, 2] > 0.1) & (np.abs(hair[:, 0]) < 0.15) & (hair[:, 1] < 0.14)
    assert not in_front_of_the_face.any()


def test_styles_differ_as_their_names_say(sculpted: dict[str, TriangleMesh]) -> None:
    lowest = {style: float(hair.vertices[:, 1].min()) for style, hair in sculpted.items()}
    assert lowest["long"] < -0.5 < lowest["bob"] < -0.25 < lowest["bun"]
    assert np.ptp(sculpted["afro"].vertices[:, 0]) > np.ptp(sculpted["crop"].vertices[:, 0]) + 60.0 * MILLIMETRE
    assert sculpted["bun"].vertices[:, 2].min() < sculpted["crop"].vertices[:, 2].min() - 20.0 * MILLIMETRE


def test_the_same_hair_is_sculpted_every_time(skin: SkinSurface, sculpted: dict[str, TriangleMesh]) -> None:
    again = sculpt_hair("side_part", skin, COARSE)
    assert np.array_equal(again.vertices, sculpted["side_part"].vertices)
    assert np.array_equal(again.triangles, sculpted["side_part"].triangles)


def test_an_unknown_style_is_refused(skin: SkinSurface) -> None:
    with pytest.raises(UserError, match="mullet"):
        sculpt_hair("mullet", skin)
