"""Hair styles, sculpted by code on the mean head: crop, side part, swept back, bob, long, bun, curls and afro.

There is no data of hair: everything here is drawn. A style is a hairline, locks combed along directions over the
skull, and what fills the space beneath them. Positions are those of the mean head in canonical pose: x to the
subject's left, y up, z out of the face, in head units.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter

from facetalk.errors import UserError
from facetalk.head.meshing import TriangleMesh
from training.distance_grid import Values
from training.hair_sculpt import (
    SPACING,
    STRAND_DEPTH,
    HairVolume,
    Locks,
    cut,
    grow,
    length_until,
    shape_locks,
    spread,
)
from training.skin_surface import MILLIMETRE, SkinSurface

Array = NDArray[np.float64]

AXIS_Z = -0.20  # the vertical axis through the ears, about which the hairline is drawn
CROWN = np.array([0.025, 0.47, -0.42])  # where hair whirls out from
NECK = (0.0, -0.22)  # x and z of the axis that falling hair hangs around
# Hairline of the left side: height over the angle about the vertical axis, 0 in front, 180 at the nape.
HAIRLINE_DEGREES = (0, 14, 28, 40, 52, 62, 68, 73, 79, 86, 91, 96, 104, 112, 120, 132, 150, 180)
HAIRLINE_HEIGHT = (
    *(0.372, 0.380, 0.392, 0.368, 0.295, 0.215, 0.150, 0.070, -0.010, -0.015, 0.060, 0.100),
    *(0.100, 0.055, -0.05, -0.14, -0.185, -0.20),
)
_HAIRLINE = PchipInterpolator(np.radians(HAIRLINE_DEGREES), HAIRLINE_HEIGHT)
_HAIRLINE_SLOPE = _HAIRLINE.derivative()


def scalp_margin(points: Array) -> Array:
    """How far points ``[..., 3]`` near the head are above the hairline, roughly along the scalp, head units."""
    angle = np.arctan2(points[..., 0], points[..., 2] - AXIS_Z)
    return _margin(angle, points[..., 1])


def _margin(angle: Array, height: Array) -> Array:
    turn = np.abs(angle)
    uneven = 1.2 * MILLIMETRE * (np.sin(7.0 * angle + 0.6) + np.sin(13.0 * angle + 2.0))  # no two sides are alike
    slope = _HAIRLINE_SLOPE(turn) / 0.3
    return np.asarray((height - _HAIRLINE(turn) - uneven) / np.sqrt(1.0 + slope**2))


class _Sculptor:
    """One style in the making: the volume, the dice, and the ways of setting hair."""

    def __init__(self, skin: SkinSurface, seed: int, spacing: float) -> None:
        self.skin = skin
        self.dice = np.random.default_rng(seed)
        self.volume = HairVolume(skin.skull, spacing=spacing)
        x, y, z = self.volume.coordinates()
        angle = np.arctan2(x, z - AXIS_Z)
        self.margin: Values = _margin(angle.astype(np.float64), y.astype(np.float64)).astype(np.float32)

    def roots(self, gap: float, inset: float = 1.0) -> Array:
        """Points of the scalp ``gap`` millimetres apart, at least ``inset`` millimetres above the hairline."""
        points = self.skin.scatter(40000, self.dice)
        on_skull = np.abs(self.skin.skull.sample(points)) < 2.5 * MILLIMETRE
        return spread(points[on_skull & (scalp_margin(points) > inset * MILLIMETRE)], gap * MILLIMETRE)

    def undercoat(self, thickness: float, fade: float = 18.0) -> None:
        """A coat of ``thickness`` millimetres on the scalp that thins out to the hairline."""
        full = np.clip(self.margin / (fade * MILLIMETRE), 0.0, 1.0)
        height = (thickness * MILLIMETRE) * np.sqrt(full)
        coat = np.maximum(self.volume.ground - height, -self.margin)
        self.volume.join(coat.astype(np.float32))

    def near(self, values: Array, spread_by: float) -> Array:
        """Values, each varied by up to a fraction."""
        return np.asarray(values * (1.0 + spread_by * self.dice.uniform(-1.0, 1.0, len(values))))

    def set_locks(
        self,
        paths: Array,
        width: float,
        thickness: float,
        roll: float = 0.25,
        blunt: float = 0.0,
        strands: float = STRAND_DEPTH,
    ) -> None:
        """Add locks of about ``width`` and ``thickness`` millimetres along paths."""
        count = len(paths)
        half = 0.5 * MILLIMETRE * np.ones(count)
        locks = shape_locks(
            self.skin,
            paths,
            self.near(width * half, 0.25),
            self.near(thickness * half, 0.2),
            roll * self.dice.uniform(-1.0, 1.0, count),
            blunt,
            strands,
        )
        self.volume.add(locks)

    def jitter(self, count: int, amount: float) -> Array:
        """Random vectors ``[N, 3]``."""
        return self.dice.normal(0.0, amount, (count, 3))


def _steady(value: float) -> Callable[[Array, float], Array]:
    return lambda place, progress: np.full(len(place), value)


def _bell(value: Array, centre: float, width: float) -> Array:
    return np.asarray(np.exp(-(((value - centre) / width) ** 2)))


def _ramp(value: Array, low: float, high: float) -> Array:
    fraction = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(fraction * fraction * (3.0 - 2.0 * fraction))


def _crop(sculptor: _Sculptor) -> None:
    """Short all over, whirling out from the crown, a little longer and rougher on top."""
    sculptor.undercoat(2.5)
    roots = sculptor.roots(6.5)
    top = _ramp(roots[:, 1], 0.20, 0.40)
    length = sculptor.near((20.0 + 12.0 * top) * MILLIMETRE, 0.2)
    bent = sculptor.jitter(len(roots), 0.22)
    height = sculptor.near(3.5 + 5.0 * top, 0.35) * MILLIMETRE

    def comb(place: Array, progress: float) -> Array:
        away = place - CROWN
        away /= np.linalg.norm(away, axis=1, keepdims=True)
        whirl = np.cross([0.0, 1.0, 0.0], away) * _bell(np.linalg.norm(place - CROWN, axis=1), 0.0, 0.2)[:, None]
        forward = np.array([0.15, 0.0, 0.9]) * _ramp(place[:, 1], 0.3, 0.45)[:, None]
        down = np.array([0.0, -0.8, -0.15])
        return away + 0.8 * whirl + forward + down * (1.0 - _ramp(place[:, 1], 0.2, 0.42))[:, None] + bent

    paths = grow(sculptor.skin, roots, length, comb, lambda p, s: height * (0.25 + 0.9 * s), _steady(0.35))
    sculptor.set_locks(paths, 8.5, 5.0)


PART_X = 0.115


def _side_part(sculptor: _Sculptor) -> None:
    """Parted on the subject's left, the top swept across to the right in a wave, short sides combed back."""
    sculptor.undercoat(2.5)
    roots = sculptor.roots(7.0)
    x, y, z = roots.T
    top = _ramp(y, 0.22, 0.40) * _ramp(PART_X - x, 0.0, 0.02)
    front = top * _ramp(z, -0.35, 0.0)
    length = sculptor.near((38.0 + 20.0 * top + 16.0 * front - 18.0 * _ramp(-y, -0.05, 0.08)) * MILLIMETRE, 0.15)
    height = sculptor.near(3.8 + 3.5 * top + 8.0 * front, 0.3) * MILLIMETRE
    across = np.where(x < PART_X, -1.0, 1.0)[:, None] * _ramp(y, 0.15, 0.36)[:, None]
    bent = sculptor.jitter(len(roots), 0.10)

    def comb(place: Array, progress: float) -> Array:
        swept = across * np.array([1.0, 0.0, 0.0])
        rise = np.array([0.0, 0.0, 0.55]) * (front * (1.0 - 2.4 * progress))[:, None]
        side = np.array([0.0, -0.75, -0.55])
        back = np.array([0.0, -0.8, 0.0]) * _ramp(-place[:, 2], 0.35, 0.5)[:, None]
        return swept + rise + side * (1.0 - 0.55 * top)[:, None] + back + bent

    def lift(place: Array, progress: float) -> Array:
        near_part = _ramp(np.abs(place[:, 0] - PART_X), 0.0, 0.045)
        return np.asarray(height * (0.3 + 0.9 * np.sin(np.pi * min(1.0, 0.75 * progress))) * (0.35 + 0.65 * near_part))

    paths = grow(sculptor.skin, roots, length, comb, lift, _steady(0.4))
    sculptor.set_locks(paths, 9.0, 5.5, roll=0.2)


