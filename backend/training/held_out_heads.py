"""Write the heads that ``facetalk evaluate head`` measures by.

``python -m training.held_out_heads --data DATA/ict_facekit --output FOLDER``: the identities that head training leaves
out, in expressions it leaves out and with lips and lids closed, and as many of those it has seen. With ``--strangers``,
other identities and expressions that no training has seen either: constants are chosen on those, so that the held-out
heads stay unseen.
"""

import argparse
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facetalk.evaluation import held_out_heads
from facetalk.evaluation.contact import ContactBand
from facetalk.evaluation.held_out_heads import PARTS, HeadShapes, HeldOutHeads, write_held_out_heads
from facetalk.head.rest_surface import in_face, seen_from_front
from training.expression_samples import HELD_OUT_EVERY, sample_rig_weights
from training.head_training_settings import HeadTrainingSettings
from training.ict_heads import IctHeads, rig_weights
from training.quad_loops import QuadLoops, mouth_loop
from training.rig import RIG_CONTROLS
from training.rims import LIP_LOOPS
from training.training_heads import TrainingHeads, identity_code, part_of_vertex

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

log = logging.getLogger(__name__)

EXPRESSIONS = 12  # of every held-out identity
FIRST_STRANGER = 1000  # number of an identity and of its expressions, beyond all that training and evaluation draw
NECK = -0.58  # head units: below, the neural head ends
CLOSURES: tuple[tuple[str, dict[str, float]], ...] = (
    (held_out_heads.REST, {}),
    (held_out_heads.CLOSED_LIPS, {"jawOpen": 0.12, "mouthClose": 0.12}),
    (held_out_heads.CLOSED_LIPS, {"jawOpen": 0.2, "mouthClose": 0.17}),
    (held_out_heads.CLOSED_LIPS, {"jawOpen": 0.12, "mouthClose": 0.12, "mouthPress_L": 0.3, "mouthPress_R": 0.3}),
    (held_out_heads.CLOSED_LIPS, {"jawOpen": 0.2, "mouthClose": 0.2, "mouthPucker": 0.5}),
    (held_out_heads.CLOSED_LIDS, {"eyeBlink_L": 1.0, "eyeBlink_R": 1.0}),
)


@dataclass(frozen=True)
class HeadRegions:
    """Where on a family of training heads is looked; vertices in the family's numbering.

    Attributes:
        flags: vertices of every region of ``facetalk.evaluation.held_out_heads.REGIONS``, ``[V]``.
        bands: lips and lids.
    """

    flags: dict[str, Flags]
    bands: dict[str, ContactBand]


def ict_regions(heads: IctHeads) -> HeadRegions:
    """The regions of ICT-FaceKit."""
    average = identity_code(0)
    calibration = heads.calibrate(average)
    rest = heads.pose(average, calibration, np.zeros((1, len(RIG_CONTROLS))))[0]
    count = len(rest)
    sockets = heads.eye_sockets
    behind_lips = _flags(count, vertices_behind_lips(heads))
    outer = _flags(count, heads.vertices_of["skin"])
    outer[np.concatenate([sockets, heads.mouth_socket])] = False
    head = outer & ~behind_lips & (heads.canonical(average, calibration)[:, 1] > NECK)
    visible = np.flatnonzero(head)
    face = _flags(count, visible[in_face(rest[visible]) & seen_from_front(rest[visible])])
    bands = {"lips": heads.lips, "lids_left": heads.lids["left"], "lids_right": heads.lids["right"]}
    rims = {name: _flags(count, np.concatenate([band.upper, band.lower])) for name, band in bands.items()}
    flags = {
        "outer_skin": outer,
        "head": head,
        "face": face,
        "lips": rims["lips"] & head,
        "lids": (rims["lids_left"] | rims["lids_right"]) & head,
        "inner_mouth": behind_lips,
        "eye_sockets": _flags(count, sockets),
    }
    return HeadRegions(flags, bands)


