"""Bringing a scan into head space, and saying what its scale means."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetalk.errors import UserError
from facetalk.head.head import UNITS_PER_METRE
from facetalk.head.registration import METRES, Registration, find_face
from facetalk.head.scan_landmarks import from_landmarks
from facetalk.head.similarity import Similarity

Array = NDArray[np.float64]

RECOGNISED = 0.20  # share by which a head may differ from the mean one in size, and its unit still be sure
WRONG_UNIT = 5.0  # factor of size beyond which declared units are wrong rather than the head unusual
NOT_A_FACE = 4.6  # mm of cost; other people's faces end at 1.4 to 2.5, boxes, balls, rings and capsules at 4.8 to 8
NOT_A_FACE_BY_LANDMARKS = 7.0  # where someone has pointed at nose and eyes, it may be a stylised face

LANDMARK_STEPS = 30  # of registration, from where landmarks lead


@dataclass(frozen=True)
class Alignment:
    """How a scan lies in head space.

    Attributes:
        transform: from the scan to head space.
        unit: the scan's length unit, one of ``METRES``.
        size: of the head, compared with the mean human one, if the scan is in that unit.
        cost: what ``Registration`` minimises, millimetres.
        coverage: share of the mean face that has the scan near it.
    """

    transform: Similarity
    unit: str
    size: float
    cost: float
    coverage: float

    @property
    def is_human_size(self) -> bool:
        """Whether the size is a person's, so that the unit can be relied on."""
        return abs(np.log(self.size)) < np.log1p(RECOGNISED)

    def describe_size(self) -> str:
        """What the scale means, for people to check."""
        if self.is_human_size:
            return f"a head of human size, in {self.unit}"
        return f"{self.size:.2g} times a human head in {self.unit}: taken as a character's size"


def align(
    registration: Registration,
    landmarks: dict[str, Array] | None,
    units: str | None,
    generator: np.random.Generator,
) -> Alignment:
    """Find how a scan lies in head space.

    Args:
        registration: of the scan with the mean head.
        landmarks: positions in the scan by name, or None to find the face without.
        units: of the scan, one of ``METRES``, or None to find out.
        generator: draws rotations when axis-aligned ones do not lead to a face.

    Raises:
        UserError: no face is found, or the declared units cannot be.
    """
    if landmarks is not None:
        ((transform, cost),) = registration.refine([from_landmarks(landmarks)], LANDMARK_STEPS)
    else:
        transform, cost = find_face(registration, units, generator)
    coverage = registration.coverage(transform)
    if cost > (NOT_A_FACE if landmarks is None else NOT_A_FACE_BY_LANDMARKS):
        remedy = "give --landmarks, or crop it to the head" if landmarks is None else "check the landmarks' positions"
        raise UserError(
            f"After the best alignment the scan lies {cost:.1f} mm from the mean face and covers {coverage:.0%} of it, "
            f"where a head lies 1 to 3 mm from it and covers all: it does not look like a face; {remedy}."
        )
    unit, size = _unit_and_size(transform.scale, units)
    return Alignment(transform, unit, size, cost, coverage)


def _unit_and_size(scale: float, units: str | None) -> tuple[str, float]:
    """The scan's unit, and the head's size in it compared with the mean one, from the scale that was found."""
    sizes = {unit: metres * UNITS_PER_METRE / scale for unit, metres in METRES.items()}
    nearest = min(sizes, key=lambda unit: abs(float(np.log(sizes[unit]))))
    if units is None:
        return nearest, sizes[nearest]
    if abs(np.log(sizes[units])) > np.log(WRONG_UNIT):
        fits = abs(np.log(sizes[nearest])) <= np.log(WRONG_UNIT)
        remedy = (
            f"it looks like {nearest}; give --units {nearest}, or none" if fits else "no unit fits; give no --units"
        )
        raise UserError(
            f"With units of {units} the head would be {sizes[units]:.3g} times as large as a person's: {remedy}."
        )
    return units, sizes[units]