def _swept_back(sculptor: _Sculptor) -> None:
    """Combed back from the forehead in long flowing locks, high in front, close at the sides."""
    sculptor.undercoat(5.0)
    roots = sculptor.roots(7.5)
    _, y, z = roots.T
    top = _ramp(y, 0.20, 0.40)
    front = top * _ramp(z, -0.25, 0.02)
    length = sculptor.near((42.0 + 43.0 * top - 20.0 * _ramp(-y, -0.05, 0.1)) * MILLIMETRE, 0.15)
    height = sculptor.near(4.0 + 5.0 * top + 10.0 * front, 0.18) * MILLIMETRE
    bent = sculptor.jitter(len(roots), 0.07)

    def comb(place: Array, progress: float) -> Array:
        back = np.array([0.08, 0.0, -1.0])
        fall = np.array([0.0, -0.95, 0.0]) * _ramp(-place[:, 2], 0.22, 0.5)[:, None]
        side = np.array([0.0, -0.25, 0.0]) * (1.0 - top)[:, None]
        rise = np.array([0.0, 1.1, 0.5]) * (front * max(0.0, 1.0 - 4.0 * progress))[:, None]
        return back + fall + side + rise + bent

    paths = grow(
        sculptor.skin, roots, length, comb, lambda p, s: height * (0.35 + 0.9 * np.sin(np.pi * s**0.7)), _steady(0.35)
    )
    sculptor.set_locks(paths, 10.0, 6.0, roll=0.2)


