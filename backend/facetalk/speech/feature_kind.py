"""Kinds of speech features: to a motion model, features of another kind than it was trained with mean nothing."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from facetalk.clip import SAMPLE_RATE
from facetalk.errors import UserError


@dataclass(frozen=True)
class FeatureKind:
    """What a speech encoder gives; part of motion bundles and of corpora.

    Attributes:
        encoder: the name of its folder in ``presets/speech``.
        rate: features per second, and expression codes as well.
        size: D, numbers in a feature.
        weights: SHA-256 of the encoder's weights; ``None`` where nobody has noted it.
    """

    encoder: str
    rate: int
    size: int
    weights: str | None = None

    @classmethod
    def read(cls, entry: object, source: Path) -> Self:
        """From a manifest's entry.

        Raises:
            UserError: it is missing or damaged; the message names the manifest ``source``.
        """
        try:
            kind = cls(**entry)  # type: ignore[arg-type]  # what is no mapping ends in a TypeError
            sound = Path(kind.encoder).name == kind.encoder and 1 <= kind.rate <= 1000 and kind.size >= 1
        except TypeError:
            sound = False
        if not sound:
            raise UserError(f"{source} does not say which speech features it is made with: make it again.")
        return kind

    def count(self, samples: int) -> int:
        """Features of a clip of so many samples: one for every ``1 / rate`` seconds begun."""
        return -(-samples * self.rate // SAMPLE_RATE)

    def matches(self, other: "FeatureKind") -> bool:
        """Whether features of the other kind mean the same, as far as is known."""
        known = None not in (self.weights, other.weights)
        return (self.rate, self.size) == (other.rate, other.size) and (
            self.weights == other.weights if known else self.encoder == other.encoder
        )

    def __str__(self) -> str:
        return f"{self.encoder} at {self.rate} per second"


def weights_digest(path: Path) -> str:
    """SHA-256 of a file of weights."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
