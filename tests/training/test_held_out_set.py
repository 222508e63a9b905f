"""The held-out set of a family of heads made of balls."""

from pathlib import Path

import numpy as np
import pytest

from facetalk.evaluation.contact import ContactBand
from facetalk.evaluation.held_out_heads import (
    BANDS,
    PARTS,
    REGIONS,
    HeldOutHeads,
    read_held_out_heads,
    write_held_out_heads,
)
from tests.training.ball_heads import BallHeads
from training.head_training_settings import HeadTrainingSettings
from training.held_out_heads import CLOSURES, HeadRegions, held_out_set
from training.rig import RIG_CONTROLS
from training.training_heads import CODE_SIZE_IDENTITY, identity_code

HEADS = BallHeads()
SETTINGS = HeadTrainingSettings(identities=7, held_out=2)
EXPRESSIONS = 3
POSES = len(CLOSURES) + EXPRESSIONS


def ball_regions() -> HeadRegions:
    """The first vertices of the skin for every region and band."""
    skin = np.arange(len(HEADS.rest)) < 20
    band = ContactBand(np.arange(5), np.arange(5, 10), (0, 4))
    return HeadRegions({name: skin.copy() for name in REGIONS}, dict.fromkeys(BANDS, band))


@pytest.fixture(scope="module")
def found() -> HeldOutHeads:
    return held_out_set(HEADS, ball_regions(), SETTINGS, EXPRESSIONS)


def test_the_last_identities_are_held_out_and_the_first_were_trained_on(found: HeldOutHeads) -> None:
    for shapes, indices in ((found.held_out, (5, 6)), (found.trained, (1, 2))):
        expected = np.stack([identity_code(index) for index in indices])
        assert np.allclose(shapes.codes, expected)
        assert shapes.codes.shape == (2, CODE_SIZE_IDENTITY)


def test_vertices_are_those_of_the_poses(found: HeldOutHeads) -> None:
    kept = np.concatenate([HEADS.vertices_of[part] for part in PARTS])
    assert found.posed.shape == (2, POSES, len(kept), 3)
    assert found.weights.shape == (2, POSES, len(RIG_CONTROLS))
    for number, index in enumerate((5, 6)):
        code = identity_code(index)
        calibration = HEADS.calibrate(code)
        weights = found.weights[number].astype(np.float64)
        assert np.allclose(found.posed[number], HEADS.pose(code, calibration, weights)[:, kept], atol=1e-6)
        assert np.allclose(found.held_out.canonical[number], HEADS.canonical(code, calibration)[kept], atol=1e-6)


def test_poses_begin_at_rest_and_end_with_expressions_of_everybodys_own(found: HeldOutHeads) -> None:
    assert found.pose_kinds[0] == "rest"
    assert not found.weights[:, 0].any()
    assert found.poses("expression").tolist() == list(range(len(CLOSURES), POSES))
    assert found.weights[:, len(CLOSURES) :].any(axis=2).all()
    assert not np.allclose(found.weights[0, len(CLOSURES) :], found.weights[1, len(CLOSURES) :])
    blink = found.weights[:, found.poses("closed_lids")]
    assert (blink[..., RIG_CONTROLS.index("eyeBlink_L")] == 1.0).all()
    jaw, close = (
        found.weights[:, found.poses("closed_lips")][..., RIG_CONTROLS.index(n)] for n in ("jawOpen", "mouthClose")
    )
    assert (close >= 0.849 * jaw).all()


def test_hidden_parts_are_left_out_and_the_rest_is_numbered_anew(found: HeldOutHeads) -> None:
    kept = np.concatenate([HEADS.vertices_of[part] for part in PARTS])
    for number, part in enumerate(PARTS):
        assert np.array_equal(kept[found.part(part)], HEADS.vertices_of[part])
        assert np.array_equal(kept[found.triangles[part]], HEADS.triangles_of[part])
        assert (found.part_of_vertex[found.triangles[part]] == number).all()
    assert found.bands["lips"].corners == (0, 4)
    assert found.regions["face"].sum() == 20


def test_it_can_be_written_and_read(found: HeldOutHeads, tmp_path: Path) -> None:
    write_held_out_heads(tmp_path / "held_out", found, {"identities": 7}, "MIT")
    read = read_held_out_heads(tmp_path / "held_out")
    assert np.array_equal(read.posed, found.posed)
    read.require_same_family(CODE_SIZE_IDENTITY, RIG_CONTROLS, PARTS)