def _fall(
    sculptor: _Sculptor, roots: Array, part: float, lift: Array, ends: Array, wave: float = 0.0, tuck: float = 0.0
) -> Array:
    """Paths ``[N, K, 3]`` that are combed from a parting over the skull and then hang down to the heights ``ends``.

    Args:
        sculptor: the style in the making.
        roots: ``[N, 3]``.
        part: x of the parting.
        lift: height over the skull ``[N]``.
        ends: y at which each path ends ``[N]``.
        wave: width of the waves.
        tuck: how much the ends turn to the neck.
    """
    phase = sculptor.dice.uniform(0.0, 0.9, len(roots))
    bent = sculptor.jitter(len(roots), 0.05)

    def comb(place: Array, progress: float) -> Array:
        x, y, z = place.T
        hanging = 1.0 - _ramp(y, 0.0, 0.35)
        # Away from the parting, which ends at the crown.
        away = _unit(np.stack([x - part, 0.0 * y, np.minimum(z - CROWN[2], 0.0)], axis=1))
        backward = np.array([0.0, 0.0, -0.75]) * _ramp(z, -0.35, 0.1)[:, None]
        inward = np.stack([NECK[0] - x, 0.0 * y, NECK[1] - z], axis=1)
        inward *= tuck * _ramp(ends - y, -0.14, 0.0)[:, None]
        angle = np.arctan2(x, z - NECK[1])
        swing = wave * hanging * np.sin(2.0 * np.pi * y / 0.24 + phase + 2.0 * angle)
        sideways = np.stack([np.cos(angle), 0.0 * angle, -np.sin(angle)], axis=1) * swing[:, None]
        combed = (away + backward) * (1.0 - hanging)[:, None]
        return combed + np.array([0.0, -1.0, 0.0]) + inward + sideways + bent

    def raised(place: Array, progress: float) -> Array:
        parted = 1.0 - 0.75 * _bell(place[:, 0], part, 0.025) * _ramp(place[:, 2], CROWN[2], CROWN[2] + 0.05)
        # Over the ears, which the skull does not have.
        ears = 13.0 * MILLIMETRE * _bell(place[:, 2], -0.24, 0.12) * _ramp(0.24 - place[:, 1], 0.0, 0.14)
        return np.asarray(lift * min(1.0, 0.4 + 6.0 * progress) * parted + ears)

    def cling(place: Array, progress: float) -> Array:
        return 0.35 * _ramp(place[:, 1], -0.02, 0.16)

    length = np.full(len(roots), 1.15)
    paths = grow(sculptor.skin, roots, length, comb, raised, cling)
    return cut(paths, length_until(paths, paths[:, :, 1] < ends[:, None]))


