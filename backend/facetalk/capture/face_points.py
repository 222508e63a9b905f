"""Which vertex of the template each landmark of a face tracker means, and which landmarks make up lips, lids and brows.

Landmarks are numbered as in MediaPipe Face Mesh with refined irises; left and right are the subject's. The vertices
are measured (``training/measure_face_points.py``): the tracker was shown pictures of our own heads.
"""

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from facetalk.errors import UserError
from facetalk.topology.template import Template

FORMAT = 2
FACE_POINTS_FILE = Path(__file__).with_name("face_points.json")


class EyeContour(NamedTuple):
    """Landmarks of the lid rims, from the outer corner to the inner one, corners in both."""

    upper: tuple[int, ...]
    lower: tuple[int, ...]


# From the right corner of the mouth to the left one, corners in both.
INNER_UPPER_LIP: tuple[int, ...] = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LOWER_LIP: tuple[int, ...] = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
OUTER_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 146, 91, 181, 84, 17, 314, 405, 321, 375)
RIGHT_EYE = EyeContour((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133))
LEFT_EYE = EyeContour((263, 466, 388, 387, 386, 385, 384, 398, 362), (263, 249, 390, 373, 374, 380, 381, 382, 362))
# Right eye, left eye: the middle, then the rim's point to the subject's left, top, subject's right, bottom.
IRISES = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))
BROWS = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55, 300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
JAW = (152, 148, 377, 176, 400, 149, 378, 150, 379, 136, 365, 172, 397, 199, 200, 18)
# What neither speech nor brows move: nose bridge and tip, eye corners, temples and forehead.
STABLE = (1, 4, 5, 6, 8, 9, 10, 33, 109, 127, 133, 151, 168, 195, 197, 263, 338, 356, 362)
# Those of them which trackers put at one place of every face, whatever its shape.
SURE = (1, 4, 5, 6, 8, 9, 33, 133, 151, 168, 195, 197, 263, 362)
OUTER_EYE_RIGHT, OUTER_EYE_LEFT = 33, 263

REGIONS: dict[str, tuple[int, ...]] = {
    "lips": tuple(dict.fromkeys((*INNER_UPPER_LIP, *INNER_LOWER_LIP, *OUTER_LIPS))),
    "lids": tuple(dict.fromkeys((*RIGHT_EYE.upper, *RIGHT_EYE.lower, *LEFT_EYE.upper, *LEFT_EYE.lower))),
    "brows": BROWS,
    "jaw": JAW,
    "irises": (IRISES[0][0], IRISES[1][0]),
}
REQUIRED = tuple(dict.fromkeys((*(number for region in REGIONS.values() for number in region), *STABLE)))


def tied_vertices(template: Template, numbers: Sequence[int]) -> list[int]:
    """The template's vertices of landmarks, in their order.

    Raises:
        UserError: the template is not the one that was measured.
        KeyError: a landmark lies at no certain place.
    """
    content = json.loads(FACE_POINTS_FILE.read_text(encoding="utf-8"))
    if content["mesh"] != mesh_fingerprint(template):
        raise UserError(
            f"The face points belong to another mesh than {template.name}: "
            "run `python -m training.measure_face_points` for this one."
        )
    return [int(content["vertices"][str(number)]) for number in numbers]


def mesh_fingerprint(template: Template) -> str:
    """What tells one mesh of a template from another, were it built anew: a hash of its vertices and quads."""
    return sha256(template.vertices.tobytes() + template.quads.tobytes()).hexdigest()
