"""The colours of a face: the template's, or an identity's own."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from facetalk.topology.template import Template

Color = tuple[float, float, float]
PUPIL_DARKEST = 0.02  # linear: what is darker in an iris is its pupil


def complexion(template: Template, colors: Mapping[str, Color]) -> NDArray[np.float32]:
    """Colours ``[V, 4]`` of the template's vertices.

    Args:
        template: the template.
        colors: ``skin``, ``hair`` (brows have it too) and ``eyes`` as linear RGB; what is left out is the template's.
    """
    tinted = template.colors.copy()
    if "skin" in colors:
        skin = _vertices(template, "skin")
        # A ratio keeps what is painted on the skin: lips, shades, the roots of brows.
        tinted[skin, :3] *= np.array(colors["skin"], np.float32) / np.median(tinted[skin, :3], axis=0)
    if "eyes" in colors:
        iris = _vertices(template, "iris")
        tinted[iris[tinted[iris, :3].max(axis=1) > PUPIL_DARKEST], :3] = colors["eyes"]
    if "hair" in colors:
        tinted[_vertices(template, "brows"), :3] = colors["hair"]
    return np.ascontiguousarray(tinted.clip(0.0, 1.0))


def _vertices(template: Template, material: str) -> NDArray[np.int32]:
    quads = template.quads[template.material_index == template.materials.index(material)]
    return np.unique(quads)
