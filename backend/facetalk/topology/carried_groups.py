"""The default template's vertex groups on a mesh of the user's own: where its lips, lids and teeth are."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from facetalk.head.head import Head
from facetalk.topology.mesh_binding import MeshBinding
from facetalk.topology.template import Template
from facetalk.topology.wrap import wrap

Indices = NDArray[np.int32]

NEAR = 0.02  # head units (5 mm): a vertex farther from the template is in none of its groups
OF_EDGES = "feature_edges"  # says something of the template's own edges


def carried_groups(head: Head, template: Template, binding: MeshBinding) -> dict[str, Indices]:
    """Which vertices of a bound mesh are in each group: those that rest nearest to a template's vertex that is.

    Distances are taken on the fitted identity in the canonical pose, where lips and lids are apart.

    Args:
        head: the head.
        template: the default one.
        binding: of the mesh.
    """
    landed = wrap(head, binding.code.to(head.device), template)
    nearest = np.full(len(binding.moving), -1)
    for part in np.unique(binding.parts):
        own, others = np.flatnonzero(binding.parts == part), np.flatnonzero(template.parts == part)
        distance, place = cKDTree(landed[others]).query(binding.canonical[own])
        nearest[own] = np.where(distance < NEAR, others[place], -1)
    groups = {}
    for name, members in template.groups.items():
        inside = np.isin(nearest, members)
        if name != OF_EDGES and inside.any():
            groups[name] = binding.moving[inside].astype(np.int32)
    return groups
