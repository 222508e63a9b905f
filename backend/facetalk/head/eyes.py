"""Eyes: balls that turn, with pupils that widen, and lids that slide on them.

What is known need not be learned: an eyeball turns about its middle by the gaze that a code stands for, and whatever
the expression field makes of a lid, it stays in front of the ball.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

SIDES = ("L", "R")  # of the subject, as rig controls are named
GAZE_DEGREES = 25.0  # turn at eyeLook* weight 1
# An eye's axis points this far outwards when a face looks at someone: pupils lie beside the line of sight (angle kappa,
# 4 to 5 degrees), less what both eyes turn in for a listener a metre away. Scans are 3 to 9 degrees off, each its own.
REST_OUT_DEGREES = 2.5
PUPIL_DEGREES, IRIS_DEGREES = 11.0, 29.0  # as seen from the eyeball's middle, about the gaze
PUPIL_GAIN = 0.6  # a pupil at weight 1 is this much wider
LID_FILM = 0.0014  # head units kept between lid and eyeball
BEHIND_LIDS = 0.0044  # head units inside the ball, while the eye is open, from which on skin is the socket's and hidden
LID_THICKNESS, FLATTEST = 0.008, 0.3  # head units off the ball up to which lids keep this share of their thickness
UPPER_LID_AHEAD = 0.0016  # head units by which the upper lid's film is thicker: it shuts a little over the lower one
REACH = 1.5  # radii from the eyeball's middle within which skin may come to touch it
SOCKET, FRONT = 0.0, 0.15  # radii in front of the middle where the socket ends and where lids begin
CORNEA = 0.5  # of a cornea's bulge: what is further out is its middle
LEAST_BULGE = 1e-5  # square head units, far less than any cornea has
ENOUGH = 50  # points on a ball that give away where it is
STEEPEST = 0.95  # of the ball's radius aside, beyond which pushing straight ahead would fling a point


@dataclass(frozen=True)
class Eye:
    """One eyeball of one identity, and the points it has to do with.

    Attributes:
        centre: ``[3]``, head units.
        radius: of the ball.
        cornea: how far it bulges at the gaze.
        gaze: unit direction in which it looks in canonical pose ``[3]``.
        ahead: turns it from there to where it looks at rest ``[3, 3]``.
        code_to_eye: maps codes to the weights of looking down, up, in, out and of the pupil ``[E, 5]``.
        inward: the sign of x towards the nose.
        ball: indices of the points on the ball ``[B]``.
        lids: indices of the skin's points that may touch it ``[K]``.
        films: head units that these keep from it ``[K]``.
        rim_films: the same of the points of its lids' rims ``[M]``.
    """

    centre: Tensor
    radius: Tensor
    cornea: Tensor
    gaze: Tensor
    ahead: Tensor
    code_to_eye: Tensor
    inward: float
    ball: Tensor
    lids: Tensor
    films: Tensor
    rim_films: Tensor

    def turn(self, points: Tensor, posed: Tensor, expressions: Tensor) -> None:
        """Put the ball's points where codes have them look, in ``posed [T, N, 3]``, in place.

        Args:
            points: canonical points ``[N, 3]``.
            posed: all of them in every frame.
            expressions: codes ``[T, E]``.
        """
        rotation, pupil = self._look(expressions)
        shape = points[self.ball] - self.centre
        slid = shape + pupil.clamp(0.0, 1.0)[:, None, None] * self._pupil_slide(shape)
        slid = slid * (shape.norm(dim=-1, keepdim=True) / slid.norm(dim=-1, keepdim=True).clamp(min=1e-9))
        posed[:, self.ball] = slid @ rotation.transpose(1, 2) + self.centre

    def keep_lids_out(self, posed: Tensor, expressions: Tensor) -> None:
        """Bring lids that are inside the ball to its front, straight ahead, in ``posed [T, N, 3]``, in place.

        Straight ahead, so that lids which have met stay met.
        """
        lids = posed.index_select(1, self.lids)
        self._keep_out(lids, self.films, expressions)
        posed[:, self.lids] = lids

    def keep_rims_out(self, rims: Tensor, expressions: Tensor) -> None:
        """The same for the points of its lids' rims ``[T, M, 3]``."""
        self._keep_out(rims, self.rim_films, expressions)

    def _keep_out(self, points: Tensor, films: Tensor, expressions: Tensor) -> None:
        """Bring all of some points ``[T, K, 3]`` to a film ``[K]`` before the ball, in place."""
        offset = points - self.centre
        ahead = (self._look(expressions)[0] @ self.gaze)[:, :, None]
        facing = (offset @ ahead)[..., 0] / offset.norm(dim=-1).clamp(min=1e-9)
        edge = math.cos(math.radians(IRIS_DEGREES))
        over = ((facing - edge) / (1.0 - edge)).clamp(0.0, 1.0)
        outer = self.radius + films + self.cornea * over * (2.0 - over)
        inside = (offset[..., 2] > SOCKET * self.radius) & (offset.norm(dim=-1) < outer)
        aside = torch.minimum(offset[..., :2].square().sum(dim=-1), (STEEPEST * outer) ** 2)
        front = self.centre[2] + (outer.square() - aside).sqrt()
        lying = ((offset[..., 2] / self.radius - SOCKET) / (FRONT - SOCKET)).clamp(0.0, 1.0)
        points[..., 2] = torch.where(inside, torch.lerp(points[..., 2], front, lying), points[..., 2])

    def among(self, places: Tensor) -> "Eye":
        """The same eye among fewer points: ``places [N]`` are their new indices, -1 for those that are gone."""
        ball, lids = places[self.ball], places[self.lids]
        return replace(self, ball=ball[ball >= 0], lids=lids[lids >= 0], films=self.films[lids >= 0])

    def _look(self, expressions: Tensor) -> tuple[Tensor, Tensor]:
        """How the ball is turned ``[T, 3, 3]``, and how wide the pupil is ``[T]``."""
        down, up, inwards, outwards, pupil = (expressions @ self.code_to_eye).unbind(dim=-1)
        angle = math.radians(GAZE_DEGREES)
        return rotations(angle * (down - up), angle * self.inward * (inwards - outwards)) @ self.ahead, pupil

    def _pupil_slide(self, shape: Tensor) -> Tensor:
        """How far points ``[B, 3]`` about the middle slide when the pupil is at its widest; the iris gives way."""
        along = shape @ self.gaze
        aside = shape - along[:, None] * self.gaze
        degrees = torch.rad2deg(torch.atan2(aside.norm(dim=-1), along))
        share = ((IRIS_DEGREES - degrees) / (IRIS_DEGREES - PUPIL_DEGREES)).clamp(0.0, 1.0)
        return PUPIL_GAIN * share[:, None] * aside


