"""Signed-distance samples of canonical heads: what the identity field is trained on."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import igl
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from training.training_heads import PARTS, TrainingHeads, identity_code

Array = NDArray[np.float64]

BOX = ((-0.55, -0.62, -0.95), (0.55, 0.75, 0.40))  # the NPHM family's, with room for a neck below
NEAR_SPREADS = (0.002, 0.02)  # head units: half a millimetre for detail, half a centimetre for the way there


@dataclass(frozen=True)
class SampleCounts:
    """How many samples one identity gives, per part and in empty space."""

    skin: int = 30_000
    small_part: int = 6_000
    empty: int = 4_000


def draw_samples(
    load: Callable[[], TrainingHeads],
    importance: Array,
    folder: Path,
    identities: int,
    counts: SampleCounts,
    workers: int,
) -> list[Path]:
    """Draw and store the samples of random identities; files that exist are kept, so a stopped run goes on.

    Identity 0 is the mean head; identity k has the code of seed k. Each file holds ``code [64]``, ``points [N, 3]``
    float32, and ``distances [N, P]`` float32 in head units with NaN where a part was not asked.

    Args:
        load: makes the training heads, once in every process.
        importance: of every vertex ``[V]``; more important places get more samples.
        folder: where the files go.
        identities: how many.
        counts: samples per identity.
        workers: processes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"identity-{index:04d}.safetensors" for index in range(identities)]
    missing = [index for index, file in enumerate(files) if not file.exists()]
    if missing:
        with ProcessPoolExecutor(workers, initializer=_load_heads, initargs=(load,)) as pool:
            list(pool.map(partial(_draw_identity, importance, folder, counts), missing))
    return files


_heads: TrainingHeads  # of this process


def _load_heads(load: Callable[[], TrainingHeads]) -> None:
    global _heads  # a worker process has no other place to keep what its initializer made
    _heads = load()


def _draw_identity(importance: Array, folder: Path, counts: SampleCounts, index: int) -> None:
    heads = _heads
    generator = np.random.default_rng([index, 1])
    code = identity_code(index)
    canonical = heads.canonical(code, heads.calibrate(code))
    points, distances = [], []
    for channel, part in enumerate(PARTS):
        count = counts.skin if part == "skin" else counts.small_part
        near = _near_surface(canonical, heads.triangles_of[part], importance, count, generator)
        values = np.full((count, len(PARTS)), np.nan)
        values[:, channel] = _signed_distance(near, canonical, heads.triangles_of[part])
        points.append(near)
        distances.append(values)
    low, high = np.array(BOX)
    empty = generator.uniform(low, high, (counts.empty, 3))
    points.append(empty)
    distances.append(np.stack([_signed_distance(empty, canonical, heads.triangles_of[part]) for part in PARTS], axis=1))
    inside = np.concatenate(points)
    within = np.all((inside > low - 0.01) & (inside < high + 0.01), axis=1)
    arrays = {
        "code": code.astype(np.float32),
        "points": inside[within].astype(np.float32),
        "distances": np.concatenate(distances)[within].astype(np.float32),
    }
    partial_file = folder / f"identity-{index:04d}.partial"
    save_file(arrays, partial_file)
    partial_file.rename(partial_file.with_suffix(".safetensors"))


def load_samples(file: Path) -> dict[str, NDArray[np.float32]]:
    """The arrays of one identity's samples, as ``draw_samples`` describes them."""
    arrays: dict[str, NDArray[np.float32]] = load_file(file)
    return arrays


def _near_surface(
    vertices: Array, triangles: NDArray[np.int64], importance: Array, count: int, generator: np.random.Generator
) -> Array:
    corners = vertices[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    # Small triangles sit where the scan has detail: the square root gives them more than their area's share.
    chance = np.sqrt(area) * np.sqrt(importance[triangles].mean(axis=1) + 1e-12)
    chance[corners[:, :, 1].max(axis=1) < BOX[0][1]] = 0.0
    chosen = generator.choice(len(triangles), count, p=chance / chance.sum())
    mix = generator.dirichlet(np.ones(3), count)
    surface = (corners[chosen] * mix[:, :, None]).sum(axis=1)
    spread = generator.choice(NEAR_SPREADS, (count, 1), p=(0.6, 0.4))
    return np.asarray(surface + spread * generator.standard_normal((count, 3)))


def _signed_distance(points: Array, vertices: Array, triangles: NDArray[np.int64]) -> Array:
    sign = igl.SIGNED_DISTANCE_TYPE_FAST_WINDING_NUMBER
    return np.asarray(igl.signed_distance(points, vertices, triangles, sign_type=sign)[0])
