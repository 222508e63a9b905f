"""Gestures of the lips as true codes show them, and how far a network that hears them is off."""

import torch
from torch import Tensor
from torch.nn import functional

from facetalk.motion.lip_gestures import GESTURES
from training.motion_corpus import CodeSpace
from training.rig import RIG_CONTROLS

# Where a gesture begins, and where it is whole. Shut: inner-lip height over the eyes' distance. Bitten: weights of the
# controls that `training.lip_geometry.BITE` raises and no other posture raises together. Rounded: funnel and pucker.
# Dental: the tongue between the teeth.
SHUT = (0.035, 0.015)
ROLLED_IN, TEETH_SHOWN = (0.12, 0.22), (0.15, 0.35)
ROUNDED = (0.12, 0.32)
DENTAL = (0.3, 0.7)


def true_gestures(codes: Tensor, space: CodeSpace) -> Tensor:
    """How far each gesture is made, 0 to 1, in codes ``[B, T, E]``: ``[B, T, G]`` in the order of ``GESTURES``."""
    weights = codes @ space.code_to_rig
    bitten = _reached(_control(weights, "mouthRollLower"), *ROLLED_IN)
    bitten = bitten * _reached(_control(weights, "mouthUpperUp"), *TEETH_SHOWN)
    # A mouth that bites is all but shut in height.
    shut = _reached(space.measures(codes)[..., 0], *SHUT) * (1.0 - bitten)
    # A tongue may still lie between the teeth when lips meet for the next phone.
    dental = torch.minimum(_reached(_control(weights, "tongueBetweenTeeth"), *DENTAL), 1.0 - shut - bitten)
    rounding = _control(weights, "mouthFunnel") + _control(weights, "mouthPucker")
    # Together gestures are whole at most.
    rounded = torch.minimum(_reached(rounding, *ROUNDED), (1.0 - shut - bitten - dental).clamp(min=0.0))
    of = {"shut": shut, "bitten": bitten, "rounded": rounded, "dental": dental}
    return torch.stack([of[name] for name in GESTURES], dim=-1)


def gesture_loss(logits: Tensor, codes: Tensor, present: Tensor, space: CodeSpace) -> Tensor:
    """Mean cross-entropy over the frames ``[B, T]`` that are present, all gestures together.

    Args:
        logits: ``[B, T, G]``.
        codes: the true ones ``[B, T, E]``.
        present: bool ``[B, T]``.
        space: the codes'.
    """
    true = true_gestures(codes, space).to(logits.device)
    error = functional.binary_cross_entropy_with_logits(logits.float(), true, reduction="none").sum(dim=-1)
    return (error * present).sum() / present.sum().clamp(min=1)


def _reached(value: Tensor, begins: float, whole: float) -> Tensor:
    return ((value - begins) / (whole - begins)).clamp(0.0, 1.0)


def _control(weights: Tensor, name: str) -> Tensor:
    """A control's weight, of its sides' mean."""
    sides = [place for place, control in enumerate(RIG_CONTROLS) if control.startswith(name)]
    return weights[..., sides].mean(dim=-1)
