"""Fit the articulation model to tracked lips: ``python -m training.calibration --data GRID_S1``.

Aligns the recorded sentences to phones, fits what `training.postures` reads from ``articulation_table.json`` by
gradient descent through the dominance model, and reports, on sentences held out, how well the curves before and after
correlate with the tracked ones. ``--report-only`` fits nothing.
"""

import argparse
import json
import logging
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetalk.errors import UserError
from facetalk.output_file import written_whole
from training.aligned_recordings import AlignedSentence, load_sentences
from training.calibration_picture import draw_sentences
from training.calibration_report import print_report
from training.coarticulation import shares
from training.fit_recordings import HELD_OUT
from training.postures import (
    CHANNELS,
    FEATURES,
    PARAMETERS,
    TABLE,
    Channel,
    feature_matrix,
    lips_like,
    prepared,
    read_table,
    vowel_loudness,
)

log = logging.getLogger(__name__)

STEPS = 500
PICTURED = 3  # sentences
BATCH = 192
LEARNING_RATE = 0.04
# Weights of squared deviations from the prior; targets count in standard deviations of their channel. Single phones
# must earn what sets them apart from their features.
FEATURE_PENALTY = (0.0005, 0.002, 0.01, 0.01)
PHONE_PENALTY = (0.004, 0.02, 0.05, 0.05)
PRIOR_REACH = 0.06  # seconds
ROBUST = 1.5  # standard deviations: beyond, an error is the tracker's or a slip of the tongue
# Head pose that tracking left in a sentence shifts width and chin as a whole, and the lips hardly.
IGNORED_OFFSET = {"lip_height": 0.3, "mouth_width": 0.7, "chin_drop": 0.7}
ATTRIBUTION = (
    "fitted to speaker s1 of the GRID audiovisual sentence corpus, M. Cooke, J. Barker, S. Cunningham, X. Shao, "
    "J. Acoust. Soc. Am. 120, 2006, https://doi.org/10.5281/zenodo.3625687, CC BY 4.0"
)


@dataclass(frozen=True)
class Batch:
    """Sentences as tensors: phones ``[N, P]``, padded with phones that are never heard, and curves ``[N, T, C]``."""

    start: Tensor
    end: Tensor
    vocabulary: Tensor
    loudness: Tensor
    spoken: Tensor
    tracked: Tensor
    times: Tensor

    @classmethod
    def of(cls, sentences: Sequence[AlignedSentence], vocabulary: Sequence[str]) -> Self:
        """Lay sentences of one length side by side."""
        spoken_by = [prepared(sentence.phones) for sentence in sentences]
        longest = max(map(len, spoken_by))
        columns = np.zeros((5, len(sentences), longest))
        for row, phones in enumerate(spoken_by):
            for place, phone in enumerate(phones):
                heard = vowel_loudness(phone)
                columns[:, row, place] = phone.start, phone.end, vocabulary.index(lips_like(phone.name)), heard, 1.0
        start, end, name, loudness, spoken = torch.tensor(columns, dtype=torch.float32)
        tracked = torch.tensor(np.stack([sentence.tracked for sentence in sentences]), dtype=torch.float32)
        times = torch.arange(tracked.shape[1]) / sentences[0].fps
        return cls(start, end, name.long(), loudness, spoken > 0, tracked, times)

    def rows(self, chosen: Tensor) -> "Batch":
        """Some of the sentences."""
        columns = (self.start, self.end, self.vocabulary, self.loudness, self.spoken, self.tracked)
        start, end, vocabulary, loudness, spoken, tracked = (column[chosen] for column in columns)
        return Batch(start, end, vocabulary, loudness, spoken, tracked, self.times)