def _bob(sculptor: _Sculptor) -> None:
    """Cut bluntly at the jaw, with a fringe over the brows."""
    sculptor.undercoat(6.0)
    roots = sculptor.roots(9.0)
    behind = roots[roots[:, 2] < -0.04]
    lift = sculptor.near(np.full(len(behind), 10.0), 0.35) * MILLIMETRE
    ends = -0.29 + 0.012 * sculptor.dice.normal(size=len(behind)) + 0.03 * _ramp(-behind[:, 2], 0.3, 0.6)
    paths = _fall(sculptor, behind, 0.0, lift, ends, wave=0.05, tuck=3.0)
    sculptor.set_locks(paths, 12.0, 7.0, roll=0.2, blunt=0.45)
    sculptor.volume.fill_behind(NECK, above=-0.27)
    _fringe(sculptor)


def _fringe(sculptor: _Sculptor) -> None:
    roots = sculptor.roots(6.0)
    x, y, z = roots.T
    roots = roots[(z > -0.20) & (y > 0.30) & (np.abs(x) < 0.235)]
    lift = sculptor.near(np.full(len(roots), 7.0), 0.3) * MILLIMETRE
    ends = 0.21 + 0.008 * sculptor.dice.normal(size=len(roots)) - 0.8 * roots[:, 0] ** 2
    bent = sculptor.jitter(len(roots), 0.06)

    def comb(place: Array, progress: float) -> Array:
        return np.array([0.0, -0.6, 1.0]) + place * np.array([0.9, 0.0, 0.0]) + bent

    paths = grow(
        sculptor.skin, roots, np.full(len(roots), 0.55), comb, lambda p, s: lift * min(1.0, 0.4 + 5.0 * s), _steady(0.3)
    )
    paths = cut(paths, length_until(paths, paths[:, :, 1] < ends[:, None]))
    sculptor.set_locks(paths, 10.0, 5.0, roll=0.15, blunt=0.4)


def _long(sculptor: _Sculptor) -> None:
    """Parted in the middle, falling in waves over shoulders and back."""
    sculptor.undercoat(6.0)
    roots = sculptor.roots(11.0)
    lift = sculptor.near(np.full(len(roots), 11.0), 0.45) * MILLIMETRE
    ends = np.clip(-0.515 + 0.02 * sculptor.dice.normal(size=len(roots)), -0.545, -0.45)
    paths = _fall(sculptor, roots, 0.012, lift, ends, wave=0.42)
    sculptor.set_locks(paths, 16.0, 8.5, roll=0.3, blunt=0.12)
    sculptor.volume.fill_behind(NECK, above=-0.48)


BUN = np.array([0.0, 0.47, -0.60])
BUN_RADIUS = 0.14


def _bun(sculptor: _Sculptor) -> None:
    """Drawn up tightly to a wound bun high at the back."""
    sculptor.undercoat(4.0)
    roots = sculptor.roots(8.0)
    base = BUN + np.array([0.0, -0.06, 0.08])
    bent = sculptor.jitter(len(roots), 0.04)
    lift = sculptor.near(np.full(len(roots), 4.5), 0.5) * MILLIMETRE

    def comb(place: Array, progress: float) -> Array:
        toward = base - place
        return np.asarray(toward / np.linalg.norm(toward, axis=1, keepdims=True) + bent)

    length = np.minimum(1.25 * np.linalg.norm(roots - base, axis=1), 0.7) + 0.05
    paths = grow(sculptor.skin, roots, length, comb, lambda p, s: lift * min(1.0, 0.3 + 4.0 * s), _steady(0.4))
    near_bun = np.linalg.norm(paths - base, axis=2) < 0.05
    sculptor.set_locks(cut(paths, length_until(paths, near_bun)), 9.0, 5.5, roll=0.2, blunt=0.6)
    _wind(sculptor)


def _wind(sculptor: _Sculptor) -> None:
    """The bun: locks that spiral from its foot to its top, over a ball."""
    axis = np.array([0.0, 0.55, -0.83])
    side = np.array([1.0, 0.0, 0.0])
    up = np.cross(axis, side)
    along = np.linspace(0.0, 1.0, 70)
    for start in np.linspace(0.0, 2.0 * np.pi, 9, endpoint=False):
        turn = start + 2.0 * np.pi * 0.95 * along + 0.2 * sculptor.dice.normal()
        rise = np.radians(-62.0 + 140.0 * along)
        radius = BUN_RADIUS * (1.0 + 0.05 * sculptor.dice.normal())
        around = np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * up
        out = np.cos(rise)[:, None] * around + 0.85 * np.sin(rise)[:, None] * axis
        path = BUN + radius * out
        full = np.sqrt(np.sin(np.pi * np.clip(0.08 + 0.84 * along, 0.0, 1.0)))
        sculptor.volume.add(
            Locks(path[None], _unit(out)[None], (7.5 * MILLIMETRE * full)[None], (5.0 * MILLIMETRE * full)[None])
        )
    sculptor.volume.join(_ball(sculptor, BUN, BUN_RADIUS))


