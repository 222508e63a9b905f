"""The motion model's training data: speech features and rig weights of utterances, and their codes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.bundle import read_bundle
from facetalk.errors import UserError
from facetalk.motion.style import Style
from facetalk.speech.feature_kind import FeatureKind
from training.motion_styles import amplitudes, typical_amplitudes, utterance_style
from training.rig import RIG_CONTROLS

CORPUS_FORMAT = 1
STATISTICS_CHUNK = 8192  # frames
LIP_HEIGHT = 0
MEASURES = ("lip_height", "mouth_width", "left_eye", "right_eye")
# Rows of the head's nine measuring points: minuend, subtrahend and axis (x across, y up) of each measure.
MEASURE_POINTS = ((0, 1, 1), (2, 3, 0), (4, 5, 1), (6, 7, 1))


@dataclass(frozen=True)
class Utterance:
    """One recorded or synthesised line: frames ``start`` to ``start + frames`` of its corpus' arrays.

    ``entry`` is all that the manifest says of it.
    """

    name: str
    voice: str
    held_out: bool
    start: int
    frames: int
    entry: Mapping[str, Any]


@dataclass(frozen=True)
class MotionCorpus:
    """A corpus folder: utterances one after the other in two memory-mapped arrays.

    Attributes:
        speech: what kind its speech features are of; rig weights have their rate.
        features: ``[N, D]`` speech features.
        rig_weights: ``[N, C]``, of the controls that the corpus knows.
        columns: the place in ``RIG_CONTROLS`` of every column; other controls rest.
        utterances: where each utterance lies.
        sources: licence and attribution lines of the recordings and voices.
    """

    speech: FeatureKind
    features: NDArray[np.float16]
    rig_weights: NDArray[np.float16]
    columns: tuple[int, ...]
    utterances: tuple[Utterance, ...]
    sources: tuple[str, ...]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open a corpus folder.

        Raises:
            UserError: it is missing, of another format, or its parts do not fit together.
        """
        manifest = _read_manifest(folder / "manifest.json")
        speech = FeatureKind.read(manifest.get("speech"), folder / "manifest.json")
        features = _open_array(folder / "features.npy", speech.size)
        columns = tuple(RIG_CONTROLS.index(name) for name in manifest["controls"])
        rig_weights = _open_array(folder / "rig_weights.npy", len(columns))
        utterances = tuple(
            Utterance(each["name"], each["voice"], each["split"] == "held_out", each["start"], each["frames"], each)
            for each in manifest["utterances"]
        )
        end = max((each.start + each.frames for each in utterances), default=0)
        if not len(features) == len(rig_weights) >= end or end == 0:
            raise UserError(
                f"{folder}: the arrays and the manifest's utterances differ in length: make the corpus again."
            )
        return cls(speech, features, rig_weights, columns, utterances, tuple(manifest["sources"]))

    def read(self, utterance: Utterance, first: int, frames: int) -> tuple[Tensor, Tensor]:
        """Features ``[frames, D]`` and rig weights ``[frames, R]`` of an utterance from frame ``first``."""
        span = slice(utterance.start + first, utterance.start + first + frames)
        return torch.from_numpy(self.features[span].astype(np.float32)), self.read_weights(utterance, first, frames)

    def read_weights(self, utterance: Utterance, first: int, frames: int) -> Tensor:
        """Rig weights ``[frames, R]`` of an utterance from frame ``first``."""
        span = slice(utterance.start + first, utterance.start + first + frames)
        known = torch.from_numpy(self.rig_weights[span].astype(np.float32))
        weights = known.new_zeros(len(known), len(RIG_CONTROLS))
        weights[:, list(self.columns)] = known
        return weights


def common_speech(corpora: Sequence[MotionCorpus]) -> FeatureKind:
    """The kind of speech features that all corpora share.

    Raises:
        UserError: they differ.
    """
    first = corpora[0].speech
    for corpus in corpora:
        if not corpus.speech.matches(first):
            raise UserError(
                f"The corpora were made with {first} and {corpus.speech}: a motion model hears one encoder at one rate."
            )
        # One that knows its encoder's weights says more than one that does not.
        first = first if first.weights is not None else corpus.speech
    return first