def vertices_behind_lips(heads: IctHeads) -> Indices:
    """The skin's vertices that shut lips hide: from the loop behind the one where lips touch, into the mouth."""
    loops = QuadLoops(heads.skin_quads)
    rim = set(mouth_loop(loops, heads.neutral, *LIP_LOOPS[1]))
    found, ahead = {int(heads.mouth_socket[-1])}, [int(heads.mouth_socket[-1])]
    while ahead:
        for neighbour in loops.neighbours[ahead.pop()] - found:
            found.add(neighbour)
            if neighbour not in rim:
                ahead.append(neighbour)
    return np.array(sorted(found))


def held_out_set(
    heads: TrainingHeads,
    regions: HeadRegions,
    settings: HeadTrainingSettings,
    expressions: int = EXPRESSIONS,
    strangers: bool = False,
) -> HeldOutHeads:
    """The identities and expressions that a training with these settings leaves out, and some that it has seen.

    Args:
        heads: a family of heads.
        regions: where on it is looked.
        settings: of the training: how many identities it has, and how many of them are held out.
        expressions: how many of every held-out identity, besides closures.
        strangers: whether to take others, which neither training nor evaluation has seen, in place of those held out.
    """
    kept = np.sort(np.concatenate([heads.vertices_of[part] for part in PARTS]))
    first_held_out = settings.identities - settings.held_out
    first = FIRST_STRANGER if strangers else first_held_out
    indices = range(first, first + settings.held_out)
    held_out = [_shape(heads, index, kept) for index in indices]
    trained = [_shape(heads, index, kept) for index in range(1, 1 + min(settings.held_out, first_held_out - 1))]
    weights, posed = [], []
    for number, index in enumerate(indices, start=FIRST_STRANGER if strangers else 0):
        # The seeds of ``ExpressionCases.held_out``: what they draw is never trained on.
        drawn = sample_rig_weights(np.random.default_rng([number * HELD_OUT_EVERY, 1]), expressions)
        weights.append(np.concatenate([np.stack([rig_weights(pose) for _, pose in CLOSURES]), drawn]))
        code = identity_code(index)
        posed.append(heads.pose(code, heads.calibrate(code), weights[-1])[:, kept].astype(np.float32))
        log.info("identity %d posed", index)
    return HeldOutHeads(
        held_out=_stacked(held_out),
        trained=_stacked(trained),
        pose_kinds=(*(kind for kind, _ in CLOSURES), *[held_out_heads.EXPRESSION] * expressions),
        weights=np.stack(weights).astype(np.float32),
        posed=np.stack(posed),
        rig_controls=RIG_CONTROLS,
        part_of_vertex=part_of_vertex(heads, len(regions.flags["head"]))[kept],
        triangles={part: _renumbered(heads.triangles_of[part], kept) for part in PARTS},
        regions={name: flags[kept] for name, flags in regions.flags.items()},
        bands={name: _kept_band(band, kept) for name, band in regions.bands.items()},
    )


def _shape(heads: TrainingHeads, index: int, kept: Indices) -> tuple[Array, Array]:
    code = identity_code(index)
    return code, heads.canonical(code, heads.calibrate(code))[kept]


def _stacked(shapes: Iterable[tuple[Array, Array]]) -> HeadShapes:
    codes, canonical = zip(*shapes, strict=True)
    return HeadShapes(np.stack(codes).astype(np.float32), np.stack(canonical).astype(np.float32))


def _kept_band(band: ContactBand, kept: Indices) -> ContactBand:
    left, right = _renumbered(np.array(band.corners), kept).tolist()
    return ContactBand(_renumbered(band.upper, kept), _renumbered(band.lower, kept), (left, right))


def _renumbered(vertices: Indices, kept: Indices) -> Indices:
    """The places of vertices among those kept, which they all are."""
    return np.searchsorted(kept, vertices)


def _flags(count: int, vertices: Indices) -> Flags:
    flags = np.zeros(count, dtype=np.bool_)
    flags[vertices] = True
    return flags


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Write the held-out heads that evaluation measures by.")
    parser.add_argument("--data", type=Path, required=True, help="folder with ict_light.npz and its LICENSE")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--strangers", action="store_true", help="other identities and expressions, to choose by")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    settings = HeadTrainingSettings()
    heads = IctHeads.load(options.data)
    found = held_out_set(heads, ict_regions(heads), settings, strangers=options.strangers)
    source = {"identities": settings.identities, "held_out": settings.held_out}
    write_held_out_heads(options.output, found, source, (options.data / "LICENSE").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
