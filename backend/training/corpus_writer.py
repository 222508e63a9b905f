"""Writes a corpus of recorded faces: lines of sound and rig weights become what motion training maps into memory."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facetalk.capture.performance import RATE
from facetalk.errors import UserError
from training.corpus_assembly import FORMAT
from training.feature_layer import Encoder
from training.resampling import at_rate
from training.rig import RIG_CONTROLS

log = logging.getLogger(__name__)


class Recorded(NamedTuple):
    """A recorded line: sound ``[S]``, rig weights ``[T, R]`` at 50 Hz from its start, what the manifest says of it."""

    samples: NDArray[np.float32]
    weights: NDArray[np.float64]
    entry: dict[str, Any]


def require_new(output: Path) -> None:
    """Raise a `UserError` where a folder already holds a corpus."""
    if (output / "manifest.json").exists():
        raise UserError(f"{output} already holds a corpus: delete it or choose another folder.")


def write_corpus(output: Path, lines: Iterator[Recorded], encoder: Encoder, sources: Sequence[str]) -> None:
    """Encode the lines and write the corpus folder, the manifest last; holds the corpus in memory.

    Raises:
        UserError: there is no line.
    """
    features, weights, entries, start = [], [], [], 0
    for line in lines:
        heard = encoder.encode(line.samples).cpu().numpy().astype(np.float16)
        features.append(heard)
        weights.append(at_rate(line.weights, RATE, encoder.kind.rate, len(heard)).astype(np.float16))
        entries.append({**line.entry, "start": start, "frames": len(heard)})
        start += len(heard)
        if len(entries) % 50 == 0:
            log.info("%d lines, %.1f minutes", len(entries), start / encoder.kind.rate / 60)
    if not entries:
        raise UserError("The corpus would be empty: give recordings with a face in them.")
    output.mkdir(parents=True, exist_ok=True)
    np.save(output / "features.npy", np.concatenate(features))
    np.save(output / "rig_weights.npy", np.concatenate(weights))
    manifest = {
        "format": FORMAT,
        "controls": list(RIG_CONTROLS),
        "speech": asdict(encoder.kind),
        "sources": list(sources),
        "utterances": entries,
    }
    partial = output / "manifest.partial"
    partial.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    partial.replace(output / "manifest.json")