def eye(
    side: str,
    shell: Tensor,
    gaze: Tensor,
    rig: tuple[Sequence[str], Tensor],
    points: Tensor,
    parts: tuple[Tensor, Tensor],
    rims: Tensor,
    upper: Tensor,
) -> Eye:
    """An eye of an identity.

    Args:
        side: ``L`` or ``R``.
        shell: points of its ball's surface ``[M, 3]``.
        gaze: unit direction in canonical pose of an eye without a cornea ``[3]``.
        rig: names of the rig controls, and the map from codes to their weights ``[E, R]``.
        points: canonical points ``[N, 3]``.
        parts: which points are eyeball, and which are skin ``[N]``, bool.
        rims: the rims of its lids in canonical pose ``[2, M, 3]``, the upper one first.
        upper: how much of the upper lid every point is ``[N]``.
    """
    centre, radius = sphere(shell)
    controls, code_to_rig = rig
    of_rims = torch.tensor([1.0, 0.0]).to(rims)[:, None].expand(rims.shape[:2]).flatten()
    names = [f"{name}_{side}" for name in ("eyeLookDown", "eyeLookUp", "eyeLookIn", "eyeLookOut", "PupilDilate")]
    own = points[parts[0] & ((points - centre).norm(dim=1) < REACH * radius)]
    if len(own) >= ENOUGH:  # the points themselves say best where their ball is
        centre, radius = sphere(own)
    seen = own if len(own) >= ENOUGH else shell
    off = (points - centre).norm(dim=1) - radius
    near = off < (REACH - 1.0) * radius
    lids = (parts[1] & near & (off > -BEHIND_LIDS)).nonzero()[:, 0]
    cornea = (seen - centre).norm(dim=1).amax().sub(radius).clamp(min=0.0)
    inward = -1.0 if side == "L" else 1.0
    looks = _looking(seen - centre, radius + CORNEA * cornea, gaze)
    return Eye(
        centre=centre,
        radius=radius,
        cornea=cornea,
        gaze=looks,
        ahead=_turned_ahead(looks, inward),
        code_to_eye=code_to_rig[:, [list(controls).index(name) for name in names]],
        inward=inward,
        ball=(parts[0] & near).nonzero()[:, 0],
        lids=lids,
        films=_ending(off[lids]) * _films(off[lids], upper[lids]),
        rim_films=_films((rims.flatten(0, 1) - centre).norm(dim=1) - radius, of_rims),
    )


