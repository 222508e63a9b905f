"""When lips touch in codes, and how far a network that hears it is off."""

import torch
from torch import Tensor
from torch.nn import functional

from facetalk.motion.lip_contact import CONTACTS
from training.motion_corpus import CodeSpace
from training.rig import RIG_CONTROLS

# Where a mouth begins to be in contact, and where it wholly is: inner-lip height over the eyes' distance, and weights
# of the controls that `training.lip_geometry.BITE` raises and no other posture raises together.
SHUT = (0.035, 0.015)
ROLLED_IN, TEETH_SHOWN = (0.12, 0.22), (0.15, 0.35)


def contacts(codes: Tensor, space: CodeSpace) -> Tensor:
    """How far lips touch, 0 to 1, in codes ``[B, T, E]``: ``[B, T, 2]`` in the order of ``CONTACTS``."""
    weights = codes @ torch.linalg.pinv(space.rig_to_code)
    bitten = _reached(_control(weights, "mouthRollLower"), *ROLLED_IN)
    bitten = bitten * _reached(_control(weights, "mouthUpperUp"), *TEETH_SHOWN)
    # A mouth that bites is all but shut in height.
    shut = _reached(space.measures(codes)[..., 0], *SHUT) * (1.0 - bitten)
    of = {"shut": shut, "bitten": bitten}
    return torch.stack([of[name] for name in CONTACTS], dim=-1)


def contact_loss(logits: Tensor, codes: Tensor, present: Tensor, space: CodeSpace) -> Tensor:
    """Mean cross-entropy over the frames ``[B, T]`` that are present, both contacts together.

    Args:
        logits: ``[B, T, 2]``.
        codes: the true ones ``[B, T, E]``.
        present: bool ``[B, T]``.
        space: the codes'.
    """
    true = contacts(codes, space).to(logits.device)
    error = functional.binary_cross_entropy_with_logits(logits.float(), true, reduction="none").sum(dim=-1)
    return (error * present).sum() / present.sum().clamp(min=1)


def _reached(value: Tensor, begins: float, whole: float) -> Tensor:
    return ((value - begins) / (whole - begins)).clamp(0.0, 1.0)


def _control(weights: Tensor, name: str) -> Tensor:
    """A control's weight, of its sides' mean."""
    sides = [place for place, control in enumerate(RIG_CONTROLS) if control.startswith(name)]
    return weights[..., sides].mean(dim=-1)
