"""A face of which nothing is known but what is looked at."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from facetalk.topology.template import FaceMesh


def bare_face(
    landmarks: dict[str, int],
    groups: Mapping[str, ArrayLike] | None = None,
    vertices: ArrayLike | None = None,
    quads: Sequence[Sequence[int]] = (),
) -> FaceMesh:
    """A mesh with these landmarks and groups, and as many vertices as it needs."""
    nothing = np.zeros((0, 2), np.float32)
    places = np.zeros((len(landmarks), 3)) if vertices is None else vertices
    return FaceMesh(
        vertices=np.asarray(places, np.float32),
        quads=np.array(quads, np.int32).reshape(-1, 4),
        uv=nothing,
        materials=("Skin",),
        material_index=np.zeros(len(quads), np.int32),
        colors=nothing,
        groups={name: np.asarray(each) for name, each in (groups or {}).items()},
        landmarks=landmarks,
    )
