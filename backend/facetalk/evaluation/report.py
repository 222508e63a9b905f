"""Judge generated takes by recordings of people whose lips were tracked."""

import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from facetalk.clip import SAMPLE_RATE, load_clip
from facetalk.errors import UserError
from facetalk.evaluation import measures
from facetalk.evaluation.curves import Performer, Progress, perform, sound_files
from facetalk.evaluation.measures import (
    CURVE_RATE,
    CURVES,
    LIP_HEIGHT,
    MOUTH_WIDTH,
    Closures,
    Curve,
    LagCorrelation,
)
from facetalk.take import TakeSettings

# The table's columns, with their decimal places; narrow enough for a terminal of 80 characters.
COLUMNS = {
    "lips\nr": 2,
    "speech\nr": 2,
    "width\nr": 2,
    "shut\nrecall": 2,
    "shut\nprec.": 2,
    "shut\nfound": 2,
    "jitter\n%": 2,
}


@dataclass(frozen=True)
class Recording:
    """A person whose lips were tracked.

    Attributes:
        path: the sound or video file.
        curves: ``[frames, 4]``, columns as in ``measures.CURVES``, frame 0 at time 0.
        fps: the camera's rate.
    """

    path: Path
    curves: Curve
    fps: float


@dataclass(frozen=True)
class Score:
    """How one performance of one clip compares with the recording.

    Attributes:
        height: inner-lip height against the recording's.
        height_in_speech: Pearson correlation of the same at lag 0, without the silence before and after.
        width: mouth width against the recording's.
        closures: shut lips against the recording's; ``None`` for what has no lips to shut.
        jitter: of the inner-lip height.
    """

    height: LagCorrelation
    height_in_speech: float
    width: LagCorrelation
    closures: Closures | None
    jitter: float


@dataclass(frozen=True)
class TalkerScores:
    """One recording: the scores of several takes, of its loudness, and what the recording itself does.

    Attributes:
        name: of the recording.
        seconds: how long it is.
        takes: one score for each seed.
        mean: the score of the mean of the takes' curves, what all takes agree on.
        loudness: the baseline.
        variation: ``[4]``, how far the takes differ, as ``measures.take_variation``.
        spread: how far apart the takes lay lips, and brows and lids: ``measures.take_spread``, metres.
        blinks: in all takes together.
        recorded_jitter: of the recording's inner-lip height.
        recorded_blinks: in the recording.
    """

    name: str
    seconds: float
    takes: list[Score]
    mean: Score
    loudness: Score
    variation: NDArray[np.float64]
    spread: tuple[float, float]
    blinks: int
    recorded_jitter: float
    recorded_blinks: int


