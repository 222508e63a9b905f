import pytest
import torch

from facetalk.head.eyes import (
    GAZE_DEGREES,
    LID_FILM,
    LID_THICKNESS,
    PUPIL_GAIN,
    REST_OUT_DEGREES,
    UPPER_LID_AHEAD,
    Eye,
    eye,
    rotations,
    sphere,
)

CENTRE, RADIUS = torch.tensor([0.1, 0.2, 0.0]), 0.05
CONTROLS = (
    "eyeLookDown_L",
    "eyeLookUp_L",
    "eyeLookIn_L",
    "eyeLookOut_L",
    "PupilDilate_L",
)  # each is one code dimension
RIMS = torch.tensor([[[0.1, 0.22, 0.03]], [[0.1, 0.18, 0.03]]])  # of both lids, inside the ball


def ball() -> torch.Tensor:
    directions = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    return CENTRE + RADIUS * directions / directions.norm(dim=1, keepdim=True)


def left_eye(points: torch.Tensor, on_ball: bool = True, upper: torch.Tensor | None = None) -> Eye:
    kind = torch.full((len(points),), on_ball)
    rig, parts = (CONTROLS, torch.eye(5)), (kind, ~kind)
    upper = torch.zeros(len(points)) if upper is None else upper
    return eye("L", ball(), rotation(REST_OUT_DEGREES) @ torch.tensor([0.0, 0.0, 1.0]), rig, points, parts, RIMS, upper)


def rotation(degrees: float) -> torch.Tensor:
    """To the subject's left ``[3, 3]``."""
    return rotations(torch.zeros(1), torch.deg2rad(torch.tensor([degrees])))[0]


def posed(points: torch.Tensor, **weights: float) -> torch.Tensor:
    code = torch.tensor([[weights.get(name.removesuffix("_L"), 0.0) for name in CONTROLS]])
    frames = points[None].clone() + 0.3  # whatever the field made of it
    left_eye(points).turn(points, frames, code)
    return frames[0]


def test_a_sphere_is_found() -> None:
    centre, radius = sphere(ball())
    assert torch.allclose(centre, CENTRE, atol=1e-5)
    assert radius.item() == pytest.approx(RADIUS, abs=1e-5)


def test_at_rest_an_eyeball_is_where_it_was_if_it_looked_ahead() -> None:
    assert torch.allclose(posed(ball()), ball(), atol=1e-6)


@pytest.mark.parametrize("degrees", [-4.0, 6.0])
def test_at_rest_an_eyeball_looks_ahead_wherever_it_looked_in_canonical_pose(degrees: float) -> None:
    middle = torch.tensor([0.0, 0.0, 1.1 * RADIUS])
    cornea = middle + 0.003 * torch.tensor([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])
    scan = torch.cat([ball(), CENTRE + cornea @ rotation(REST_OUT_DEGREES + degrees).T])
    looks = posed(scan)[-4:].mean(dim=0) - CENTRE
    aside = torch.rad2deg(torch.atan2(looks[0], looks[2])).item()
    assert aside == pytest.approx(REST_OUT_DEGREES, abs=1.0)


@pytest.mark.parametrize(
    ("control", "axis", "sign"),
    [("eyeLookDown", 1, -1), ("eyeLookUp", 1, 1), ("eyeLookIn", 0, -1), ("eyeLookOut", 0, 1)],
)
def test_the_left_eye_looks_where_it_should_and_stays_a_ball(control: str, axis: int, sign: int) -> None:
    apex = CENTRE + torch.tensor([[0.0, 0.0, RADIUS]])
    moved = posed(torch.cat([apex, ball()]), **{control: 1.0})
    expected = RADIUS * torch.sin(torch.deg2rad(torch.tensor(GAZE_DEGREES)))
    assert (moved[0] - CENTRE)[axis].item() == pytest.approx(sign * expected.item(), abs=1e-5)
    assert torch.allclose(torch.pdist(moved[1:]), torch.pdist(ball()), atol=1e-5)


def test_a_pupil_widens_on_the_ball() -> None:
    turn = rotation(REST_OUT_DEGREES)
    rim = CENTRE + RADIUS * torch.tensor([[0.15, 0.0, (1 - 0.15**2) ** 0.5]]) @ turn.T
    wide = (posed(rim, PupilDilate=1.0)[0] - CENTRE) @ turn
    assert wide.norm().item() == pytest.approx(RADIUS, abs=1e-6)
    assert 1.0 + 0.8 * PUPIL_GAIN < wide[0].item() / (0.15 * RADIUS) < 1.0 + PUPIL_GAIN


def kept_out(canonical: torch.Tensor, inside: torch.Tensor, upper: float = 0.0) -> torch.Tensor:
    """Where lids end up that a pose puts inside the ball."""
    frames = inside[None].clone()
    lids = left_eye(canonical, on_ball=False, upper=torch.full((len(canonical),), upper))
    lids.keep_lids_out(frames, torch.zeros(1, 5))
    return frames[0]


ON_BALL = CENTRE + RADIUS * torch.tensor([[0.2, 0.2, (1.0 - 2.0 * 0.2**2) ** 0.5]])
OFF_BALL = CENTRE + (ON_BALL - CENTRE) * (1.0 + LID_FILM / RADIUS)
INSIDE = torch.tensor([[0.11, 0.21, 0.03]])


def test_a_lid_in_the_eyeball_comes_to_its_front_and_keeps_its_height() -> None:
    found = kept_out(OFF_BALL, INSIDE)
    assert torch.equal(found[0, :2], INSIDE[0, :2])
    assert (found[0] - CENTRE).norm().item() == pytest.approx(RADIUS + LID_FILM, abs=1e-5)


def test_what_ends_on_the_ball_stays_on_it() -> None:
    for upper in (0.0, 1.0):
        found = kept_out(ON_BALL, INSIDE, upper)
        assert (found[0] - CENTRE).norm().item() == pytest.approx(RADIUS, abs=1e-5)


def test_a_lid_keeps_some_of_its_thickness() -> None:
    outside = CENTRE + (ON_BALL - CENTRE) * (1.0 + (LID_FILM + 0.5 * LID_THICKNESS) / RADIUS)
    inner, outer = ((kept_out(skin, INSIDE) - CENTRE).norm() for skin in (OFF_BALL, outside))
    assert 0.1 * LID_THICKNESS < outer - inner < 0.5 * LID_THICKNESS


def test_the_upper_lid_lies_before_the_lower_one() -> None:
    found = (kept_out(OFF_BALL, INSIDE, upper=1.0) - CENTRE).norm().item()
    assert found == pytest.approx(RADIUS + LID_FILM + UPPER_LID_AHEAD, abs=1e-5)
    rims = RIMS.reshape(1, 2, 3).clone()
    left_eye(ON_BALL, on_ball=False).keep_rims_out(rims, torch.zeros(1, 5))
    upper, lower = ((rims[0] - CENTRE).norm(dim=1) - RADIUS).tolist()
    assert upper - lower == pytest.approx(UPPER_LID_AHEAD, abs=1e-5)


def test_the_socket_stays_inside_the_ball() -> None:
    socket = CENTRE + 0.8 * (ON_BALL - CENTRE)
    assert torch.equal(kept_out(socket, INSIDE), INSIDE)


def test_what_is_outside_or_behind_is_left_alone() -> None:
    points = torch.tensor([[0.1, 0.2, 0.06], [0.1, 0.2, -0.02], [0.5, 0.2, 0.0]])
    frames = points[None].clone()
    left_eye(points, on_ball=False).keep_lids_out(frames, torch.zeros(1, 5))
    assert torch.equal(frames[0], points)