class ChannelFit(torch.nn.Module):
    """One channel's table as parameters."""

    def __init__(self, vocabulary: Sequence[str], scale: float) -> None:
        super().__init__()
        self._vocabulary, self._scale = vocabulary, scale
        self._described = feature_matrix(vocabulary).float()
        self._prior = torch.tensor([0.0, 0.0, np.log(PRIOR_REACH), np.log(PRIOR_REACH)], dtype=torch.float32)
        self.features = torch.nn.Parameter(torch.zeros(len(FEATURES), len(PARAMETERS)))
        self.phones = torch.nn.Parameter(torch.zeros(len(vocabulary), len(PARAMETERS)))
        self.exponent = torch.nn.Parameter(torch.tensor(2.0))
        self.lead = torch.nn.Parameter(torch.tensor(0.0))
        self.loudness_gain = torch.nn.Parameter(torch.tensor(0.01))

    def forward(self, batch: Batch) -> Tensor:
        """Curves ``[N, T]`` in standard deviations."""
        table = self._described @ self.features + self.phones + self._prior
        target, strength, ahead, after = table[batch.vocabulary].unbind(-1)
        strength = strength.masked_fill(~batch.spoken, -torch.inf)
        share = shares(
            batch.times + self.lead,
            batch.start,
            batch.end,
            strength,
            ahead.exp(),
            after.exp(),
            self.exponent.clamp(1.0, 3.0),
        )
        return (share * (target * (1.0 + self.loudness_gain * batch.loudness))[:, None]).sum(-1)

    def penalty(self) -> Tensor:
        """How far the table is from knowing nothing."""
        features = self.features**2 @ torch.tensor(FEATURE_PENALTY)
        phones = self.phones**2 @ torch.tensor(PHONE_PENALTY)
        return features.mean() + phones.mean()

    def channel(self) -> Channel:
        """The table in the units of the face; the reach that every phone begins with is part of its kind."""
        scale = np.array([self._scale, 1.0, 1.0, 1.0])
        features = self.features.detach().numpy().astype(float)
        kinds = [FEATURES.index(kind) for kind in ("pause", "ready", "vowel", *PLACES)]
        features[kinds] += self._prior.numpy()
        rows = {name: _rounded(row * scale) for name, row in zip(FEATURES, features, strict=True)}
        own = self.phones.detach().numpy().astype(float)
        phones = {name: _rounded(row * scale) for name, row in zip(self._vocabulary, own, strict=True)}
        return Channel(
            round(self.exponent.clamp(1.0, 3.0).item(), 3),
            round(self.lead.item(), 4),
            round(self.loudness_gain.item(), 4),
            rows,
            phones,
        )


# Every phone is one of these, a vowel, a pause or the end of one.
PLACES = ("bilabial", "labiodental", "dental", "alveolar", "postalveolar", "dorsal", "glottal")


def fit(sentences: Sequence[AlignedSentence], steps: int, seed: int) -> dict[str, Channel]:
    """Fit every channel's table to the tracked curves of ``sentences``, which are of one length."""
    vocabulary = sorted({lips_like(phone.name) for sentence in sentences for phone in prepared(sentence.phones)})
    batch = Batch.of(sentences, vocabulary)
    generator = torch.Generator().manual_seed(seed)
    return {
        name: _fit_channel(batch, place, vocabulary, steps, IGNORED_OFFSET[name], generator)
        for place, name in enumerate(CHANNELS)
    }


def _fit_channel(
    batch: Batch, place: int, vocabulary: Sequence[str], steps: int, ignored: float, generator: torch.Generator
) -> Channel:
    tracked = batch.tracked[..., place]
    scale = float((tracked - tracked.mean(dim=1, keepdim=True)).std())
    model = ChannelFit(vocabulary, scale)
    optimiser = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for step in range(steps):
        chosen = torch.randperm(len(tracked), generator=generator)[:BATCH]
        error = model(batch.rows(chosen)) - tracked[chosen] / scale
        error = error - ignored * error.mean(dim=1, keepdim=True)
        misfit = torch.nn.functional.huber_loss(error, torch.zeros_like(error), delta=ROBUST)
        optimiser.zero_grad()
        (misfit + model.penalty()).backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            log.info("%s, step %d: misfit %.3f", CHANNELS[place], step, misfit.item())
    return model.channel()


def write_table(path: Path, channels: dict[str, Channel], sentences: int) -> None:
    """Write a table that `training.postures.calibrated` reads."""
    content: dict[str, Any] = {
        "source": ATTRIBUTION,
        "command": "python -m training.calibration --data GRID_S1",
        "sentences": sentences,
        "unit": "distance of the outer eye corners; seconds",
        "parameters": PARAMETERS,
        "channels": {name: channel._asdict() for name, channel in channels.items()},
    }
    text = json.dumps(content, indent=1, ensure_ascii=False)
    with written_whole(path) as staged:
        staged.write_text(_short_lists(text) + "\n", encoding="utf-8")


def _short_lists(text: str) -> str:
    """Lists of numbers on one line each."""
    return re.sub(r"\[\s+([^\[\]]*?)\s+\]", lambda found: "[" + " ".join(found[1].split()) + "]", text)


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 4) for value in values]


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.calibration", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the tracked recordings")
    parser.add_argument("--table", type=Path, default=TABLE, help="the table to improve (default: the one in use)")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of gradient descent (default {STEPS})")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the sentences")
    parser.add_argument("--picture", type=Path, help="a .png of some held-out sentences, their sound and curves")
    parser.add_argument("--report-only", action="store_true", help="judge the table as it is")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        sentences = load_sentences(options.data)
        held_out, training = sentences[-HELD_OUT:], sentences[:-HELD_OUT]
        before = read_table(options.table) if options.table.exists() else None
        if not options.report_only:
            write_table(options.table, fit(training, options.steps, options.seed), len(training))
        after = read_table(options.table)
        print_report(held_out, before, after)
        if options.picture:
            draw_sentences(options.picture, held_out[:: len(held_out) // PICTURED][:PICTURED], after)
    except UserError as error:
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
