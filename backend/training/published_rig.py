"""Teach a published head the training rig, so that motion models can be trained for it.

    facetalk head import FOLDER --anchors anchors_39.npy --output work/my-nphm
    python -m training.published_rig work/my-nphm --output work/my-nphm-rigged

Published heads know expression codes, but not what a code means: our corpora say what rig weights a face has. Here the
linear map from rig weights to codes is found under which the published head, on the identity that is most like our
average, moves as our own head does. What a published head has no part for, eyeballs and tongue, it does not learn.
"""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facetalk import presets
from facetalk.bundle import read_bundle, write_bundle
from facetalk.device import choose_device
from facetalk.errors import UserError
from facetalk.head.head import MILLIMETRES, Head
from facetalk.head.published_head import PublishedHead
from facetalk.topology.template import Template
from facetalk.topology.wrap import wrap
from training.expression_samples import sample_rig_weights
from training.rig import RIG_CONTROLS

log = logging.getLogger(__name__)

POINTS, POSES, HELD_OUT = 600, 640, 64
MOVED = 0.5  # mm that a point must move in some pose to be asked for
POSES_PER_STEP = 8
IDENTITY_STEPS, IDENTITY_RATE, IDENTITY_PRIOR = 300, 0.01, 1e-3
INVERSIONS = 4  # of a forward field at rest, which is nearly none
RATE = 0.01  # of learning codes, whose length is 1 at most
COPIED = ("points_rest", "eye_distance")


@dataclass(frozen=True)
class FaceMotions:
    """What our head does.

    Attributes:
        points: of its average face at rest ``[N, 3]``, head units.
        weights: rig weights ``[S, R]``.
        displacements: of the points in these poses ``[S, N, 3]``.
    """

    points: Tensor
    weights: Tensor
    displacements: Tensor


def face_motions(head: Head, template: Template, generator: np.random.Generator) -> FaceMotions:
    """Our average face in random poses, as points of its skin that move."""
    identity = head.identity("average")
    skin = np.flatnonzero(template.parts == 0)
    landed = torch.from_numpy(wrap(head, identity, template)).to(head.device)
    parts, mobility = torch.from_numpy(template.parts.astype(np.int64)), torch.from_numpy(template.mobility)
    chosen = torch.from_numpy(generator.permutation(skin)[: 4 * POINTS])
    weights = torch.from_numpy(sample_rig_weights(generator, POSES)).float().to(head.device)
    codes = torch.cat([torch.zeros_like(weights[:1]), weights]) @ head.rig_to_code()
    posed = head.prepare(landed[chosen], parts[chosen], identity, mobility[chosen]).pose(codes).points
    displacements = posed[1:] - posed[0]
    moving = (displacements.norm(dim=-1).amax(dim=0) * MILLIMETRES > MOVED).nonzero()[:POINTS, 0]
    return FaceMotions(posed[0, moving], weights, displacements[:, moving])


def most_alike(head: PublishedHead, points: Tensor) -> Tensor:
    """The identity code ``[I]`` whose surface passes nearest to the points ``[N, 3]`` of a face at rest."""
    code = torch.zeros(head.identity_size, device=head.device, requires_grad=True)
    optimiser = torch.optim.Adam([code], lr=IDENTITY_RATE)
    for _ in range(IDENTITY_STEPS):
        distance = head.signed_distance(_canonical(head, code, points), code).abs().mean()
        loss = distance * MILLIMETRES + IDENTITY_PRIOR * head.identity_prior(code)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    log.info("the face most alike passes its points at %.2f mm", distance.item() * MILLIMETRES)
    return code.detach()


def errors(head: PublishedHead, identity: Tensor, points: Tensor, displacements: Tensor, codes: Tensor) -> Tensor:
    """Where a published head goes astray: differentiable in the codes.

    Args:
        head: any of the three.
        identity: its code ``[I]``.
        points: of the face at rest ``[N, 3]``.
        displacements: that the codes ought to make ``[B, N, 3]``.
        codes: expression codes ``[B, E]``.

    Returns:
        ``[B, N, 3]``, head units; of a backward field, measured in canonical space.
    """
    rest, *moved = head.expression_codes(identity, torch.cat([torch.zeros_like(codes[:1]), codes]))
    field = head.networks.expression
    canonical = _canonical(head, identity, points)
    if head.is_backward:
        found = [head.to_canonical(code)(points + way) for code, way in zip(moved, displacements, strict=True)]
        return torch.stack(found) - canonical
    still = field(canonical, rest)[:, :3]
    return torch.stack([field(canonical, code)[:, :3] for code in moved]) - still - displacements


