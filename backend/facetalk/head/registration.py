"""Finding the mean face in a scan, wherever it is, however it is turned, and whatever its units."""

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from facetalk.errors import UserError
from facetalk.head.head import MILLIMETRES, UNITS_PER_METRE
from facetalk.head.rest_surface import FACE_BOX, RestSurface, in_face, seen_from_front
from facetalk.head.scan import SurfaceSamples
from facetalk.head.scan_landmarks import LANDMARKS
from facetalk.head.similarity import Similarity

Array = NDArray[np.float64]

METRES = {"m": 1.0, "dm": 0.1, "cm": 0.01, "mm": 0.001, "inch": 0.0254}

WHOLES = {"face": 0.20, "head": 0.30, "bust": 0.50, "body": 1.75}  # metres: longest extent of what a scan may show
PLAUSIBLE_EXTENT = (0.12, 2.2)  # metres
HAIR = 0.12  # head units by which hair may raise the crown
FACE_POINTS = 600  # of the template, in the last round
ROUNDS = ((40, 4, 100), (8, 12, 200), (1, 30, FACE_POINTS))  # starts kept, steps, points of the template
TRIMMED = 0.2  # share of template points with the worst match that are left out (hair over brows, glasses, a beard)
NORMAL_WEIGHT = 5.0  # mm that perpendicular normals count as much as
SCALE_FREEDOM = 0.35  # of log scale, from where a round of registration begins
DENSE_ROTATIONS = 120  # tried when none of the 24 axis-aligned ones leads to a face
COVERED = 6.0  # mm: a point of the face with the scan closer than this is covered by it
CONVINCING = 3.5  # mm of cost; other people's heads end near 2
WORST_COST = 12.0  # mm that a point of the face counts at most: it lies on nothing of the scan


def require_units(units: str | None) -> None:
    """Check the name of a unit.

    Raises:
        UserError: it is none of ``METRES``.
    """
    if units is not None and units not in METRES:
        raise UserError(f"There are no units {units!r}: choose one of {', '.join(METRES)}, or none to find out.")


class Registration:
    """Finds the mean face in a scan by iterated closest points, from the face to the scan.

    Every point of the face must lie on the scan, while the scan may have anything besides a face: neck, shoulders, a
    body, hair. So neither cropping nor a guess of the overlap is needed, and scale cannot collapse.
    Steps minimise distances to planes (Chen and Medioni, 1992) over all seven parameters of a similarity.

    Args:
        surface: the mean head's.
        samples: of the scan; many, for a face may be a small part of it.
        generator: draws the template's points.
    """

    def __init__(self, surface: RestSurface, samples: SurfaceSamples, generator: np.random.Generator) -> None:
        face = np.flatnonzero(in_face(surface.rest) & seen_from_front(surface.rest))
        chosen = generator.permutation(face)[:FACE_POINTS]
        self.points, self.normals = surface.rest[chosen], surface.normals[chosen]
        self.scan, self.tree = samples.points, cKDTree(samples.points)
        self.scan_normals = samples.normals if samples.normals is not None else _plane_normals(self.scan, self.tree)

    def refine(self, starts: list[Similarity], steps: int, points: int = FACE_POINTS) -> list[tuple[Similarity, float]]:
        """Improve transforms, all of them at once.

        Args:
            starts: K transforms from the scan to head space.
            steps: how often to look for closest points.
            points: N of the template that are used.

        Returns:
            K transforms and their costs in mm: distance plus misalignment of normals, cut where it says no more.
        """
        rotation = np.stack([start.rotation for start in starts])
        translation = np.stack([start.translation for start in starts])
        began = scale = np.array([start.scale for start in starts])
        for _ in range(steps):
            matched, _, weight = self._match(rotation, scale, translation, points)
            moved = scale[:, None, None] * matched @ rotation.transpose(0, 2, 1) + translation[:, None]
            turn, growth, shift = _plane_steps(moved, self.points[:points], self.normals[:points], weight)
            # A start that shrinks or grows beyond its freedom stays as it is: another start has that scale.
            free = np.abs(np.log(scale * growth / began)) < SCALE_FREEDOM
            rotation = np.where(free[:, None, None], turn @ rotation, rotation)
            stepped = growth[:, None] * np.einsum("kij,kj->ki", turn, translation) + shift
            translation = np.where(free[:, None], stepped, translation)
            scale = np.where(free, growth * scale, scale)
        _, cost, _ = self._match(rotation, scale, translation, points)
        costs = np.minimum(cost, WORST_COST).mean(axis=1)
        found = [Similarity(r, float(s), t) for r, s, t in zip(rotation, scale, translation, strict=True)]
        return list(zip(found, costs.tolist(), strict=True))

    def coverage(self, transform: Similarity) -> float:
        """Share of the face that has the scan near it."""
        distance, _ = self.tree.query(transform.apply_inverse(self.points))
        return float((distance * transform.scale * MILLIMETRES < COVERED).mean())

    def _match(self, rotation: Array, scale: Array, translation: Array, points: int) -> tuple[Array, Array, Array]:
        """Closest points ``[K, N, 3]`` of the scan, costs ``[K, N]`` of the matches in mm, and their weights."""
        sought = (self.points[:points] - translation[:, None]) @ rotation / scale[:, None, None]
        distance, index = self.tree.query(sought)
        turned = self.scan_normals[index] @ rotation.transpose(0, 2, 1)
        agreement = np.abs((turned * self.normals[:points]).sum(axis=2))
        cost = distance * scale[:, None] * MILLIMETRES + NORMAL_WEIGHT * (1.0 - agreement)
        kept = cost <= np.quantile(cost, 1.0 - TRIMMED, axis=1, keepdims=True)
        return self.scan[index], cost, kept * (0.1 + agreement)


