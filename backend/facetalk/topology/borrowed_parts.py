"""What a head of skin alone borrows from ours: eyeballs, teeth, the inside of the mouth, the lining of lips and lids.

Our head poses them, on the identity of ours that is most like the other; what that differs from the other by, where
the two meet, is carried over to them. So gaze and tongue are there, which the other head knows nothing of.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree
from torch import Tensor

from facetalk.head.eyes import Eye
from facetalk.head.head import Head
from facetalk.head.head_points import HeadPoints
from facetalk.topology.face_model import SKIN, FaceModel, renumbered
from facetalk.topology.rigid_parts import RigidPart, make_rigid, rigid_parts
from facetalk.topology.surface_fit import umbrella
from facetalk.topology.template import Template
from facetalk.topology.wrap import wrap

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

LIDS = {"left": ("lid_upper_left", "lid_lower_left"), "right": ("lid_upper_right", "lid_lower_right")}
LIPS = {"upper_teeth": "lip_upper", "lower_teeth": "lip_lower"}
OF_JAW = ("lower_teeth", "mouth")  # parts that go with the jaw as far as an open jaw moves them
CHIN = 0.9  # of the largest displacement by an open jaw: skin that moves by more is the chin's
NEIGHBOURS = 4  # whose mean shift a vertex takes over
JAW = "jawOpen"


def ride(model: FaceModel, fitted: Array, landed: Array) -> Array:
    """All vertices ``[V, 3]`` of a template, once those of the skin have landed: its other parts go with the skin.

    Eyeballs go with their lids and teeth with their lips, each as a body; the inside of the mouth goes with the teeth,
    brows with the skin below them.

    Args:
        model: of the template.
        fitted: where our own head would put them ``[V, 3]``.
        landed: the same with the skin's where they belong ``[V, 3]``.
    """
    groups, parts = model.template.groups, model.template.parts
    shift = landed - fitted
    eyeballs = np.flatnonzero(parts == model.head.parts.index("eyeballs"))
    for side, lids in LIDS.items():
        ball = eyeballs[(fitted[eyeballs, 0] > 0.0) == (side == "left")]
        shift[ball] = shift[np.concatenate([groups[name] for name in lids])].mean(axis=0)
    for row, lip in LIPS.items():
        shift[parts == model.head.parts.index(row)] = shift[groups[lip]].mean(axis=0)
    teeth = np.concatenate([groups[row] for row in LIPS])
    for name, about in (("mouth", teeth), ("brows", model.outer)):
        own = np.flatnonzero(parts == model.head.parts.index(name))
        distance, index = cKDTree(fitted[about]).query(fitted[own], k=NEIGHBOURS)
        weight = 1.0 / (distance + 1e-3)
        shift[own] = np.einsum("nk,nkc->nc", weight / weight.sum(axis=1, keepdims=True), shift[about[index]])
    return fitted + shift


@dataclass(frozen=True)
class BorrowedParts:
    """Borrowed vertices of one identity, ready to be posed; all in our head's space.

    Attributes:
        shown: vertices that the other head poses ``[P]``: the outer skin and brows.
        lent: vertices that ours poses ``[L]``: all others.
        watched: some of ``shown`` that the lent ones go with ``[W]``.
        carry: how they go with them ``[L, W]``.
        offset: of the landed from the fitted vertices ``[V, 3]``.
        points: on our identity, the lent vertices and then those watched.
        eyes: ours, and which of the shown vertices they keep out.
        bodies: teeth.
    """

    shown: Tensor
    lent: Tensor
    watched: Tensor
    carry: Tensor
    offset: Tensor
    points: HeadPoints
    eyes: tuple[Eye, ...]
    bodies: list[RigidPart]

    @classmethod
    @torch.no_grad()
    def of(cls, model: FaceModel, shape: Array, fitted: Array, landed: Array) -> "BorrowedParts":
        """Prepare the parts for an identity.

        Args:
            model: of the template.
            shape: shape code of our identity ``[S]``.
            fitted: where it would put the template, in the other head's canonical pose ``[V, 3]``.
            landed: where the template lies ``[V, 3]``.
        """
        head, template = model.head, model.template
        code, parts = model.identity(shape), torch.from_numpy(template.parts.astype(np.int64))
        canonical = torch.from_numpy(wrap(head, code, template))
        points = head.prepare(canonical, parts, code, torch.from_numpy(template.mobility))
        jaw = _jaw_displacement(head, points)
        shown = shown_vertices(model)
        lent = np.setdiff1d(np.arange(len(template.vertices)), shown)
        watched, carry = _carrying(model, lent, jaw)
        own = _tensor(landed, head)
        return cls(
            shown=_indices(shown, head),
            lent=_indices(lent, head),
            watched=_indices(watched, head),
            carry=_tensor(carry, head),
            offset=own - _tensor(fitted, head),
            points=points.subset(_indices(np.concatenate([lent, watched]), head)),
            eyes=points.subset(_indices(shown, head)).eyes,
            bodies=rigid_parts(template, own),
        )

    @torch.no_grad()
    def pose(self, codes: Tensor, shown: Tensor) -> Tensor:
        """All vertices ``[T, V, 3]``.

        Args:
            codes: expression codes of our head ``[T, E]``.
            shown: the vertices that the other head has posed ``[T, P, 3]``.
        """
        posed = self.offset.new_empty(len(codes), *self.offset.shape)
        shown = shown.clone()
        for eye in self.eyes:
            eye.keep_lids_out(shown, codes)
        posed[:, self.shown] = shown
        lent, watched = self.points.pose(codes).points.split([len(self.lent), len(self.watched)], dim=1)
        astray = posed[:, self.watched] - watched - self.offset[self.watched]
        posed[:, self.lent] = lent + self.offset[self.lent] + torch.einsum("lw,twc->tlc", self.carry, astray)
        return make_rigid(posed, self.bodies)


def shown_vertices(model: FaceModel) -> Indices:
    """The vertices that a head of skin alone poses itself ``[P]``: the outer skin, and brows, which lie on it."""
    return np.union1d(model.outer, model.template.groups["brows"])


def _carrying(model: FaceModel, lent: Indices, jaw: Array) -> tuple[Indices, Array]:
    """Vertices ``[W]`` that lent ones ``[L]`` go with, and how ``[L, W]``.

    Lower teeth, gums and tongue go with the chin, as far as an open jaw moves them; linings with the rims they end at.

    Args:
        model: of the template.
        lent: vertices.
        jaw: how far every vertex of the template goes when the jaw opens ``[V]``.
    """
    template, parts = model.template, model.head.parts
    chin = model.outer[jaw[model.outer] > CHIN * jaw[model.outer].max()]
    rims = template.groups["feature_edges"].astype(np.int64)
    carry = np.zeros((len(lent), len(chin) + len(rims)))
    of_jaw = np.isin(template.parts[lent], [parts.index(name) for name in OF_JAW])
    share = np.minimum(jaw[lent] / jaw[template.groups["lower_teeth"]].max(), 1.0)
    carry[of_jaw, : len(chin)] = share[of_jaw, None] / len(chin)
    lining = template.parts[lent] == SKIN
    carry[lining, len(chin) :] = harmonic(template, lent[lining], rims)
    return np.concatenate([chin, rims]), carry


def harmonic(template: Template, inner: Indices, border: Indices) -> Array:
    """How much of every border vertex's shift inner ones of the skin take over ``[I, B]``: as a membrane would."""
    skin = np.concatenate([inner, border])
    laplacian = umbrella(renumbered(template.quads, skin), len(skin)).tocsr()[: len(inner)]
    # The tiny share of itself keeps a piece regular that touches no border.
    system = laplacian[:, : len(inner)].tocsc()
    system.setdiag(system.diagonal() + 1e-9)
    return np.asarray(splu(system).solve(-laplacian[:, len(inner) :].toarray()))


def _jaw_displacement(head: Head, points: HeadPoints) -> Array:
    """How far every point goes when the jaw opens ``[N]``."""
    controls = list(head.config["rig_controls"])
    jaw = head.rig_to_code()[controls.index(JAW)]
    rest, opened = points.pose(torch.stack([torch.zeros_like(jaw), jaw])).points
    return np.asarray((opened - rest).norm(dim=1).double().cpu().numpy())


def _tensor(values: Array, head: Head) -> Tensor:
    return torch.from_numpy(values).float().to(head.device)


def _indices(values: Indices, head: Head) -> Tensor:
    return torch.from_numpy(values).to(head.device)