def learn_rig(
    head: PublishedHead, identity: Tensor, motions: FaceMotions, steps: int, generator: torch.Generator
) -> Tensor:
    """The map ``[R, E]`` from rig weights to expression codes under which the head moves as it is shown."""
    count = motions.weights.shape[1]
    rig_to_code = 1e-3 * torch.randn(count, head.expression_size, generator=generator)
    rig_to_code = rig_to_code.to(head.device).requires_grad_()
    optimiser = torch.optim.Adam([rig_to_code], lr=RATE)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        poses = torch.randint(len(motions.weights), (POSES_PER_STEP,), generator=generator).to(head.device)
        codes = motions.weights[poses] @ rig_to_code
        loss = errors(head, identity, motions.points, motions.displacements[poses], codes).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        falling.step()
        if step % 50 == 0:
            log.info("step %d: %.2f mm", step, loss.item() ** 0.5 * MILLIMETRES)
    return rig_to_code.detach()


def missed(head: PublishedHead, identity: Tensor, motions: FaceMotions, rig_to_code: Tensor) -> tuple[float, float]:
    """Root mean squares in mm: of what is missed of the motions, and of the motions themselves."""
    with torch.no_grad():
        left = errors(head, identity, motions.points, motions.displacements, motions.weights @ rig_to_code)
    sizes = (each.square().sum(dim=-1).mean().sqrt().item() * MILLIMETRES for each in (left, motions.displacements))
    return next(sizes), next(sizes)


def write_rigged(bundle: Path, embedded: Path, rig_to_code: Tensor, output: Path) -> None:
    """Write the published bundle again, with what motion training asks of a head.

    The measuring points are those of our own head: under the rig, the published one moves as it does.
    """
    source, own = read_bundle(bundle, "head"), read_bundle(embedded, "head")
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    rig = rig_to_code.cpu()
    of_controls = torch.tensordot(own.tensors["rig_to_code"].float(), own.tensors["code_to_points"].float(), dims=1)
    code_to_rig = torch.linalg.pinv(rig.double()).float()
    tensors = {
        "rig_to_code": rig,
        "code_to_rig": code_to_rig,
        "code_to_points": torch.tensordot(code_to_rig, of_controls, dims=1),
        **{name: own.tensors[name] for name in COPIED},
    }
    write_bundle(
        output,
        kind="head",
        name=source.name,
        config={**source.config, "rig_controls": list(RIG_CONTROLS)},
        tensors={**source.tensors, **tensors},
        licence=manifest["licence"],
        attributions=manifest["attributions"],
        training=manifest["training"],
        texts={path.name: path.read_text(encoding="utf-8") for path in bundle.glob("*.txt")},
    )


def _canonical(head: PublishedHead, identity: Tensor, points: Tensor) -> Tensor:
    """Where points ``[N, 3]`` of the face at rest are in canonical space."""
    (rest,) = head.expression_codes(identity, points.new_zeros(1, head.expression_size))
    if head.is_backward:
        return head.to_canonical(rest)(points)
    canonical = points
    for _ in range(INVERSIONS):
        canonical = points - head.networks.expression(canonical, rest)[:, :3]
    return canonical


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.published_rig", description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path, help="published head, as `facetalk head import` wrote it")
    parser.add_argument("--output", type=Path, required=True, help="bundle to write, a new folder")
    parser.add_argument("--steps", type=int, default=1000, help="of learning (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of poses and points (default 0)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        if options.output.exists():
            raise UserError(f"{options.output} exists: choose a new folder for the bundle.")
        if options.steps < 1:
            raise UserError(f"The rig cannot be learned in {options.steps} steps: ask for at least 1.")
        device, embedded = choose_device(options.device), presets.preset(presets.HEAD)
        head = PublishedHead.load(options.bundle, device)
        template = Template.load(presets.preset(presets.TOPOLOGY))
        motions = face_motions(Head.load(embedded, device), template, np.random.default_rng(options.seed))
        identity = most_alike(head, motions.points)
        shown = FaceMotions(motions.points, motions.weights[HELD_OUT:], motions.displacements[HELD_OUT:])
        kept = FaceMotions(motions.points, motions.weights[:HELD_OUT], motions.displacements[:HELD_OUT])
        rig_to_code = learn_rig(head, identity, shown, options.steps, torch.Generator().manual_seed(options.seed))
        log.info("held-out poses: %.2f mm missed of %.2f mm of motion", *missed(head, identity, kept, rig_to_code))
        write_rigged(options.bundle, embedded, rig_to_code, options.output)
    except UserError as error:
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
