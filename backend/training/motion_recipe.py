"""Recipes of motion models: network, sampling and training, each in a small readable file of ``presets/trainings``."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, Self, TypeVar, get_args, get_origin, get_type_hints

from facetalk import presets
from facetalk.errors import UserError
from facetalk.motion.denoiser import DenoiserConfig
from facetalk.motion.sampling_settings import SamplingSettings
from facetalk.motion.style import STYLE_SIZE
from facetalk.preset_file import read_preset_file

FILE_LIMIT = 1 << 16  # bytes
# What head, corpora and `styles` decide.
DECIDED = {"code_size": 0, "feature_size": 0, "style_size": 0}

T = TypeVar("T")


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that shapes a run.

    The loss is the squared error of codes, of their velocity and of the mouth and lid measures, of the denoiser's
    answer and of the expectation. Each term is a quadratic of a linear map of the codes, so the best answer stays the
    same (the posterior mean); the weights only say which errors a small model mends first. The paper: plain squared
    error, ``velocity = measures = 0``, and no expectation.

    Attributes:
        minutes: of wall clock, evaluation and checkpoints included.
        batch: crops per step, on each GPU.
        window: frames per crop.
        peak_rate: of learning, after the warm-up.
        warm_up: share of a phase in which its rate rises.
        gesture_steps: the first of a run, in which the network learns to hear what lips do, from all languages
            alike; then that holds still.
        gesture_noise: standard deviation of noise on the normalised speech features that gestures are heard in.
        expectation_steps: those after, in which audio encoder and expectation are trained. Then they hold still, and
            the decoder learns to correct them: longer they would only grow too fond of the voices of training.
        most_gain: how many times further the expectation moves at most, in any direction, when it gets back the spread
            that regression lost (`training.spread_restoration`); 1: it stays as it was regressed.
        weight_decay: of AdamW.
        average: decay of the weights' moving average, which is what is exported.
        velocity: weight of the error of frame-to-frame differences.
        measures: weight of the error of lip height, mouth width and lid openings.
        energy_power: codes' dimensions count with their standard deviation to this power.
        audio_dropout: share of crops that hear the null, for classifier-free guidance.
        style_dropout: share of crops that are not told a condition of their style, each on its own.
        known_share: share of crops that see some of their frames clean, as windows of long takes and edits
            do.
        scale: codes of a crop are multiplied by a factor drawn from this range (the paper's augmentation).
        feature_noise: standard deviation of noise on the normalised speech features.
        feature_dropout: share of a crop's speech channels that are set to their mean.
        checkpoint_seconds, evaluation_seconds: between two of each.
        evaluation_lines: held-out utterances sampled at an evaluation.
        language_power: a corpus' languages are drawn by their frames to this power: 1, as much as there is of them;
            0, all alike.
        shares: of the crops, one for every corpus; by frames where there is none.
        seed: of weights, batches and noise.
    """

    minutes: float
    batch: int
    window: int
    peak_rate: float
    warm_up: float
    gesture_steps: int
    gesture_noise: float
    expectation_steps: int
    most_gain: float
    weight_decay: float
    average: float
    velocity: float
    measures: float
    energy_power: float
    audio_dropout: float
    style_dropout: float
    known_share: float
    scale: tuple[float, float]
    feature_noise: float
    feature_dropout: float
    checkpoint_seconds: float
    evaluation_seconds: float
    evaluation_lines: int
    language_power: float
    shares: tuple[float, ...] | None = None
    seed: int = 0


@dataclass(frozen=True)
class MotionRecipe:
    """How a motion model is made.

    Attributes:
        name: of the file.
        description: what it is for.
        rate: of the speech features and codes, per second; corpora of another are refused.
        styles: whether the network is told the styles of utterances.
        denoiser: its sizes, but for those that head, corpora and ``styles`` decide.
        sampling: the defaults of its takes.
        training: the run.
    """

    name: str
    description: str
    rate: int
    styles: bool
    denoiser: DenoiserConfig
    sampling: SamplingSettings
    training: TrainingSettings

    @classmethod
    def load(cls, name: str) -> Self:
        """Read a recipe.

        Args:
            name: of a file in ``presets/trainings``, or the path of another, ending with ``.json``.

        Raises:
            UserError: there is none, or its file cannot be used.
        """
        folder = presets.presets_folder() / "trainings"
        known = sorted(path.stem for path in folder.glob("*.json"))
        if not name.endswith(".json") and name not in known:
            raise UserError(
                f"There is no preset named {name!r}: choose one of {', '.join(known)}, or give a .json file."
            )
        path = Path(name) if name.endswith(".json") else folder / f"{name}.json"
        entries = read_preset_file(path, "a preset of training", FILE_LIMIT)
        parts = {
            "denoiser": _fitting(DenoiserConfig, entries.pop("denoiser", None), path, DECIDED),
            "sampling": _fitting(SamplingSettings, entries.pop("sampling", None), path),
            "training": _fitting(TrainingSettings, entries.pop("training", None), path),
        }
        recipe = _fitting(cls, entries, path, {"name": path.stem, **parts})
        recipe.sampling.require_sensible(path)
        return recipe

    def denoiser_config(self, code_size: int, feature_size: int) -> DenoiserConfig:
        """The network's sizes for a head and a speech encoder."""
        style_size = STYLE_SIZE if self.styles else 0
        return replace(self.denoiser, code_size=code_size, feature_size=feature_size, style_size=style_size)


def _fitting(kind: type[T], entries: object, path: Path, given: Mapping[str, Any] | None = None) -> T:
    """A dataclass of a file's entries, every one of them there and of its type; ``given`` ones are not the file's."""
    given = given or {}
    if not isinstance(entries, dict):
        raise UserError(f"{path} lacks a part of a preset of training: compare it with facetalk-speech.json.")
    asked = [field for field in fields(kind) if field.name not in given]  # type: ignore[arg-type]
    needed = {field.name for field in asked if field.default is MISSING or kind is not TrainingSettings}
    wrong = sorted((needed - set(entries)) | (set(entries) - {field.name for field in asked}))
    types = get_type_hints(kind)
    wrong += [name for name, value in entries.items() if name not in wrong and not _fits(value, types[name])]
    if wrong:
        raise UserError(f"{path} lacks the entry {wrong[0]!r}, or has one that cannot be used: correct it.")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in entries.items()}
    return kind(**values, **given)


def _fits(value: object, kind: Any) -> bool:  # noqa: ANN401
    """Whether a JSON value is of a field's type."""
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(kind, UnionType):
        return any(_fits(value, each) for each in get_args(kind))
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        kinds = kinds[:1] * len(value) if isinstance(value, list) and kinds[-1] is Ellipsis else kinds
        return isinstance(value, list) and len(value) == len(kinds) and all(map(_fits, value, kinds))
    if get_args(kind):
        return value in get_args(kind)
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))
