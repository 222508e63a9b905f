"""What lies behind lids: rings on a tube that widens to a face at one end and ends in a socket at the other."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.eye_sockets import HIDDEN, Ball, behind_lids, hidden_border, on_the_ball, socket_quads

AROUND, LONG, LIDS_AT = 12, 10, 5


def tube() -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Vertices and quads of a tube along z, and the ring that is the lids; the face is what comes first, and longer."""
    angle, along = np.meshgrid(2.0 * np.pi * np.arange(AROUND) / AROUND, np.arange(LONG + 6.0))
    vertices = np.stack([0.06 * np.cos(angle), 0.06 * np.sin(angle), 0.1 - 0.01 * along], axis=-1).reshape(-1, 3)
    index = np.arange(len(vertices)).reshape(-1, AROUND)
    after = np.roll(index, -1, axis=1)
    quads = np.stack([index[:-1], index[1:], after[1:], after[:-1]], axis=-1).reshape(-1, 4)
    return vertices, quads, index[LONG]


def test_the_smaller_side_of_the_lids_is_behind_them() -> None:
    _, quads, lids = tube()
    behind, border = behind_lids(quads, lids)
    assert behind.tolist() == list(range((LONG + 1) * AROUND, (LONG + 6) * AROUND))
    assert sorted(border) == list(range((LONG + 5) * AROUND, (LONG + 6) * AROUND))
    assert set(np.abs(np.diff(border))) <= {1, AROUND - 1}  # in their order


def test_a_socket_is_cut_off_behind_its_first_ring() -> None:
    _, quads, lids = tube()
    left = quads[~socket_quads(quads, lids)]
    assert left.max() == (LONG + 2) * AROUND - 1


def test_the_border_is_hidden_in_the_ball_right_behind_the_lids() -> None:
    vertices, quads, lids = tube()
    quads = quads[~socket_quads(quads, lids)]
    centre, radius = np.array([0.0, 0.0, -0.02]), 0.06
    moved = hidden_border(vertices, quads, lids, Ball(centre, radius))
    border = lids + AROUND
    before, behind = vertices[lids] - centre, moved[border] - centre
    assert np.allclose(np.linalg.norm(behind, axis=1), radius - HIDDEN)
    assert np.allclose(np.cross(before, behind), 0.0)
    others = np.setdiff1d(np.arange(len(vertices)), border)
    assert np.array_equal(moved[others], vertices[others])


def test_the_border_is_where_the_skin_dips_into_the_ball() -> None:
    vertices, quads, lids = tube()
    quads = quads[~socket_quads(quads, lids)]
    lids = np.roll(lids, -AROUND // 2)  # from the inner corner on
    shift = np.array([0.1, 0.0, 0.0])  # of a left eye
    ball = Ball(np.array([0.0, 0.0, -0.02]) + shift, 0.07)

    def cylinder(points: Tensor) -> tuple[Tensor, Tensor]:
        aside = (points - torch.from_numpy(shift).float()) * torch.tensor([1.0, 1.0, 0.0])
        length = aside.norm(dim=1, keepdim=True)
        return 0.06 - length[:, 0], -aside / length

    moved = on_the_ball(vertices + shift, quads, lids, cylinder, ball) - shift
    border = lids + AROUND
    assert np.allclose(np.linalg.norm(moved[border] - (ball.centre - shift), axis=1), ball.radius, atol=1e-5)
    outer = np.arange(AROUND) == vertices[lids, 0].argmax()  # goes straight to the ball
    dipping = moved[border[~outer]]
    assert np.allclose(np.linalg.norm(dipping[:, :2], axis=1), 0.06, atol=1e-5)
    assert np.allclose(dipping[:, :2], vertices[lids[~outer], :2], atol=1e-3)  # in step with the lids
    before = vertices[lids[outer]] - (ball.centre - shift)
    assert np.allclose(np.cross(before, moved[border[outer]] - (ball.centre - shift)), 0.0, atol=1e-6)
    others = np.setdiff1d(np.arange(len(vertices)), border)
    assert np.allclose(moved[others], vertices[others])
