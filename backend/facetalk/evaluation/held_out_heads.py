"""Heads that no training has seen, as the truth that a neural head is measured against.

A model bundle of the kind ``held-out`` (``docs/bundle.md``), written by ``python -m training.held_out_heads``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.bundle import Bundle, read_bundle, write_bundle
from facetalk.errors import UserError
from facetalk.evaluation.contact import ContactBand

Array = NDArray[np.float64]
Vertices = NDArray[np.float32]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

KIND = "held-out"
SKIN, EYEBALLS, UPPER_TEETH, LOWER_TEETH = PARTS = ("skin", "eyeballs", "upper_teeth", "lower_teeth")
REGIONS = ("outer_skin", "head", "face", "lips", "lids", "inner_mouth", "eye_sockets")
LIPS, *LIDS = BANDS = ("lips", "lids_left", "lids_right")
REST, CLOSED_LIPS, CLOSED_LIDS, EXPRESSION = POSE_KINDS = ("rest", "closed_lips", "closed_lids", "expression")


@dataclass(frozen=True)
class HeadShapes:
    """Identities in canonical pose.

    Attributes:
        codes: shape codes ``[N, S]``.
        canonical: vertices ``[N, V, 3]``, head units.
    """

    codes: Vertices
    canonical: Vertices


@dataclass(frozen=True)
class HeldOutHeads:
    """Identities and poses in one topology; head units.

    Attributes:
        held_out: identities that no training has seen.
        trained: some of those that training has seen.
        pose_kinds: of every pose one of ``POSE_KINDS``, the first at rest ``[T]``.
        weights: rig weights of the poses of every held-out identity ``[H, T, R]``.
        posed: the held-out identities in these poses ``[H, T, V, 3]``.
        rig_controls: names of the rig's controls ``[R]``.
        part_of_vertex: index into ``PARTS`` of every vertex ``[V]``.
        triangles: of every part of ``PARTS``, ``[F, 3]``, watertight.
        regions: vertices of every region of ``REGIONS``, ``[V]``; all but the last two lie on the outer skin.
        bands: lips and lids that meet, by the names in ``BANDS``.
    """

    held_out: HeadShapes
    trained: HeadShapes
    pose_kinds: tuple[str, ...]
    weights: Vertices
    posed: Vertices
    rig_controls: tuple[str, ...]
    part_of_vertex: Indices
    triangles: dict[str, Indices]
    regions: dict[str, Flags]
    bands: dict[str, ContactBand]

    def poses(self, kind: str) -> Indices:
        """Which poses are of a kind."""
        return np.flatnonzero([each == kind for each in self.pose_kinds])

    def part(self, name: str) -> Indices:
        """The vertices of a part."""
        return np.flatnonzero(self.part_of_vertex == PARTS.index(name))

    def require_same_family(self, shape_size: int, rig_controls: Sequence[str], parts: Sequence[str]) -> None:
        """Check that a head of this description speaks of the same identities and poses.

        Raises:
            UserError: it does not.
        """
        same = shape_size == self.held_out.codes.shape[1] and tuple(rig_controls) == self.rig_controls
        if not (same and set(PARTS) <= set(parts)):
            raise UserError(
                "The head and the held-out heads are of different families: write them with the head's training."
            )


def write_held_out_heads(folder: Path, heads: HeldOutHeads, source: dict[str, Any], notice: str) -> None:
    """Write the heads, whole or not at all.

    Args:
        folder: the bundle to write; an older one there is replaced.
        heads: what to write.
        source: what the heads were made of; JSON values.
        notice: licence notice of the heads' source.
    """
    arrays: dict[str, NDArray[Any]] = {
        "held_out.codes": heads.held_out.codes,
        "held_out.canonical": heads.held_out.canonical,
        "trained.codes": heads.trained.codes,
        "trained.canonical": heads.trained.canonical,
        "weights": heads.weights,
        "posed": heads.posed,
        "part_of_vertex": heads.part_of_vertex,
    }
    arrays |= {f"triangles.{name}": triangles for name, triangles in heads.triangles.items()}
    arrays |= {f"regions.{name}": flags for name, flags in heads.regions.items()}
    for name, band in heads.bands.items():
        rims = {"upper": band.upper, "lower": band.lower, "corners": np.array(band.corners)}
        arrays |= {f"bands.{name}.{rim}": vertices for rim, vertices in rims.items()}
    write_bundle(
        folder,
        kind=KIND,
        name="FaceTalk held-out heads",
        config={
            "pose_kinds": list(heads.pose_kinds),
            "rig_controls": list(heads.rig_controls),
        },
        tensors={name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()},
        licence="MIT",
        attributions=["Made of ICT-FaceKit (light), (c) 2020 USC Institute for Creative Technologies, MIT."],
        training=source,
        texts={"LICENSE-ICT-FaceKit.txt": notice},
    )


def read_held_out_heads(folder: Path) -> HeldOutHeads:
    """Read and check what ``write_held_out_heads`` wrote.

    Raises:
        UserError: the folder is missing, damaged, of another kind, or does not fit together.
    """
    bundle = read_bundle(folder, KIND)
    try:
        return _assembled(bundle)
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
        raise UserError(f"{folder} does not hold complete held-out heads ({error}): write them again.") from error


def _assembled(bundle: Bundle) -> HeldOutHeads:
    config = bundle.config
    kinds, controls = tuple(config["pose_kinds"]), tuple(config["rig_controls"])
    if not set(kinds) <= set(POSE_KINDS) or kinds[:1] != (REST,):
        raise ValueError("unknown poses")
    held_out, trained = _shapes(bundle, "held_out"), _shapes(bundle, "trained")
    heads, count = held_out.canonical.shape[:2]
    bundle.tensor("trained.canonical", (None, count, 3))
    triangles = {name: _indices(bundle, f"triangles.{name}", (None, 3), count) for name in PARTS}
    return HeldOutHeads(
        held_out=held_out,
        trained=trained,
        pose_kinds=kinds,
        weights=_numbers(bundle, "weights", (heads, len(kinds), len(controls))),
        posed=_numbers(bundle, "posed", (heads, len(kinds), count, 3)),
        rig_controls=controls,
        part_of_vertex=_indices(bundle, "part_of_vertex", (count,), len(PARTS)),
        triangles=triangles,
        regions={name: bundle.tensor(f"regions.{name}", (count,)).bool().numpy() for name in REGIONS},
        bands={name: _band(bundle, name, count) for name in BANDS},
    )


def _shapes(bundle: Bundle, name: str) -> HeadShapes:
    codes = _numbers(bundle, f"{name}.codes", (None, None))
    return HeadShapes(codes, _numbers(bundle, f"{name}.canonical", (len(codes), None, 3)))


def _band(bundle: Bundle, name: str, count: int) -> ContactBand:
    upper, lower = (_indices(bundle, f"bands.{name}.{rim}", (None,), count) for rim in ("upper", "lower"))
    left, right = _indices(bundle, f"bands.{name}.corners", (2,), count).tolist()
    return ContactBand(upper, lower, (left, right))


def _numbers(bundle: Bundle, name: str, shape: tuple[int | None, ...]) -> Vertices:
    tensor: Tensor = bundle.tensor(name, shape).float()
    if not (tensor.numel() and tensor.isfinite().all()):
        raise ValueError(f"{name} is empty or not finite")
    return np.asarray(tensor.numpy())


def _indices(bundle: Bundle, name: str, shape: tuple[int | None, ...], count: int) -> Indices:
    indices = np.asarray(bundle.tensor(name, shape).long().numpy())
    if not len(indices) or indices.min() < 0 or indices.max() >= count:
        raise ValueError(f"{name} names what does not exist")
    return indices
