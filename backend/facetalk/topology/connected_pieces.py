"""What hangs together: pieces of a mesh, or of anything else that pairs connect."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Indices = NDArray[np.int64]


def connected_pieces(pairs: Indices, count: int) -> Indices:
    """The number of the piece, from 0, that each of so many things is in ``[count]``, by pairs ``[P, 2]`` of them."""
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)
