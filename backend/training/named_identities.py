"""The named identities: ``python -m training.named_identities --head BUNDLE --output presets/identities``.

The first modes of the scans are read by eye: mode 0 goes from a large, heavy head to a small, slight one, mode 1 from a
long, narrow face to a round one, mode 2 from full lips and a broad nose to thin lips and a long nose (and to age),
mode 3 from a slim neck to a stout one, mode 4 from high cheekbones and narrow eyes to deep-set ones. A named identity
sets these and leaves the others to a seed, so that no two share a feature.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch

from facetalk.bundle import read_bundle
from facetalk.head.head import sample_shape_code
from facetalk.head.identity_preset import Color, IdentityPreset, write_identity

REST = 0.75  # of the drawn weights of the modes that are not set

BLACK, BROWN, AUBURN = (0.012, 0.010, 0.010), (0.060, 0.033, 0.018), (0.140, 0.045, 0.018)
BLOND, GREY, WHITE = (0.360, 0.215, 0.095), (0.260, 0.250, 0.240), (0.560, 0.550, 0.530)
PALE, LIGHT, OLIVE = (0.640, 0.405, 0.315), (0.545, 0.325, 0.235), (0.430, 0.240, 0.155)
TAN, DARK, DEEP = (0.310, 0.155, 0.092), (0.155, 0.071, 0.041), (0.085, 0.037, 0.022)
DARK_EYES, HAZEL, BLUE, GREEN = (
    (0.050, 0.025, 0.013),
    (0.150, 0.095, 0.040),
    (0.100, 0.190, 0.280),
    (0.110, 0.170, 0.100),
)


@dataclass(frozen=True)
class NamedIdentity:
    """What makes a named identity: its leading modes, a seed for the others, hair, colours, and a line for people."""

    modes: tuple[float, ...]
    seed: int
    hair: str | None
    colors: tuple[Color, Color, Color]
    description: str


IDENTITIES = {
    "amara": NamedIdentity(
        (0.9, 0.2, -1.7, 0.2), 41, "afro", (DEEP, BLACK, DARK_EYES), "Young woman, full lips, afro."
    ),
    "bela": NamedIdentity((-1.0, -0.8, 1.8, 0.9), 12, "swept_back", (LIGHT, WHITE, BLUE), "Old man, long nose, white."),
    "chiyo": NamedIdentity(
        (0.9, 1.2, -0.3, -0.4, -1.6), 23, "bob", (LIGHT, BLACK, DARK_EYES), "Woman, round face, bob."
    ),
    "dmitri": NamedIdentity((-2.0, 0.8, 0.4, 1.6), 34, "crop", (PALE, BROWN, BLUE), "Heavy man, stout neck, crop."),
    "elif": NamedIdentity(
        (0.8, -0.9, 0.3, -0.3, 0.5), 45, "long", (OLIVE, BROWN, HAZEL), "Woman, narrow face, long hair."
    ),
    "greta": NamedIdentity((0.7, 0.1, 1.7, 0.9), 56, "bun", (PALE, GREY, BLUE), "Old woman, thin lips, grey bun."),
    "hugo": NamedIdentity(
        (-0.6, -1.3, 0.7, -0.7, 0.8), 67, "side_part", (LIGHT, AUBURN, GREEN), "Slim man, side part."
    ),
    "ines": NamedIdentity((1.0, 0.4, -0.7, 0.3), 78, "curls", (TAN, BROWN, DARK_EYES), "Woman, soft features, curls."),
    "jonas": NamedIdentity((2.2, 0.8, -0.5, -0.9), 89, "crop", (PALE, BLOND, BLUE), "Boy, small head, blond crop."),
    "kofi": NamedIdentity((-1.3, 0.3, -1.9, 0.4), 90, None, (DARK, BLACK, DARK_EYES), "Large man, broad nose, bald."),
    "mei": NamedIdentity(
        (1.7, 0.9, -0.6, -0.6, -1.2), 17, "long", (LIGHT, BLACK, DARK_EYES), "Girl, slight, long hair."
    ),
    "rafael": NamedIdentity(
        (-1.2, 0.5, 0.5, 0.5, -0.9), 28, "curls", (OLIVE, BLACK, HAZEL), "Man, wide cheeks, curls."
    ),
}


def shape_code(identity: NamedIdentity, size: int) -> torch.Tensor:
    """The shape code ``[size]`` of a named identity."""
    code = REST * sample_shape_code(torch.Generator().manual_seed(identity.seed), size)
    code[: len(identity.modes)] = torch.tensor(identity.modes)
    return code


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Write the named identities.")
    parser.add_argument("--head", type=Path, default=Path("presets/heads/facetalk-head"))
    parser.add_argument("--output", type=Path, default=Path("presets/identities"))
    options = parser.parse_args(arguments)
    config = read_bundle(options.head, "head").config
    options.output.mkdir(parents=True, exist_ok=True)
    for name, identity in IDENTITIES.items():
        code = [*shape_code(identity, config["shape_size"]).tolist(), *([0.0] * len(config["hair_styles"]))]
        colors = dict(zip(("skin", "hair", "eyes"), identity.colors, strict=True))
        preset = IdentityPreset(
            name=name,
            head=options.head.name,
            code=tuple(code),
            hair=identity.hair,
            colors=colors,
            description=identity.description,
        )
        write_identity(options.output / f"{name}.json", preset)


if __name__ == "__main__":
    main()