@dataclass(frozen=True)
class CodeSpace:
    """The head's expression codes as training sees them.

    Attributes:
        rig_to_code: ``[R, E]``, codes are ``rig_weights @ rig_to_code``.
        code_to_measures: ``[E, 4]``, the linear change of each of ``MEASURES``, over the eyes' distance.
        measures_at_rest: ``[4]``, the neutral face's, over the eyes' distance.
    """

    rig_to_code: Tensor
    code_to_measures: Tensor
    measures_at_rest: Tensor

    @classmethod
    def load(cls, head: Path) -> Self:
        """Read the code space from a head bundle.

        Raises:
            UserError: the bundle is missing, damaged, or was trained without a rig.
        """
        bundle = read_bundle(head, "head")
        rig_to_code = bundle.tensor("rig_to_code", (len(RIG_CONTROLS), None)).float()
        size = rig_to_code.shape[1]
        to_points = bundle.tensor("code_to_points", (size, 9, 3)).float()
        rest = bundle.tensor("points_rest", (9, 3)).float()
        distance = bundle.tensor("eye_distance", ()).float()
        return cls(rig_to_code, _measures(to_points) / distance, _measures(rest) / distance)

    @cached_property
    def code_to_rig(self) -> Tensor:
        """``[E, R]``: the least rig weights of codes are ``codes @ code_to_rig``."""
        return torch.linalg.pinv(self.rig_to_code)

    def measures(self, codes: Tensor) -> Tensor:
        """``MEASURES`` ``[..., 4]`` of codes ``[..., E]``, over the distance of the outer eye corners."""
        return codes @ self.code_to_measures + self.measures_at_rest


@dataclass(frozen=True)
class CorpusStatistics:
    """Means and deviations over training frames: features ``[D]``, codes ``[E]``, measures ``[4]``."""

    feature_mean: Tensor
    feature_deviation: Tensor
    code_mean: Tensor
    code_deviation: Tensor
    measure_deviation: Tensor


@dataclass(frozen=True)
class Batch:
    """Crops: ``features`` ``[B, T, D]``, ``codes`` ``[B, T, E]``, ``styles`` ``[B, STYLE_SIZE]`` of their utterances,
    ``present`` ``[B, T]`` (false: padding)."""

    features: Tensor
    codes: Tensor
    styles: Tensor
    present: Tensor


class TrainingFrames:
    """Draws crops from the training utterances of several corpora, every frame of a language with the same chance.

    Args:
        corpora: at least one.
        space: their codes.
        shares: of the crops, one for every corpus; by default, corpora have as many as they have frames.
        language_power: a corpus' languages are drawn by their frames to this power: 1, as much as there is of them;
            0, all alike.
    """

    def __init__(
        self,
        corpora: list[MotionCorpus],
        space: CodeSpace,
        shares: Sequence[float] | None = None,
        language_power: float = 1.0,
    ) -> None:
        self.space = space
        self.lines = [(corpus, line) for corpus in corpora for line in corpus.utterances if not line.held_out]
        if not self.lines:
            raise UserError("No utterance of the corpus is marked for training: make the corpus again.")
        self.chance = _chances(self.lines, corpora, shares, language_power)
        languages = [len({line.entry.get("language") for own, line in self.lines if own is each}) for each in corpora]
        self.evened = (self.chance + _chances(self.lines, corpora, languages, language_power=0.0)) / 2
        self.styles = _styles(self.lines, space)

    def draw(self, size: int, frames: int, generator: np.random.Generator, evened: bool = False) -> Batch:
        """A batch of ``size`` crops of ``frames`` frames, shorter utterances padded with zeros.

        ``evened``: half of them as shares and ``language_power`` say, half with the same chance for every language of
        every corpus.
        """
        features, codes, styles = [], [], []
        chance = self.evened if evened else self.chance
        present = torch.zeros(size, frames, dtype=torch.bool)
        for row, choice in enumerate(generator.choice(len(self.lines), size=size, p=chance)):
            corpus, line = self.lines[choice]
            length = min(frames, line.frames)
            heard, weights = corpus.read(line, int(generator.integers(line.frames - length + 1)), length)
            padding = (0, 0, 0, frames - length)
            features.append(torch.nn.functional.pad(heard, padding))
            codes.append(torch.nn.functional.pad(weights @ self.space.rig_to_code, padding))
            styles.append(self.styles[choice].vector())
            present[row, :length] = True
        return Batch(torch.stack(features), torch.stack(codes), torch.stack(styles), present)

    def statistics(self) -> CorpusStatistics:
        """Statistics over all training frames, read in chunks."""
        features, codes, measures = _Moments(), _Moments(), _Moments()
        for corpus, line in self.lines:
            for first in range(0, line.frames, STATISTICS_CHUNK):
                heard, weights = corpus.read(line, first, min(STATISTICS_CHUNK, line.frames - first))
                code = weights @ self.space.rig_to_code
                features.add(heard)
                codes.add(code)
                measures.add(self.space.measures(code))
        return CorpusStatistics(*features.result(), *codes.result(), measures.result()[1])


