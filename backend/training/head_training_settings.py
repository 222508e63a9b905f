"""What a training of the head is made of: its stages, how long each trains, and the sizes of its networks."""

from dataclasses import dataclass, field

from training.shape_samples import SampleCounts

STAGES = ("warp", "shape", "expression")
RECIPES = {  # minutes of each stage
    "cpu": {"warp": 45.0, "shape": 20.0, "expression": 68.0},
    "gpu": {"warp": 5.0, "shape": 4.0, "expression": 6.0},
}


@dataclass(frozen=True)
class HeadTrainingSettings:
    """What a run is made of. Stages train for minutes, or, if ``steps`` is given, for so many steps each."""

    recipe: str = "cpu"
    identities: int = 340
    held_out: int = 20
    minutes: dict[str, float] = field(default_factory=lambda: RECIPES["cpu"])
    steps: int | None = None
    learning_rate: float = 4e-3
    skin_samples: SampleCounts = field(default_factory=lambda: SampleCounts(500_000, 60_000))
    part_samples: SampleCounts = field(default_factory=lambda: SampleCounts(80_000, 40_000))
    warp_points: int = 2048
    warp_identities: int = 16
    shape_points: int = 8192
    expression_points: int = 2048
    expressions_per_case: int = 16
    cases_per_step: int = 1
    anchors: int = 64
    shape_anchors: int = 128
    warp_hidden: int = 64
    shape_hidden: int = 64
    expression_hidden: int = 64
