"""The tongue moves by rule: it reaches where its four controls say, as one body, and stays under the palate.

What is known need not be learned: a tongue bends, it neither tears nor goes through what is around it. The codes lose
the tongue's controls before the expression field sees them, and the tongue of the mean head, a body described below,
gains what these controls stand for. The palate and the upper teeth of an identity are known as a height over every
place; what would be above it is pressed flat beneath.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

CONTROLS = ("tongueTipUp", "tongueBetweenTeeth", "tongueBackUp", "tongueOut")

# Heights halfway between the tongue and what is under and beside it, on the mean head in canonical pose, head units:
# rows from the back to the front by z, columns from the middle to a side by x. They part tongue from gums in the
# templates (hinge loss at 0.3 mm over points of their quads): where one is a little astray, a piece of the underside
# stays on the floor while the rest goes out.
ASIDE = (0.0, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09)
FLOOR = {
    -0.060: (-0.2850, -0.2827, -0.2672, -0.2772, -0.2721, -0.2732, -0.2584, -0.2410, -0.2069),
    -0.020: (-0.2768, -0.2819, -0.2840, -0.2888, -0.2806, -0.2708, -0.2507, -0.2180, -0.1902),
    0.000: (-0.2821, -0.2901, -0.2881, -0.2782, -0.2740, -0.2561, -0.2398, -0.2194, -0.1850),
    0.020: (-0.2873, -0.2905, -0.2792, -0.2780, -0.2720, -0.2556, -0.2372, -0.2210, -0.1850),
    0.040: (-0.2769, -0.2824, -0.2810, -0.2780, -0.2720, -0.2565, -0.2401, -0.2055, -0.1850),
    0.060: (-0.2820, -0.2820, -0.2810, -0.2790, -0.2710, -0.2582, -0.2346, -0.1950, -0.1850),
    0.080: (-0.2820, -0.2810, -0.2790, -0.2745, -0.2641, -0.2486, -0.2101, -0.1900, -0.1850),
    0.090: (-0.2800, -0.2780, -0.2759, -0.2683, -0.2586, -0.2483, -0.2050, -0.1900, -0.1850),
    0.100: (-0.2812, -0.2775, -0.2693, -0.2621, -0.2564, -0.2375, -0.2000, -0.1900, -0.1850),
    0.110: (-0.2732, -0.2685, -0.2629, -0.2559, -0.2404, -0.2100, -0.1950, -0.1900, -0.1850),
    0.115: (-0.2696, -0.2658, -0.2596, -0.2472, -0.2289, -0.2050, -0.1925, -0.1900, -0.1850),
    0.120: (-0.2688, -0.2622, -0.2557, -0.2388, -0.2200, -0.2000, -0.1900, -0.1900, -0.1850),
    0.124: (-0.2636, -0.2614, -0.2475, -0.2319, -0.2100, -0.1950, -0.1900, -0.1900, -0.1850),
    0.128: (-0.2627, -0.2591, -0.2398, -0.2250, -0.2000, -0.1900, -0.1900, -0.1900, -0.1850),
    0.136: (-0.2400, -0.2350, -0.2200, -0.2000, -0.1900, -0.1900, -0.1900, -0.1900, -0.1850),
    0.150: (-0.1900, -0.1900, -0.1900, -0.1900, -0.1900, -0.1900, -0.1900, -0.1900, -0.1850),
}
# Above the floor a point is ever more tongue: over these heights where the two are one, and where they only touch.
FOLD, FREE = (-0.012, 0.012), (-0.001, 0.0004)
FOLD_END, FREE_START = 0.02, 0.04  # z between which the one becomes the other
UNDER_PALATE = (-0.184, -0.194)  # y over which points are palate and tongue
CHEEK = (0.080, 0.092)  # head units aside over which they are no longer tongue
UNDERSIDE, DORSUM = -0.268, -0.215  # y over which a point of a tip that goes up goes forward more and more

ROOT, BLADE, TIP = -0.06, 0.0, 0.125  # z where the tongue begins to move, where its front part does, and where it ends
BACK, BACK_REACH = -0.045, 0.075  # z of what rises for k and g, and how far from there it does
BACK_SIDES = (0.045, 0.075)  # head units aside over which it does not
MIDDLE = -0.24  # y about which a tongue is flattened
UP, UP_FORWARD = 0.085, 0.025  # head units that the tip goes up to touch behind the upper teeth, and forward
UP_BEHIND = 0.2  # of that: how much its underside stays behind, lest a tip pressed flat is a leaf
BETWEEN, BETWEEN_UP, BETWEEN_FLAT = 0.075, 0.030, 0.20  # forward to between the teeth, over the lower ones, and flatter
ROLL = -0.250  # y from which on all of a tongue between the teeth goes forward: its tip is round, its underside rolls
OUT, OUT_UP, OUT_FLAT = 0.180, 0.045, 0.55  # the same, out of the mouth
OUT_FROM, OUT_TO = 0.02, 0.10  # z between which what is in front goes out as it is, and what is behind is drawn out
OVER_TEETH = 0.05  # z from which on all of a tongue that is put out is as high as it has to be over teeth and lip
OUT_NARROW, DROOP = 0.25, 0.020  # how much narrower it is outside, and head units that its end hangs down
RISE = 0.07  # head units that its back goes up to the palate
ROOM = 0.022  # head units between the teeth's edges from which on a tongue goes out between them unhindered

EDGES = ((-0.207, 0.175), (-0.2355, 0.160))  # y and z of the middle incisors' edges on the mean head, upper and lower
FILM, SOFT = 0.005, 0.02  # head units kept beneath the palate, and above which height under it a tongue gives way
STEP = 0.01  # head units between two places whose height is known
LOW, HIGH = (-0.1, -0.12), (0.1, 0.19)  # x and z of the first and the last of them on the mean head
START, LONGEST, STEPS = -0.19, 0.02, 8  # y in the open mouth from where the palate is looked for, and how
BLUR = 0.008  # head units over which heights are averaged

Distance = Callable[[Tensor], Tensor]
"""Signed distances ``[N]`` of points ``[N, 3]`` to palate and upper teeth."""


@dataclass(frozen=True)
class Palate:
    """Heights of palate and upper teeth over x and z.

    Attributes:
        low: x and z of the first ``[2]``, head units.
        heights: ``[Z, X]``, ``STEP`` apart.
    """

    low: Tensor
    heights: Tensor

    @classmethod
    def over(cls, points: Tensor) -> "Palate":
        """The palate through points ``[N, 3]`` that lie about ``STEP`` apart."""
        places = points[:, [0, 2]]
        low = places.amin(dim=0)
        columns, rows = (int(count) for count in ((places.amax(dim=0) - low) / STEP).ceil() + 1)
        z, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        grid = low + STEP * torch.stack([x, z], dim=-1).view(-1, 2).to(points)
        apart = torch.cdist(grid, places)
        say = torch.softmax(-0.5 * (apart / BLUR).square(), dim=1)
        return cls(low, (say @ points[:, 1]).view(rows, columns))

    def under(self, points: Tensor) -> Tensor:
        """Heights ``[..., M]`` that points ``[..., M, 3]`` may have: their own, or less where that is too high."""
        size = self.heights.new_tensor([self.heights.shape[1] - 1, self.heights.shape[0] - 1]) * STEP
        where = 2.0 * (points[..., [0, 2]] - self.low) / size - 1.0
        heights = functional.grid_sample(
            self.heights[None, None], where.reshape(1, 1, -1, 2), align_corners=True, padding_mode="border"
        )
        soft = heights.view(points.shape[:-1]) - FILM - SOFT
        above = points[..., 1] - soft
        # A height gives way the more the nearer it comes; two that follow each other never change places.
        return torch.where(above > 0.0, soft + SOFT * (1.0 - torch.exp(-above / SOFT)), points[..., 1])


@dataclass(frozen=True)
class Tongue:
    """The tongue of one identity.

    Attributes:
        code_to_tongue, tongue_to_code: between codes and the weights of ``CONTROLS`` ``[E, 4]``, ``[4, E]``.
        points: indices of the points that are tongue ``[M]``.
        share: how much of it they are ``[M]``.
        shapes: how far every control at 1 moves them; of a tongue that goes between or past the teeth how it rises
            before how it goes forward ``[6, M, 3]``, head units.
        palate: what they stay under.
    """

    code_to_tongue: Tensor
    tongue_to_code: Tensor
    points: Tensor
    share: Tensor
    shapes: Tensor
    palate: Palate

    def taken_out(self, expressions: Tensor) -> tuple[Tensor, Tensor]:
        """Codes ``[T, E]`` whose tongue is at rest, and the weights of its controls ``[T, 4]``."""
        weights = expressions @ self.code_to_tongue
        return expressions - weights @ self.tongue_to_code, weights

    def move(self, posed: Tensor, weights: Tensor, gap: Tensor) -> None:
        """Move the tongue, in ``posed [T, N, 3]``, in place.

        Args:
            posed: points in every frame, their tongue at rest in its jaw.
            weights: of the controls ``[T, 4]``.
            gap: between the edges of the teeth ``[T]``, head units, negative where they overlap.
        """
        if not len(self.points):
            return
        tip, between, back, out = weights.clamp(0.0, 1.0).unbind(dim=1)
        room = (gap / ROOM).clamp(0.0, 1.0)
        room = room * room * (3.0 - 2.0 * room)
        # One tongue has one tip: what is behind or between the teeth does not hang out of the mouth as well.
        inside, outside = between * room, out * room * (1.0 - tip) * (1.0 - between)
        own = torch.stack([tip * (1.0 - inside), *_over_teeth(inside), back, *_over_teeth(outside)])
        moved = posed.index_select(1, self.points) + (own.T @ self.shapes.flatten(1)).view(len(posed), -1, 3)
        moved[..., 1] = torch.lerp(moved[..., 1], self.palate.under(moved), self.share)
        posed[:, self.points] = moved

    def among(self, places: Tensor) -> "Tongue":
        """The same tongue among fewer points: ``places [N]`` are their new indices, -1 for those that are gone."""
        points = places[self.points]
        left = points >= 0
        return replace(self, points=points[left], share=self.share[left], shapes=self.shapes[:, left])


def tongue(rig: tuple[Sequence[str], Tensor, Tensor], sources: Tensor, mouth: Tensor, palate: Palate) -> Tongue:
    """The tongue of an identity.

    Args:
        rig: names of the rig controls, the map from codes to their weights ``[E, R]`` and the way back ``[R, E]``.
        sources: points on the mean head ``[N, 3]``.
        mouth: which of them are gums, palate and tongue ``[N]``, bool.
        palate: the identity's.
    """
    names, code_to_rig, rig_to_code = rig
    own = [list(names).index(name) for name in CONTROLS]
    share = tongue_share(sources) * mouth
    points = (share > 0.0).nonzero()[:, 0]
    shapes = share[points, None] * _shapes(sources[points])
    return Tongue(code_to_rig[:, own], rig_to_code[own], points, share[points], shapes, palate)


def tongue_share(points: Tensor) -> Tensor:
    """How much points ``[N, 3]`` of the mean head's mouth are tongue, 0 to 1 ``[N]``.

    A function of the place alone, and of the height foremost: what touches moves together, and nothing passes through.
    """
    above, z = points[:, 1] - _floor(points), points[:, 2]
    free = _smooth(z, FOLD_END, FREE_START)
    share = torch.lerp(_smooth(above, *FOLD), _smooth(above, *FREE), free)
    share = share * _smooth(-points[:, 1], *(-height for height in UNDER_PALATE))
    return share * (1.0 - _smooth(points[:, 0].abs(), *CHEEK))


def palate_points(distance: Distance, device: torch.device) -> Tensor:
    """Points ``[N, 3]`` of the mean head's palate and upper teeth, ``STEP`` apart in x and z.

    They are looked for upwards from within the open mouth by as much as the surface is away (sphere tracing: Hart,
    The Visual Computer 12, 1996).
    """
    x, z = (
        torch.arange(round((high - low) / STEP) + 1, device=device) * STEP + low
        for low, high in zip(LOW, HIGH, strict=True)
    )
    columns = torch.cartesian_prod(x, z)
    points = torch.stack([columns[:, 0], torch.full_like(columns[:, 0], START), columns[:, 1]], dim=1)
    for _ in range(STEPS):
        points[:, 1] += distance(points).clamp(max=LONGEST)
    return points


def teeth_gap(places: Sequence[Tensor]) -> Tensor:
    """How far the edges of upper and lower teeth are apart ``[T]``, head units, negative where they overlap.

    Args:
        places: the affine maps ``[T, 4, 3]`` that take the mean head's upper and lower row to where they are.
    """
    upper, lower = (place.new_tensor([0.0, y, z, 1.0]) @ place for (y, z), place in zip(EDGES, places, strict=True))
    return upper[:, 1] - lower[:, 1]


def _floor(points: Tensor) -> Tensor:
    """Heights ``[N]`` above which points ``[N, 3]`` of the mean head's mouth are tongue."""
    heights = torch.tensor(list(FLOOR.values())).to(points)
    row, down = _between(points[:, 2], list(FLOOR))
    column, aside = _between(points[:, 0].abs(), ASIDE)
    behind, before = (torch.lerp(heights[at, column], heights[at, column + 1], aside) for at in (row, row + 1))
    return torch.lerp(behind, before, down)