def find_face(
    registration: Registration, units: str | None, generator: np.random.Generator
) -> tuple[Similarity, float]:
    """The transform under which the mean face lies best on a scan, and its cost in mm.

    Many starts are refined in rounds, with ever fewer of them and ever more steps.

    Args:
        registration: of the scan with the mean head.
        units: of the scan, one of ``METRES``, or None if unknown; other sizes are tried all the same.
        generator: draws rotations, for scans that axis-aligned ones do not bring near enough.
    """
    axis_aligned = Rotation.create_group("O").as_matrix()
    best = _best_of(registration, axis_aligned, units)
    if best[1] > CONVINCING:
        other = _best_of(registration, Rotation.random(DENSE_ROTATIONS, random_state=generator).as_matrix(), units)
        best = min(best, other, key=lambda found: found[1])
    return best


def _best_of(registration: Registration, rotations: Array, units: str | None) -> tuple[Similarity, float]:
    starts = [
        start
        for rotation, scale in itertools.product(rotations, _scales(registration.scan, units))
        for start in _placements(registration.scan, rotation, scale)
    ]
    for kept, steps, points in ROUNDS:
        ranked = sorted(registration.refine(starts, steps, points), key=lambda found: found[1])[:kept]
        starts = [start for start, _ in ranked]
    return ranked[0]


def _scales(scan: Array, units: str | None) -> list[float]:
    """Scales to begin with: what the units say, where that is plausible, and what the scan's extent may show."""
    low, high = np.quantile(scan, [0.002, 0.998], axis=0)
    extent = float((high - low).max())
    considered = [METRES[units]] if units is not None else list(METRES.values())
    metres = [unit for unit in considered if PLAUSIBLE_EXTENT[0] < unit * extent < PLAUSIBLE_EXTENT[1]]
    for length in WHOLES.values():
        guess = length / extent
        if all(abs(np.log(guess / other)) > 0.5 * SCALE_FREEDOM for other in metres):
            metres.append(guess)
    return [unit * UNITS_PER_METRE for unit in metres]


def _placements(scan: Array, rotation: Array, scale: float) -> list[Similarity]:
    """Starts for one orientation: the scan is a face, or something with a head at its top, bald or with hair."""
    turned = scale * scan[:: max(1, len(scan) // 2000)] @ rotation.T
    low, high = np.quantile(turned, [0.005, 0.995], axis=0)
    middle = 0.5 * (low + high)
    nose_depth, crown = LANDMARKS["nose_tip"][2], LANDMARKS["crown"][1]
    of_face = FACE_BOX.mean(axis=0)
    starts = [np.array([of_face[0] - middle[0], of_face[1] - middle[1], nose_depth - high[2]])]
    head = turned[turned[:, 1] > high[1] - 0.9]
    front = np.quantile(head[:, 2], 0.995)
    for raised in (0.0, HAIR):
        starts.append(np.array([-np.median(head[:, 0]), crown + raised - high[1], nose_depth - front]))
    return [Similarity(rotation, scale, start) for start in starts]


def _plane_steps(moved: Array, points: Array, normals: Array, weight: Array) -> tuple[Array, Array, Array]:
    """Small similarities that bring ``moved`` ``[K, N, 3]`` onto the planes of points and normals ``[N, 3]``.

    Returns:
        Rotations ``[K, 3, 3]``, scales ``[K]`` and translations ``[K, 3]``, by weighted least squares.
    """
    centre = points.mean(axis=0)
    arm = moved - centre
    turning, growing = np.cross(arm, normals), (arm * normals).sum(axis=2, keepdims=True)
    system = np.concatenate([turning, np.broadcast_to(normals, arm.shape), growing], axis=2)
    weighted = (system * weight[:, :, None]).transpose(0, 2, 1)
    wanted = ((points - moved) * normals).sum(axis=2, keepdims=True)
    # Damped a little: a nearly round face leaves a direction undetermined.
    damping = 1e-3 * np.diag([0.02, 0.02, 0.02, 1.0, 1.0, 1.0, 0.02]) * weight.sum(axis=1)[:, None, None]
    solution = np.linalg.solve(weighted @ system + damping, weighted @ wanted)[:, :, 0]
    turn = Rotation.from_rotvec(solution[:, :3]).as_matrix()
    growth = np.exp(np.clip(solution[:, 6], -0.2, 0.2))
    shift = centre + solution[:, 3:6] - growth[:, None] * (turn @ centre)
    return turn, growth, shift


def _plane_normals(points: Array, tree: cKDTree, neighbours: int = 16) -> Array:
    """Normals ``[N, 3]`` of a cloud, of either sign, by the least axis of every point's neighbours."""
    _, index = tree.query(points, k=neighbours)
    around = points[index] - points[index].mean(axis=1, keepdims=True)
    _, axes = np.linalg.eigh(np.einsum("nki,nkj->nij", around, around))
    return np.asarray(axes[:, :, 0])
