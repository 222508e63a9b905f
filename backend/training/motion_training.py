"""One run of training the motion model: networks, phases, losses, optimiser."""

import math
from enum import Enum

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from facetalk.motion.denoiser import MotionDenoiser
from facetalk.motion.lip_gestures import GESTURES
from facetalk.motion.schedule import LAST_TIME, add_noise
from facetalk.motion.style import AMPLITUDES, CONDITIONS, leave_out
from facetalk.motion.takes import MotionModel
from training.data_parallel import Ranks
from training.lip_gesture_loss import gesture_loss, true_gestures
from training.motion_corpus import Batch, CodeSpace, CorpusStatistics, MotionCorpus, TrainingFrames, common_speech
from training.motion_evaluation import generate_curves, held_out_lines, scores
from training.motion_loss import motion_loss
from training.motion_recipe import MotionRecipe
from training.rig import RIG_CONTROLS
from training.spread_restoration import restore

SETTLING_BATCHES = 40  # that the spread of the expectation is measured on


class Phase(Enum):
    """What is being learned; what was learned before holds still."""

    GESTURES = "gestures"
    EXPECTATION = "expectation"
    DECODER = "decoder"


class MotionTraining:
    """One run: network, optimiser, moving average, and the data they are fed from.

    Attributes:
        ranks: the processes that it runs on.
        speech: the features that the network hears.
        step: optimiser steps taken.
        seconds: of wall clock spent, over all resumptions.
        before: steps and seconds of the runs whose weights this one began with, the first of all first.
    """

    def __init__(
        self,
        corpora: list[MotionCorpus],
        space: CodeSpace,
        recipe: MotionRecipe,
        ranks: Ranks,
        precision: torch.dtype,
    ) -> None:
        self.corpora, self.space, self.recipe, self.settings = corpora, space, recipe, recipe.training
        self.ranks, self.device, self.precision = ranks, ranks.device, precision
        self.frames = TrainingFrames(corpora, space, self.settings.shares, self.settings.language_power)
        self.speech = common_speech(corpora)
        config = recipe.denoiser_config(space.rig_to_code.shape[1], self.speech.size)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)  # torch's initialisers take no generator
            self.network = MotionDenoiser(config).to(self.device)
        self.averaged = MotionDenoiser(config).to(self.device)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(),
            lr=self.settings.peak_rate,
            betas=(0.9, 0.98),
            weight_decay=self.settings.weight_decay,
        )
        self.step, self.seconds = 0, 0.0
        self.before: list[dict[str, float]] = []

    @property
    def phase(self) -> Phase:
        """What the next step learns."""
        return self._stage()[0]

    @property
    def decoder_steps(self) -> int:
        """Steps that the decoder has taken."""
        phase, taken, _ = self._stage()
        return taken if phase is Phase.DECODER else 0

    def _stage(self) -> tuple[Phase, int, int | None]:
        """The phase, the steps that were taken in it, and all that it has; the last ends by the clock."""
        network, settings = self.network, self.settings
        gestures = settings.gesture_steps if network.gestures is not None else 0
        expectation = settings.expectation_steps if network.expectation is not None else 0
        if self.step < gestures:
            return Phase.GESTURES, self.step, gestures
        if self.step < gestures + expectation:
            return Phase.EXPECTATION, self.step - gestures, expectation
        return Phase.DECODER, self.step - gestures - expectation, None

    def start(self) -> None:
        """Begin from scratch: measure the data and set the network's normalisation."""
        self.statistics = _to(self.device, self.frames.statistics())
        ears = [self.network.audio, *([] if self.network.gestures is None else [self.network.gestures.audio])]
        for audio in ears:
            audio.mean.copy_(self.statistics.feature_mean)
            audio.deviation.copy_(self.statistics.feature_deviation)
        self.averaged.load_state_dict(self.network.state_dict())

    def take_step(self) -> float:
        """One optimiser step; returns the loss of this rank's crops."""
        budget = 60 * self.settings.minutes
        phase, taken, steps = self._stage()
        spent = self.seconds / budget if steps is None else taken / steps
        rate = self.settings.peak_rate * learning_rate(self.settings.warm_up, spent)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        # Every step of every rank has its own generators, so that a resumed run draws what an unbroken one would have.
        draw = np.random.default_rng([self.settings.seed, self.step, self.ranks.own])
        batch = self.frames.draw(self.settings.batch, self.settings.window, draw, evened=phase is Phase.GESTURES)
        self.network.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision is torch.bfloat16):
            loss = self.loss(batch, torch.Generator().manual_seed(int(draw.integers(2**31))))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.ranks.average_gradients(self.network.parameters())
        clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self._update_average(taken)
        if self.phase is not phase:
            self._settle(phase)
        return loss.item()

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """The loss of one batch; noise, times and augmentation are drawn from ``generator``, on the CPU."""
        settings, statistics, phase = self.settings, self.statistics, self.phase
        if phase is Phase.GESTURES:
            return self._gesture_loss(batch, generator)
        size, frames = batch.present.shape
        factor = torch.empty(size, 1, 1).uniform_(*settings.scale, generator=generator)
        codes = (batch.codes * factor).to(self.device)
        clean = (codes - statistics.code_mean) / statistics.code_deviation
        present = batch.present.to(self.device)
        style = self._style(batch.styles, factor[:, 0], generator).to(self.device)
        with torch.set_grad_enabled(phase is Phase.EXPECTATION or self.network.expectation is None):
            heard, gestures = self._hear(batch.features, generator)
            expected = self.network.expect(heard, style, gestures)
        if phase is Phase.EXPECTATION and expected is not None:
            return self._error(expected.float() - clean, present)
        known = draw_known(size, frames, settings.known_share, generator).to(self.device)
        level = LAST_TIME * torch.rand(size, 1, generator=generator)
        level = level.expand(size, frames).to(self.device).masked_fill(known, 0.0)
        noise = torch.randn(clean.shape, generator=generator).to(self.device)
        noisy = torch.where(known[..., None], clean, add_noise(clean, noise, level))
        answer = self.network(noisy, level, heard, expected, style, present).float()
        return self._error(answer - clean, present, known)

    def _gesture_loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        assert self.network.gestures is not None  # else there were no such phase
        heard = self._blurred(batch.features, self.settings.gesture_noise, generator)
        return gesture_loss(self.network.gestures(heard), batch.codes, batch.present.to(self.device), self.space)

    def _style(self, styles: Tensor, factor: Tensor, generator: torch.Generator) -> Tensor:
        """Styles of codes that were multiplied by a factor ``[B, 1]``, some of their conditions left out."""
        size = len(styles)
        amplitudes = slice(len(CONDITIONS), len(CONDITIONS) + len(AMPLITUDES))
        styles = styles.clone()
        styles[:, amplitudes] += styles[:, : len(AMPLITUDES)] * factor.log()
        return leave_out(styles, torch.rand(size, len(CONDITIONS), generator=generator) < self.settings.style_dropout)

    def _hear(self, features: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """What is heard ``[B, T, W]``, and what lips do ``[B, T, G]``; nothing of either in some crops."""
        settings, network = self.settings, self.network
        heard: Tensor = network.audio(self._blurred(features, settings.feature_noise, generator))
        deaf = (torch.rand(len(features), 1, 1, generator=generator) < settings.audio_dropout).to(self.device)
        if network.gestures is None:
            return torch.where(deaf, network.audio.silence(heard), heard), None
        with torch.no_grad():
            gestures = network.hear_gestures(self._blurred(features, settings.gesture_noise, generator))
        assert gestures is not None
        return torch.where(deaf, network.audio.silence(heard), heard), gestures.masked_fill(deaf, 0.0)

    def _blurred(self, features: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
        """Features with noise, in deviations, and with some channels of a crop at their mean."""
        size, _, channels = features.shape
        statistics, features = self.statistics, features.to(self.device)
        noise = torch.randn(features.shape, generator=generator).to(self.device)
        features = features + deviation * statistics.feature_deviation * noise
        lost = torch.rand(size, 1, channels, generator=generator) < self.settings.feature_dropout
        return torch.where(lost.to(self.device), statistics.feature_mean, features)

    def _error(self, error: Tensor, present: Tensor, known: Tensor | None = None) -> Tensor:
        return motion_loss(error, present, known, self.settings, self.statistics, self.space)

    @torch.no_grad()
    def _settle(self, phase: Phase) -> None:
        """End a phase: what it taught holds still from now on, as the moving average has it."""
        if phase is Phase.EXPECTATION:
            self._restore_spread()
        for part in ("gestures",) if phase is Phase.GESTURES else ("audio", "expectation"):
            getattr(self.network, part).load_state_dict(getattr(self.averaged, part).state_dict())

    def _restore_spread(self) -> None:
        """What the decoder is to correct is the average's expectation, with its spread restored."""
        settings, averaged = self.settings, self.averaged
        assert averaged.expectation is not None  # else there were no such phase
        bite = 1 + GESTURES.index("bitten")
        regressed, bitten, true, biting = [], [], [], []
        for number in range(SETTLING_BATCHES):
            draw = np.random.default_rng([settings.seed, number, SETTLING_BATCHES])  # the same on all ranks
            batch = self.frames.draw(settings.batch, settings.window, draw)
            features, present = batch.features.to(self.device), batch.present.to(self.device)
            heard, style = averaged.audio(features), batch.styles.to(self.device)
            regressed.append(averaged.expectation(heard, style, averaged.hear_gestures(features))[present])
            codes = (batch.codes.to(self.device) - self.statistics.code_mean) / self.statistics.code_deviation
            true.append(codes[present])
            if averaged.gestures is not None:
                bitten.append(averaged.expectation.answer(heard, style)[present][:, bite])
                biting.append(true_gestures(batch.codes, self.space)[..., bite - 1].to(self.device)[present])
        aim, most = torch.cat(true), settings.most_gain
        if averaged.gestures is None:
            restore(averaged.expectation, [0], torch.cat(regressed), aim, torch.ones_like(aim[:, 0]), most)
            return
        # A bite is as deep as teeth allow: what the rest gains would drive the lip through them.
        share, others = torch.cat(biting), [each for each in range(averaged.expectation.answers) if each != bite]
        restore(averaged.expectation, others, torch.cat(regressed), aim, 1.0 - share, most)
        restore(averaged.expectation, [bite], torch.cat(bitten), aim, share, most)

    @torch.no_grad()
    def _update_average(self, taken: int) -> None:
        decay = min(self.settings.average, (2 + taken) / (11 + taken))  # of few steps there is little to average
        for kept, current in zip(self.averaged.parameters(), self.network.parameters(), strict=True):
            kept.lerp_(current, 1 - decay)

    def model(self) -> MotionModel:
        """The moving average as a model that samples takes."""
        mean, deviation = self.statistics.code_mean, self.statistics.code_deviation
        settings = self.recipe.sampling
        return MotionModel(self.averaged, mean, deviation, RIG_CONTROLS, self.space.rig_to_code, settings, self.speech)

    def evaluate(self) -> dict[str, float]:
        """Scores on held-out utterances; empty where the corpora hold none out."""
        lines = held_out_lines(self.corpora, self.settings.evaluation_lines)
        curves = generate_curves(self.model(), self.space, lines)
        return scores(curves, self.space, self.speech.rate) if lines else {}


def learning_rate(warm_up: float, spent: float) -> float:
    """Share of the peak rate when ``spent`` of a phase is over: a linear rise, then a cosine down to a hundredth."""
    spent = min(spent, 1.0)
    return min(spent / warm_up + 0.01, 1.0) * (0.01 + 0.99 * (1 + math.cos(math.pi * spent)) / 2)


def draw_known(size: int, frames: int, share: float, generator: torch.Generator) -> Tensor:
    """Which frames each crop sees clean, ``[size, frames]`` bool.

    A ``share`` of the crops knows something: most a start (as windows of a long take do), some both ends (a
    range edit) or a few single frames (key poses).
    """
    place = torch.arange(frames)
    kind = torch.rand(size, 1, generator=generator) / share if share else torch.ones(size, 1)
    start = torch.rand(size, 1, generator=generator) * min(50, frames // 2)
    end = frames - torch.rand(size, 1, generator=generator) * min(50, frames // 2)
    keys = torch.rand(size, frames, generator=generator) < 0.02
    begun, ended = place < start, place >= end
    known = torch.where(kind < 0.6, begun, torch.where(kind < 0.85, begun | ended, keys))
    return known & (kind < 1.0)


def _to(device: torch.device, statistics: CorpusStatistics) -> CorpusStatistics:
    return CorpusStatistics(*(each.to(device) for each in vars(statistics).values()))