def _over_teeth(weight: Tensor) -> tuple[Tensor, Tensor]:
    """How far a tongue has risen and gone forward: it rises first, or it would go through the lower teeth."""
    return weight * (2.0 - weight), weight.square()


def _shapes(points: Tensor) -> Tensor:
    """How far every control at 1 moves points ``[M, 3]`` of the mean tongue ``[6, M, 3]``: see ``Tongue.shapes``.

    What is put out goes at all heights alike, so its end stays as round as it is: it was a needle while its underside
    stayed behind.
    """
    y, z = points[:, 1], points[:, 2]
    front, whole = _smooth(z, BLADE, TIP), _smooth(z, ROOT, TIP)
    back = (1.0 - ((z - BACK) / BACK_REACH).square()).clamp(min=0.0).square()
    back = back * (1.0 - _smooth(points[:, 0].abs(), *BACK_SIDES))
    over, above, nothing = _smooth(y, UNDERSIDE, DORSUM), y - MIDDLE, torch.zeros_like(z)
    moves = [
        (UP * front * (1.0 - UP_BEHIND * (1.0 - over)), UP_FORWARD * front * over),
        (front * (BETWEEN_UP - BETWEEN_FLAT * above), nothing),
        (nothing, BETWEEN * whole * _smooth(y, UNDERSIDE, ROLL)),
        (RISE * back, nothing),
    ]
    shapes = [torch.stack([nothing, up, forward], dim=1) for up, forward in moves]
    over_teeth, outside = _smooth(z, ROOT, OVER_TEETH), _smooth(z, OUT_FROM, OUT_TO)
    raised = torch.stack([nothing, over_teeth * (OUT_UP - OUT_FLAT * above), nothing], dim=1)
    put_out = torch.stack([-OUT_NARROW * points[:, 0] * outside, -DROOP * outside, OUT * outside], dim=1)
    return torch.stack([*shapes, raised, put_out])


def _smooth(values: Tensor, low: float, high: float) -> Tensor:
    share = ((values - low) / (high - low)).clamp(0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def _between(values: Tensor, places: Sequence[float]) -> tuple[Tensor, Tensor]:
    """After which of ascending places values ``[N]`` come, and how far on the way to the next."""
    ascending = torch.tensor(places).to(values)
    before = torch.searchsorted(ascending, values.contiguous()).clamp(1, len(places) - 1) - 1
    return before, ((values - ascending[before]) / (ascending[before + 1] - ascending[before])).clamp(0.0, 1.0)
