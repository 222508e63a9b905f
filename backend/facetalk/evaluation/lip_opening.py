"""How far lips are apart: where they are nearest, in the middle of the mouth.

A pair of vertices is no measure of shut lips. Lips that touch do so along another line of theirs when they are pressed
than when they are pursed: the pair that meets at rest is 2 to 4 mm apart, in the mouth, on lips pursed for a "bu".
"""

import numpy as np
from numpy.typing import NDArray

from facetalk.topology.template import FaceMesh

MIDDLE = 0.0135  # over the distance of the outer eye corners: edges of the lips as near to their middle count
SAMPLES = 9  # of every edge
AT_ONCE = 64  # frames

Edges = NDArray[np.int64]


class LipOpening:
    """Measures the lips of one face.

    Args:
        face: its mesh; the groups ``lip_upper`` and ``lip_lower`` are looked at, about the landmarks
            ``inner_lip_upper`` and ``inner_lip_lower``, which always count.
    """

    def __init__(self, face: FaceMesh) -> None:
        self.upper = _in_the_middle(face, "lip_upper", "inner_lip_upper")
        self.lower = _in_the_middle(face, "lip_lower", "inner_lip_lower")

    def heights(self, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
        """How far the lips of posed faces ``[F, V, 3]`` are apart, ``[F]``, in the vertices' unit."""
        found = [
            np.linalg.norm(_points(frames, self.upper)[:, :, None] - _points(frames, self.lower)[:, None], axis=-1).min(
                axis=(1, 2)
            )
            for frames in np.split(vertices, range(AT_ONCE, len(vertices), AT_ONCE))
        ]
        return np.concatenate(found).astype(np.float32)


def _in_the_middle(face: FaceMesh, group: str, landmark: str) -> Edges:
    """Edges of a lip ``[E, 2]`` near its middle; the first is the landmark alone."""
    tied, marks = face.landmarks[landmark], face.landmarks
    eyes = np.linalg.norm(face.vertices[marks["outer_eye_left"]] - face.vertices[marks["outer_eye_right"]])
    near = np.zeros(len(face.vertices), dtype=np.bool_)
    near[face.groups.get(group, [])] = True
    near &= np.abs(face.vertices[:, 0] - face.vertices[tied, 0]) <= MIDDLE * eyes
    edges = np.stack([face.quads, np.roll(face.quads, -1, axis=1)], axis=-1).reshape(-1, 2)
    kept = np.unique(np.sort(edges[near[edges].all(axis=1)], axis=1), axis=0)
    return np.concatenate([[[tied, tied]], kept]).astype(np.int64)


def _points(vertices: NDArray[np.float32], edges: Edges) -> NDArray[np.float32]:
    """Points along edges of faces ``[F, V, 3]``: ``[F, P, 3]``."""
    share = np.linspace(0.0, 1.0, SAMPLES, dtype=np.float32)[:, None]
    first, second = vertices[:, edges[:, 0], None], vertices[:, edges[:, 1], None]
    return (first + share * (second - first)).reshape(len(vertices), -1, 3)