def read_recordings(folder: Path) -> list[Recording]:
    """Find the recordings of a folder and their tracked curves.

    Args:
        folder: sound files and ``curves.npz``: float32 ``[frames, 4]`` under each file's stem, columns as in
            ``measures.CURVES``, its frame rate under ``STEM@fps``.

    Raises:
        UserError: a recording or its curves are missing or damaged.
    """
    paths = sound_files(folder)
    tracked = folder / "curves.npz"
    try:
        with np.load(tracked, allow_pickle=False) as archive:
            missing = [key for path in paths for key in (path.stem, f"{path.stem}@fps") if key not in archive]
            if missing:
                raise UserError(f"{tracked} has nothing named {missing[0]}: track it or take the sound away.")
            found = [
                Recording(path, np.asarray(archive[path.stem]), float(archive[f"{path.stem}@fps"])) for path in paths
            ]
    except FileNotFoundError as error:
        raise UserError(f"{tracked} does not exist: put the tracked curves beside the recordings.") from error
    except (OSError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise UserError(f"{tracked} is damaged or no archive of curves: get it again.") from error
    for recording in found:
        shape, fps = recording.curves.shape, recording.fps
        if len(shape) != 2 or shape[0] < 2 or shape[1] != len(CURVES) or not 1 <= fps <= 1000:
            name = recording.path.stem
            raise UserError(f"{tracked}: {name} has shape {shape} at {fps} fps, [frames, 4] is needed.")
    return found


def evaluate_talkers(
    performer: Performer, recordings: list[Recording], takes: int, progress: Progress, settings: TakeSettings
) -> list[TalkerScores]:
    """Generate takes for every recording and compare them with its tracked curves.

    Args:
        performer: what makes the takes.
        recordings: as from ``read_recordings``.
        takes: how many seeds for each recording.
        progress: told of each recording's name and the share that is done.
        settings: of the takes, but for their seeds and frame rate.
    """
    scores = []
    for done, recording in enumerate(recordings):
        progress(recording.path.name, done / len(recordings))
        scores.append(_score_talker(performer, recording, takes, settings))
    progress("done", 1.0)
    return scores


def _score_talker(performer: Performer, recording: Recording, takes: int, settings: TakeSettings) -> TalkerScores:
    clip = load_clip(recording.path)
    performances = [perform(performer, clip, replace(settings, seed=seed)) for seed in range(takes)]
    loudness = measures.loudness(clip.samples, SAMPLE_RATE)
    recorded_frames = int((len(recording.curves) - 1) / recording.fps * CURVE_RATE) + 1
    frames = min(len(loudness), len(performances[0].curves), recorded_frames)
    recorded = measures.resample(recording.curves, recording.fps, frames)
    generated = [performance.curves[:frames] for performance in performances]
    louder = loudness[:frames]
    spoken = measures.speech_span(louder)
    return TalkerScores(
        name=recording.path.stem,
        seconds=frames / CURVE_RATE,
        takes=[_score(take, recorded, spoken) for take in generated],
        mean=_score(np.mean(generated, axis=0), recorded, spoken),
        loudness=_score_loudness(louder, recorded, spoken),
        variation=measures.take_variation(np.stack(generated)),
        spread=(
            measures.take_spread(np.stack([performance.lips for performance in performances])),
            measures.take_spread(np.stack([performance.upper_face for performance in performances])),
        ),
        blinks=sum(measures.count_blinks(take) for take in generated),
        recorded_jitter=measures.jitter(recorded[:, LIP_HEIGHT]),
        recorded_blinks=measures.count_blinks(recorded),
    )


def _score(generated: Curve, recorded: Curve, spoken: slice) -> Score:
    ours, theirs = generated[:, LIP_HEIGHT], recorded[:, LIP_HEIGHT]
    return Score(
        height=measures.lag_correlation(ours, theirs),
        height_in_speech=measures.correlation(ours[spoken], theirs[spoken]),
        width=measures.lag_correlation(generated[:, MOUTH_WIDTH], recorded[:, MOUTH_WIDTH]),
        closures=measures.closures(ours, theirs),
        jitter=measures.jitter(ours),
    )


def _score_loudness(louder: Curve, recorded: Curve, spoken: slice) -> Score:
    height = recorded[:, LIP_HEIGHT]
    return Score(
        height=measures.lag_correlation(louder, height),
        height_in_speech=measures.correlation(louder[spoken], height[spoken]),
        width=measures.lag_correlation(louder, recorded[:, MOUTH_WIDTH]),
        closures=None,
        jitter=measures.jitter(louder),
    )


def score_values(score: Score) -> list[float]:
    """A score as the numbers of the table, in the order of ``COLUMNS``; NaN where there is none."""
    missing = float("nan")
    shut = score.closures or Closures(missing, missing, missing)
    return [
        score.height.at_zero,
        score.height_in_speech,
        score.width.at_zero,
        *shut,
        100 * score.jitter,
    ]


def median_values(rows: list[list[float]]) -> list[float]:
    """The median of each column over the rows that have a number there."""
    columns = [[value for value in column if not np.isnan(value)] for column in zip(*rows, strict=True)]
    return [float(np.median(column)) if column else float("nan") for column in columns]


def report_table(scores: list[TalkerScores]) -> Table:
    """One row for each recording (median over takes), medians over recordings, and the baseline.

    Several recordings of a kind (``talker1_1``, ``talker2_1``) have medians of their own.
    """
    table = Table(title="Generated takes against tracked lips")
    table.add_column("recording", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for talker in scores:
        table.add_row(talker.name, *_format(_median_of([talker.takes])))
    for name, members in [*_groups(scores).items(), ("all", scores)]:
        table.add_section()
        table.add_row(f"{name}: a take", *_format(_median_of([each.takes for each in members])), style="bold")
        table.add_row(f"{name}: mean of takes", *_format(_median_of([[each.mean] for each in members])), style="bold")
        table.add_row(f"{name}: loudness", *_format(_median_of([[each.loudness] for each in members])))
    return table


def _median_of(scores: list[list[Score]]) -> list[float]:
    """Of every recording the median over its scores, of these the median over recordings."""
    return median_values([median_values([score_values(score) for score in own]) for own in scores])


def _groups(scores: list[TalkerScores]) -> dict[str, list[TalkerScores]]:
    """Recordings by what stands before the underscore of their names (`talker1_2`), where that tells several apart."""
    groups: dict[str, list[TalkerScores]] = {}
    for each in scores:
        kind = re.match(r"([a-zA-Z]+)\d*_", each.name)
        if kind:
            groups.setdefault(kind[1], []).append(each)
    return {name: members for name, members in groups.items() if 1 < len(members) < len(scores)}


def summary_lines(scores: list[TalkerScores]) -> list[str]:
    """What the table has no column for: how takes vary, blinks, and the recordings' own jitter."""
    variation = np.median([talker.variation for talker in scores], axis=0)
    minutes = sum(talker.seconds for talker in scores) / 60
    takes = len(scores[0].takes)
    blinks = sum(talker.blinks for talker in scores) / (minutes * takes)
    recorded_blinks = sum(talker.recorded_blinks for talker in scores) / minutes
    recorded_jitter = 100 * float(np.median([talker.recorded_jitter for talker in scores]))
    best, lag = np.median([[take.height.best, take.height.lag] for talker in scores for take in talker.takes], axis=0)
    lips, upper_face = 1000 * np.median([talker.spread for talker in scores], axis=0)
    by_curve = ", ".join(f"{name} {value:.2f}" for name, value in zip(CURVES, variation, strict=True))
    return [
        f"Variation over {takes} takes (1: as far apart as moments of one take): {by_curve}.",
        f"Points over {takes} takes: lips {lips:.2f} mm apart, brows and lids {upper_face:.2f} mm: "
        f"ratio {upper_face / lips:.2f}.",
        f"Lips fit best {1000 * lag:.0f} ms late: r {best:.2f}.",
        f"Blinks per minute: {blinks:.1f}; in the recordings {recorded_blinks:.1f}.",
        f"Jitter of the recordings: {recorded_jitter:.2f} %.",
    ]


def _format(values: list[float]) -> list[str]:
    cells = zip(values, COLUMNS.values(), strict=True)
    return ["-" if np.isnan(value) else f"{value:.{places}f}" for value, places in cells]