def _chances(
    lines: Sequence[tuple[MotionCorpus, Utterance]],
    corpora: Sequence[MotionCorpus],
    shares: Sequence[float] | None,
    language_power: float,
) -> NDArray[np.float64]:
    """The chance of every line, all together 1."""
    frames = np.array([line.frames for _, line in lines], dtype=np.float64)
    languages = np.array([str(line.entry.get("language")) for _, line in lines])
    chances = np.zeros_like(frames)
    for place, corpus in enumerate(corpora):
        own = np.array([each is corpus for each, _ in lines])
        if not own.any():
            continue
        for language in np.unique(languages[own]):
            among = own & (languages == language)
            chances[among] = frames[among] * frames[among].sum() ** (language_power - 1.0)
        share = frames[own].sum() if shares is None else shares[place]
        chances[own] *= share / chances[own].sum()
    return chances / chances.sum()


def _styles(lines: list[tuple[MotionCorpus, Utterance]], space: CodeSpace) -> list[Style]:
    """The style of every line, measured against what is typical of all."""
    found = []
    for corpus, line in lines:
        weights = corpus.read_weights(line, 0, line.frames)
        found.append(amplitudes(weights, space.measures(weights @ space.rig_to_code)[:, LIP_HEIGHT]))
    typical = typical_amplitudes(found)
    return [utterance_style(each, typical, line.entry) for each, (_, line) in zip(found, lines, strict=True)]


class _Moments:
    """Running sums for mean and standard deviation per column, in float64."""

    def __init__(self) -> None:
        self.count = 0
        self.sum: Tensor | float = 0.0
        self.squares: Tensor | float = 0.0

    def add(self, rows: Tensor) -> None:
        self.count += len(rows)
        self.sum = self.sum + rows.double().sum(0)
        self.squares = self.squares + rows.double().square().sum(0)

    def result(self) -> tuple[Tensor, Tensor]:
        mean = torch.as_tensor(self.sum) / self.count
        variance = torch.as_tensor(self.squares) / self.count - mean.square()
        # A column that never moves must not turn rounding into signal: it is left at its own scale.
        deviation = torch.where(variance > 1e-8, variance.clamp(min=0).sqrt(), 1.0)
        return mean.float(), deviation.float()


def _measures(points: Tensor) -> Tensor:
    """``[..., 9, 3]`` -> ``[..., 4]``: signed, so that lips pressed past each other are more than closed."""
    return torch.stack([points[..., a, axis] - points[..., b, axis] for a, b, axis in MEASURE_POINTS], dim=-1)


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as a corpus manifest: make the corpus again.") from error
    if manifest.get("format") != CORPUS_FORMAT:
        raise UserError(
            f"{path} has corpus format {manifest.get('format')}, not {CORPUS_FORMAT}: make the corpus again."
        )
    unknown = [name for name in manifest.get("controls", [None]) if name not in RIG_CONTROLS]
    if unknown:
        raise UserError(f"{path} was made for other rig controls ({unknown[0]}): make the corpus again.")
    return dict(manifest)


def _open_array(path: Path, columns: int) -> NDArray[np.float16]:
    try:
        array: NDArray[np.float16] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: make the corpus again.") from error
    if array.dtype != np.float16 or array.ndim != 2 or array.shape[1] != columns:
        raise UserError(
            f"{path} has shape {array.shape} of {array.dtype}, not [N, {columns}] of float16: make it again."
        )
    return array
