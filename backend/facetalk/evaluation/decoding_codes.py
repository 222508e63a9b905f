"""What heads are decoded with to be measured: expression codes of three kinds that share no seed."""

from dataclasses import dataclass

import torch
from torch import Tensor

from facetalk.animate import Animator
from facetalk.clip import Clip
from facetalk.head.head import Head
from facetalk.head.published_head import PublishedHead
from facetalk.take import TakeSettings

SEEDS = (0, 1, 2)  # of the takes that modes come from, that certify, and that are measured
SPOKEN_STEP = 4  # of a take's frames, every so many
TIMED_FRAMES = 100  # in one go
RANDOM = (500, 200, 100)  # random expressions likewise
CONTROLS = 6  # raised at random in one of them
PUBLISHED = (240, 80, 40)  # mixtures of a published head's own expressions likewise
MIXED = 3  # expressions in one of them


@dataclass(frozen=True)
class DecodingCodes:
    """Expression codes ``[T, E]`` of one kind that share no seed.

    Attributes:
        making: what a basis is made of.
        held_out: what certifies it.
        fresh: what it is measured on; the first are consecutive frames.
    """

    making: Tensor
    held_out: Tensor
    fresh: Tensor


def spoken_codes(animator: Animator, clip: Clip) -> DecodingCodes:
    """Codes of takes of a clip, and of random expressions."""
    head, sets = animator.head, []
    for seed, count in zip(SEEDS, RANDOM, strict=True):
        take = animator.codes(clip, TakeSettings(seed=seed))
        spoken = take[:TIMED_FRAMES] if seed == SEEDS[-1] else take[::SPOKEN_STEP]
        sets.append(torch.cat([spoken, random_expressions(head, count, seed)]))
    return DecodingCodes(*sets)


def random_expressions(head: Head, count: int, seed: int) -> Tensor:
    """Codes ``[T, E]`` in which a few rig controls are raised at random."""
    generator = torch.Generator().manual_seed(seed)
    rig = head.rig_to_code()
    raised = torch.rand(count, len(rig), generator=generator).argsort(dim=1)[:, :CONTROLS]
    weights = torch.zeros(count, len(rig)).scatter(1, raised, torch.rand(count, CONTROLS, generator=generator))
    return weights.to(rig) @ rig


def mixed_codes(head: PublishedHead) -> DecodingCodes:
    """Codes between a published head's expressions of training."""
    return DecodingCodes(*(mixed_expressions(head, count, seed) for seed, count in zip(SEEDS, PUBLISHED, strict=True)))


def mixed_expressions(head: PublishedHead, count: int, seed: int) -> Tensor:
    """Codes ``[T, E]`` between a published head's expressions of training, each a step from the one before."""
    generator = torch.Generator().manual_seed(seed)
    table = head.tables["expression"]
    stations = torch.rand(count // 4 + 2, len(table), generator=generator)
    stations *= stations >= stations.topk(min(MIXED, len(table)), dim=1).values[:, -1:]
    stations /= stations.sum(dim=1, keepdim=True)
    place = torch.arange(count) / 4.0
    share = (place % 1.0)[:, None]
    mixture = stations[place.long()] * (1.0 - share) + stations[place.long() + 1] * share
    return mixture.to(table) @ table
