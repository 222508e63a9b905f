"""The denoiser: a transformer decoder that predicts the clean motion behind a noisy one from speech.

After FaceTalk (Aneja et al., 2024): the whole window at once, FiLM conditioning on the diffusion time around
every sublayer, cross-attention to speech through a diagonal alignment mask, speech replaced by a learned null
for classifier-free guidance. Three things differ: every frame has its own diffusion time, so that known frames
can be given clean; positions are rotary, so that a window may have any length; and what the speech alone says of
the motion is regressed (`Expectation`), so that the decoder has only to find what differs between takes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from facetalk.motion.audio_encoder import AudioEncoder
from facetalk.motion.expectation import Expectation
from facetalk.motion.lip_gestures import LipGestures

ROTARY_BASE = 1000.0  # frames; well above the longest window
TIME_SCALE = 1000.0  # spreads the diffusion time 0..1 over the sinusoids' periods


@dataclass(frozen=True)
class DenoiserConfig:
    """Sizes of a ``MotionDenoiser``; they go into the bundle.

    Attributes:
        code_size: E, numbers in an expression code.
        feature_size: D, numbers in a speech feature.
        width: of the hidden state; a multiple of ``2 * heads``.
        layers: decoder layers.
        heads: attention heads.
        alignment_half_width: frame i hears speech of the frames i - this .. i + this (the paper: 0).
        audio_kernel: frames that each of the convolutions of audio encoder and expectation spans; odd.
        time_width: of the diffusion time's embedding.
        style_size: numbers in a style vector; 0 for a network that knows no styles.
        expects: whether the decoder corrects an expectation; without, it predicts all of the motion (the paper).
        gesture_width: of the network that hears what lips do, which the expectation is told; 0: there is none.
        causal: whether a frame sees no later one of the motion (the paper's look-ahead mask).
    """

    code_size: int
    feature_size: int
    width: int = 192
    layers: int = 4
    heads: int = 4
    alignment_half_width: int = 3
    audio_kernel: int = 5
    time_width: int = 96
    style_size: int = 0
    expects: bool = False
    gesture_width: int = 0
    causal: bool = False


class MotionDenoiser(nn.Module):
    """Noisy codes ``[B, T, E]``, times ``[B, T]``, heard speech ``[B, T, W]`` -> clean codes ``[B, T, E]``.

    Codes are normalised to about unit variance.
    """

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config = config
        told = config.expects and config.gesture_width > 0
        self.audio = AudioEncoder(config.feature_size, config.width, config.audio_kernel)
        self.time = TimeEmbedding(config.time_width)
        self.style = nn.Linear(config.style_size, config.time_width, bias=False) if config.style_size else None
        self.gestures = LipGestures(config.feature_size, config.gesture_width, config.audio_kernel) if told else None
        self.expectation = (
            Expectation(config.code_size, config.width, config.audio_kernel, config.style_size, told)
            if config.expects
            else None
        )
        self.enter = nn.Linear(config.code_size, config.width)
        self.enter_expected = nn.Linear(config.code_size, config.width, bias=False) if config.expects else None
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))
        leave = nn.Linear(config.width, config.code_size)
        self.leave = nn.Sequential(nn.LayerNorm(config.width), leave)
        if config.expects:  # takes begin as the expectation
            nn.init.zeros_(leave.weight)
            nn.init.zeros_(leave.bias)

    def hear_gestures(self, features: Tensor) -> Tensor | None:
        """How likely lips do each of `GESTURES` ``[B, T, G]`` in features ``[B, T, D]``; ``None``: it cannot tell."""
        return None if self.gestures is None else self.gestures.likelihood(features)

    def expect(self, heard: Tensor, style: Tensor | None = None, gestures: Tensor | None = None) -> Tensor | None:
        """The codes ``[B, T, E]`` that what is heard ``[B, T, W]`` has on average; ``None`` if the network has none.

        It depends on neither noise nor time: done once per window, not once per step. ``gestures`` ``[B, T, G]`` are
        what `hear_gestures` gives; ``None``: none.
        """
        return None if self.expectation is None else self.expectation(heard, style, gestures)

    def forward(
        self,
        noisy: Tensor,
        time: Tensor,
        heard: Tensor,
        expected: Tensor | None = None,
        style: Tensor | None = None,
        present: Tensor | None = None,
    ) -> Tensor:
        """Predict the clean codes.

        Args:
            noisy: ``[B, T, E]``.
            time: ``[B, T]``, in [0, 1]; 0 marks a frame that is clean.
            heard: ``[B, T, W]`` from ``audio`` or ``audio.silence``.
            expected: ``[B, T, E]`` from ``expect``.
            style: ``[B, style_size]``, or ``[1, style_size]`` for all; ``None`` where the network knows no styles.
            present: ``[B, T]`` bool, false where a shorter motion is padded; ``None``: all frames count.
        """
        frames = noisy.shape[1]
        # Few times are distinct (one per motion, and 0 for known frames): embed each once, then hand out.
        distinct, place = torch.unique(time, return_inverse=True)
        manner = None if self.style is None or style is None else self.style(style)
        moment = Moment(self.time(distinct), place, manner)
        rotation = rotary_angles(frames, self.config.width // self.config.heads, noisy.device)
        alignment = alignment_mask(frames, self.config.alignment_half_width, noisy.device)
        attended = None if present is None else present[:, None, None, :]
        if self.config.causal:
            past = look_ahead_mask(frames, noisy.device)
            attended = past if attended is None else past & attended
        hidden = self.enter(noisy)
        if self.enter_expected is not None:
            hidden = hidden + self.enter_expected(expected)
        for layer in self.layers:
            hidden = layer(hidden, moment, heard, rotation, alignment, attended)
        answer: Tensor = self.leave(hidden)
        return answer if expected is None else expected + answer


@dataclass(frozen=True)
class Moment:
    """What rules a step: the diffusion time of every frame, and the style of every motion.

    Attributes:
        embedding: of the distinct times ``[K, time_width]``.
        place: of every frame among them ``[B, T]``.
        manner: the style's embedding ``[B, time_width]``, or one for all, or none.
    """

    embedding: Tensor
    place: Tensor
    manner: Tensor | None


class TimeEmbedding(nn.Module):
    """Diffusion times ``[K]`` -> ``[K, time_width]``: sinusoids and a small network."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.network = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())

    def forward(self, time: Tensor) -> Tensor:
        """Embed times in [0, 1]."""
        steps = torch.arange(self.width // 2, device=time.device, dtype=torch.float32)
        frequency = TIME_SCALE ** (-steps / (self.width // 2))
        angle = TIME_SCALE * time[:, None].float() * frequency
        return self.network(torch.cat([angle.cos(), angle.sin()], dim=-1))


class FilmNorm(nn.Module):
    """Layer norm whose scale and shift come from diffusion time and style (Perez et al., "FiLM", 2018)."""

    def __init__(self, width: int, time_width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.film = nn.Linear(time_width, 2 * width)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, hidden: Tensor, moment: Moment) -> Tensor:
        """Normalise ``[B, T, W]`` and modulate every frame for its time and style."""
        film = self.film(moment.embedding)[moment.place]
        if moment.manner is not None:
            film = film + functional.linear(moment.manner, self.film.weight)[:, None]
        scale, shift = film.chunk(2, dim=-1)
        return torch.addcmul(shift, self.norm(hidden), 1 + scale)


class Attention(nn.Module):
    """Multi-head attention with rotary positions (Su et al., "RoFormer", 2021)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.leave = nn.Linear(width, width)

    def forward(self, hidden: Tensor, source: Tensor, rotation: Tensor, mask: Tensor | None) -> Tensor:
        """Attend from ``hidden`` to ``source``, both ``[B, T, W]``, where ``mask`` (``[T, T]``) is true."""
        key, value = self.key_value(source).chunk(2, dim=-1)
        heads = [self._split(each) for each in (self.query(hidden), key, value)]
        query, key = rotate(heads[0], rotation), rotate(heads[1], rotation)
        mixed = functional.scaled_dot_product_attention(query, key, heads[2], attn_mask=mask)
        return self.leave(mixed.transpose(1, 2).flatten(2))

    def _split(self, hidden: Tensor) -> Tensor:
        return hidden.view(*hidden.shape[:2], self.heads, -1).transpose(1, 2)


class DecoderLayer(nn.Module):
    """Self-attention over the window, cross-attention to speech, feed-forward; each behind its own FiLM."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        width = config.width
        self.self_norm = FilmNorm(width, config.time_width)
        self.self_attention = Attention(width, config.heads)
        self.cross_norm = FilmNorm(width, config.time_width)
        self.cross_attention = Attention(width, config.heads)
        self.feed_norm = FilmNorm(width, config.time_width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(
        self,
        hidden: Tensor,
        moment: Moment,
        heard: Tensor,
        rotation: Tensor,
        alignment: Tensor,
        attended: Tensor | None,
    ) -> Tensor:
        """One layer on ``[B, T, W]``; ``alignment`` ``[T, T]`` masks speech, ``attended`` padding and the future."""
        normed = self.self_norm(hidden, moment)
        hidden = hidden + self.self_attention(normed, normed, rotation, attended)
        hidden = hidden + self.cross_attention(self.cross_norm(hidden, moment), heard, rotation, alignment)
        return hidden + self.feed_forward(self.feed_norm(hidden, moment))


def alignment_mask(frames: int, half_width: int, device: torch.device) -> Tensor:
    """``[T, T]`` bool: true where motion frame (row) may hear speech frame (column)."""
    frame = torch.arange(frames, device=device)
    return (frame[:, None] - frame[None, :]).abs() <= half_width


def look_ahead_mask(frames: int, device: torch.device) -> Tensor:
    """``[T, T]`` bool: true where a frame (row) may see another (column): itself, and those before."""
    return torch.ones(frames, frames, dtype=torch.bool, device=device).tril()


def rotary_angles(frames: int, head_width: int, device: torch.device) -> Tensor:
    """``[2, T, head_width]``: cosine and sine of the angle by which each frame's pairs of channels turn."""
    pair = torch.arange(head_width // 2, device=device, dtype=torch.float32)
    turn = torch.outer(
        torch.arange(frames, device=device, dtype=torch.float32), ROTARY_BASE ** (-2 * pair / head_width)
    )
    turn = turn.repeat(1, 2)
    return torch.stack([turn.cos(), turn.sin()])


def rotate(channels: Tensor, rotation: Tensor) -> Tensor:
    """Turn ``[B, H, T, head_width]`` by ``rotary_angles``, so that products depend on distances alone."""
    first, second = channels.chunk(2, dim=-1)
    turned = torch.cat([-second, first], dim=-1)
    same_kind = rotation.to(channels.dtype)
    return torch.addcmul(channels * same_kind[0], turned, same_kind[1])