def _ball(sculptor: _Sculptor, centre: Array, radius: float) -> Values:
    x, y, z = sculptor.volume.coordinates()
    distance = np.sqrt((x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2)
    return np.asarray(distance - radius, dtype=np.float32)


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))


def _curls(sculptor: _Sculptor) -> None:
    """Ringlets all over, to the height of the mouth."""
    sculptor.undercoat(12.0)
    roots = sculptor.roots(13.0)
    at_crown = roots[np.linalg.norm(roots - CROWN, axis=1) < 0.17]
    extra = np.arange(len(roots) + 2 * len(at_crown)) >= len(roots)
    roots = np.concatenate([roots, at_crown, at_crown])
    _, y, z = roots.T
    front = _ramp(z, -0.15, 0.0) * _ramp(y, 0.2, 0.35)
    length = sculptor.near((70.0 - 40.0 * front - 25.0 * _ramp(-y, -0.1, 0.1)) * MILLIMETRE, 0.25)
    length[extra] *= 0.55
    height = sculptor.near(15.0 + 9.0 * _ramp(y, 0.1, 0.4), 0.35) * MILLIMETRE
    height[extra] *= 0.75
    bent = sculptor.jitter(len(roots), 0.3) * np.where(extra, 2.5, 1.0)[:, None]

    def comb(place: Array, progress: float) -> Array:
        away = _unit(place - CROWN) * _ramp(np.linalg.norm(place - CROWN, axis=1), 0.0, 0.25)[:, None]
        temple = _ramp(place[:, 2], -0.25, -0.1) * (1.0 - _ramp(place[:, 1], 0.2, 0.35))
        return away + np.array([0.0, -1.1 * progress - 0.1, 0.1]) - np.array([0.0, 0.0, 0.9]) * temple[:, None] + bent

    def cling(place: Array, progress: float) -> Array:
        return np.full(len(place), 0.25 * (1.0 - 0.6 * progress))

    paths = grow(sculptor.skin, roots, length, comb, lambda p, s: height * min(1.0, 0.5 + 2.0 * s), cling)
    sculptor.set_locks(_helices(sculptor, paths), 10.5, 10.5, roll=0.0, blunt=0.3, strands=0.0)


def _helices(sculptor: _Sculptor, paths: Array) -> Array:
    """Corkscrews ``[N, K', 3]`` about paths ``[N, K, 3]``."""
    count = len(paths)
    steps = np.linalg.norm(np.diff(paths, axis=1), axis=2).sum(axis=1)
    fine = np.linspace(0.0, 1.0, 100)
    smooth = cut(paths, steps)
    index = fine * (smooth.shape[1] - 1)
    low = np.minimum(index.astype(np.int64), smooth.shape[1] - 2)
    weight = (index - low)[None, :, None]
    centre = (1.0 - weight) * smooth[:, low] + weight * smooth[:, low + 1]
    tangent = _unit(np.gradient(centre, axis=1))
    out = sculptor.skin.skull.direction(centre)
    out = _unit(out - (out * tangent).sum(axis=2, keepdims=True) * tangent)
    side = np.cross(tangent, out)
    radius = sculptor.near(np.full(count, 7.0), 0.25) * MILLIMETRE
    pitch = sculptor.near(np.full(count, 18.0), 0.2) * MILLIMETRE
    handed = np.where(sculptor.dice.uniform(size=count) < 0.5, -1.0, 1.0)
    turns = 2.0 * np.pi * (steps / pitch)[:, None] * fine[None] * handed[:, None]
    turns += sculptor.dice.uniform(0.0, 2.0 * np.pi, count)[:, None]
    reach = radius[:, None] * (1.0 - 0.4 * fine[None] ** 2)
    return np.asarray(centre + reach[..., None] * (np.cos(turns)[..., None] * out + np.sin(turns)[..., None] * side))


