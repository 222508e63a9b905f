"""How one speaker articulates, and how speech changes when it is whispered, shouted or sung."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Voicing = Literal["spoken", "whispered", "shouted", "sung"]


@dataclass(frozen=True)
class SpeakingStyle:
    """A manner of speaking; 1 is the calibration speaker's for every amplitude.

    Attributes:
        jaw: amplitude of the jaw.
        lips: amplitude of the inner-lip height.
        rounding: amplitude of narrowed mouths.
        spreading: amplitude of widened ones.
        precision: above 1, a phone lets its neighbours less far into its time.
        smile: weight of a smile that stays.
        asymmetry: how much more the left side moves, as a share.
        rest_gap: inner-lip height in pauses, over the distance of the outer eye corners.
        vowel_opening: how much further vowels open than consonants do.
    """

    jaw: float = 1.0
    lips: float = 1.0
    rounding: float = 1.0
    spreading: float = 1.0
    precision: float = 1.0
    smile: float = 0.0
    asymmetry: float = 0.0
    rest_gap: float = 0.0
    vowel_opening: float = 1.0

    @staticmethod
    def draw(rng: np.random.Generator) -> "SpeakingStyle":
        """Draw a speaking style; amplitudes vary by about a quarter, as between the talkers we measured.

        Most people round their lips further than the calibration speaker (`training.rounded_lips`).
        """
        return SpeakingStyle(
            jaw=float(np.clip(rng.normal(1.1, 0.25), 0.6, 1.7)),
            lips=float(np.clip(np.exp(rng.normal(0.1, 0.2)), 0.7, 1.7)),
            rounding=float(np.clip(rng.normal(2.2, 0.45), 1.0, 3.4)),
            spreading=float(np.clip(rng.normal(1.4, 0.35), 0.4, 2.2)),
            precision=float(np.clip(rng.normal(1.0, 0.12), 0.75, 1.3)),
            smile=float(np.clip(rng.normal(0.02, 0.06), 0.0, 0.2)),
            asymmetry=float(np.clip(rng.normal(0.0, 0.1), -0.25, 0.25)),
            rest_gap=float(max(0.0, rng.normal(-0.01, 0.012))),
        )

    def voiced(self, voicing: Voicing) -> "SpeakingStyle":
        """The same speaker whispering, shouting or singing.

        Shouted vowels open about half as far again, consonants hardly (Garnier, Henrich, Dubois, "Influence of sound
        immersion and communicative interaction on the Lombard effect", 2010); whisperers articulate a little more
        carefully (Osfar, "Articulation of whispered alveolar consonants", 2011); singers open for resonance and keep
        vowels apart from their neighbours.
        """
        match voicing:
            case "spoken":
                return self
            case "whispered":
                return replace(self, lips=1.1 * self.lips, precision=1.1 * self.precision)
            case "shouted":
                return replace(
                    self,
                    jaw=1.25 * self.jaw,
                    spreading=1.2 * self.spreading,
                    vowel_opening=1.45 * self.vowel_opening,
                    precision=1.05 * self.precision,
                )
            case "sung":
                return replace(self, jaw=1.15 * self.jaw, vowel_opening=1.25 * self.vowel_opening)