def _looking(shape: Tensor, radius: Tensor, otherwise: Tensor) -> Tensor:
    """Where a ball looks ``[3]``: the middle of what of it, about its centre ``[M, 3]``, is beyond a radius.

    A ball that bulges nowhere looks ``otherwise``.
    """
    beyond = (shape.norm(dim=1, keepdim=True) - radius).clamp(min=0.0)
    return functional.normalize((beyond * shape).sum(dim=0) + LEAST_BULGE * otherwise, dim=0)


def _turned_ahead(gaze: Tensor, inward: float) -> Tensor:
    """Turns an eye ``[3, 3]`` sideways from a gaze ``[3]`` to where it looks at rest."""
    outwards = torch.atan2(gaze[0], gaze[2])
    yaw = -inward * math.radians(REST_OUT_DEGREES) - outwards
    return rotations(torch.zeros_like(yaw)[None], yaw[None])[0]


def _films(off: Tensor, upper: Tensor) -> Tensor:
    """How far lids are kept from a ball ``[K]`` that they are ``off [K]`` in canonical pose: they have a thickness."""
    return LID_FILM + FLATTEST * (off - LID_FILM).clamp(0.0, LID_THICKNESS) + UPPER_LID_AHEAD * upper


def _ending(off: Tensor) -> Tensor:
    """How much of its film skin keeps ``[K]``: what ends on the ball, as a lid's back does, stays on it."""
    return (off / LID_FILM).clamp(0.0, 1.0)


def sphere(points: Tensor) -> tuple[Tensor, Tensor]:
    """Centre ``[3]`` and radius of the least-squares sphere through points ``[M, 3]``."""
    system = torch.cat([2.0 * points, torch.ones_like(points[:, :1])], dim=1).double()
    solution = torch.linalg.lstsq(system, points.double().square().sum(dim=1, keepdim=True)).solution[:, 0]
    centre = solution[:3]
    return centre.to(points), (solution[3] + centre @ centre).sqrt().to(points)


def rotations(pitch: Tensor, yaw: Tensor) -> Tensor:
    """Rotations ``[T, 3, 3]``: pitch about x (positive looks down), then yaw about y (positive to +x)."""
    cp, sp, cy, sy = pitch.cos(), pitch.sin(), yaw.cos(), yaw.sin()
    zero, one = torch.zeros_like(cp), torch.ones_like(cp)
    about_x = torch.stack([one, zero, zero, zero, cp, -sp, zero, sp, cp], dim=1).view(-1, 3, 3)
    about_y = torch.stack([cy, zero, sy, zero, one, zero, -sy, zero, cy], dim=1).view(-1, 3, 3)
    return about_y @ about_x