def _afro(sculptor: _Sculptor) -> None:
    """A great round cloud of small coils."""
    x, y, z = sculptor.volume.coordinates()
    radii = np.array([0.48, 0.455, 0.49])
    scaled = np.sqrt((x / radii[0]) ** 2 + ((y - 0.25) / radii[1]) ** 2 + ((z + 0.235) / radii[2]) ** 2)
    ellipsoid = (scaled - 1.0) * 0.46
    behind_line = -(sculptor.margin + 0.22 * np.maximum(sculptor.volume.ground, 0.0))
    blend = 0.09
    mixed = np.clip(0.5 + 0.5 * (ellipsoid - behind_line) / blend, 0.0, 1.0)
    cloud = behind_line + mixed * (ellipsoid - behind_line) + blend * mixed * (1.0 - mixed)
    rough = gaussian_filter(
        sculptor.dice.standard_normal(sculptor.volume.shape, dtype=np.float32),
        10.0 * MILLIMETRE / sculptor.volume.spacing,
    )
    cloud = (cloud + 1.6 * MILLIMETRE / rough.std() * rough).astype(np.float32)
    sculptor.volume.join(cloud)
    _coils(sculptor, cloud)


def _coils(sculptor: _Sculptor, cloud: Values) -> None:
    """Small hooks of hair all over a cloud."""
    near = np.argwhere((np.abs(cloud) < 1.0 * MILLIMETRE) & (sculptor.volume.ground > 2.0 * MILLIMETRE))
    picked = near[sculptor.dice.permutation(len(near))[:40000]]
    points = spread(sculptor.volume.low + picked * sculptor.volume.spacing, 10.0 * MILLIMETRE)
    out = _unit(points - np.array([0.0, 0.2, -0.23]))
    side = _unit(np.cross(out, sculptor.dice.normal(size=out.shape)))
    other = np.cross(out, side)
    turn = np.linspace(0.0, 1.5 * np.pi, 12)[None, :, None]
    radius = sculptor.near(np.full(len(points), 5.2), 0.25)[:, None, None] * MILLIMETRE
    rise = np.linspace(-2.0, 3.0, 12)[None, :, None] * MILLIMETRE
    paths = points[:, None] + radius * (np.cos(turn) * side[:, None] + np.sin(turn) * other[:, None])
    paths = paths + rise * out[:, None]
    sculptor.set_locks(paths, 7.5, 7.5, roll=0.0, blunt=0.5, strands=0.0)


def _clear_ears(sculptor: _Sculptor) -> None:
    """Take hair away from the ears: from what of the skin stands out of the skull, with a thin gap."""
    volume = sculptor.volume
    skin = volume.on_grid(sculptor.skin.distance)
    ears = volume.ground - skin > 3.0 * MILLIMETRE
    np.maximum(volume.values, 1.0 * MILLIMETRE - skin, out=volume.values, where=ears)


_STYLES: dict[str, Callable[[_Sculptor], None]] = {
    "crop": _crop,
    "side_part": _side_part,
    "swept_back": _swept_back,
    "bob": _bob,
    "long": _long,
    "bun": _bun,
    "curls": _curls,
    "afro": _afro,
}
HAIR_STYLES: tuple[str, ...] = tuple(_STYLES)
COVERING_EARS = ("bob", "long", "curls")


def sculpt_hair(style: str, skin: SkinSurface, spacing: float = SPACING) -> TriangleMesh:
    """Sculpt a hair style on the mean head in canonical pose.

    Args:
        style: one of ``HAIR_STYLES``.
        skin: the mean head's skin; its distance fields are computed once and kept.
        spacing: of the grid it is sculpted in, head units; a wider one is faster and rounds locks off.

    Returns:
        A watertight mesh in head units, the same at every call. Its inner side lies ``ROOT_DEPTH`` under the skin.

    Raises:
        UserError: there is no such style.
    """
    sculptor = _sculpted(style, skin, spacing)
    if style not in COVERING_EARS:
        _clear_ears(sculptor)
    return sculptor.volume.mesh()


def hair_locks(style: str, skin: SkinSurface, spacing: float = SPACING) -> list[Locks]:
    """The locks that ``sculpt_hair`` makes a style of, with the same arguments.

    Raises:
        UserError: there is no such style.
    """
    return _sculpted(style, skin, spacing).volume.locks


def _sculpted(style: str, skin: SkinSurface, spacing: float) -> _Sculptor:
    if style not in _STYLES:
        raise UserError(f"There is no hair style {style!r}; choose one of {', '.join(HAIR_STYLES)}.")
    sculptor = _Sculptor(skin, HAIR_STYLES.index(style), spacing)
    _STYLES[style](sculptor)
    return sculptor
