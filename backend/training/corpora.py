"""Build the corpus that motion training reads: speech features and the rig weights of a face saying the same.

    python -m training.corpora work/speech_corpus            build it, or go on where it stopped
    python -m training.corpora work/speech_corpus --table    what is in it

Speech with phone times (`training.speech_layer`), features of it in lines (`training.feature_layer`) and the face that
says them (`training.face_layer`) are layers of their own, each kept; `training.corpus_assembly` joins them into what
training maps into memory. `docs/corpus.md` has the format.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from facetalk.errors import UserError
from facetalk.speech.feature_kind import FeatureKind
from facetalk.speech.speech_encoder import feature_kind
from training.corpus_assembly import assemble
from training.corpus_table import corpus_table
from training.face_layer import add_faces
from training.feature_layer import Encoder, add_features, settle_speech
from training.speech_layer import Share, add_speech
from training.speech_option import add_speech_option, chosen_encoder, speech_folder
from training.voice_catalogue import CATALOGUE

LAYERS = ("speech", "features", "faces")


def build_corpus(
    folder: Path,
    shares: Sequence[Share],
    copies: int,
    seed: int,
    speech: FeatureKind,
    encoder: Callable[[], Encoder],
    layers: Sequence[str] = LAYERS,
) -> None:
    """Add to a corpus folder what it lacks of ``shares``, then assemble all that is in it.

    Args:
        folder: of the corpus; what is in it already stays.
        shares: voices, and how much of each.
        copies: how often every sentence comes, each time in another line, manner and recording.
        seed: of every draw.
        speech: what kind of features ``encoder`` gives.
        encoder: called when there is sound to encode.
        layers: which of `LAYERS` to work on; with the faces the corpus is assembled.

    Raises:
        UserError: nothing is asked for, a package is missing, or the folder holds another corpus or other features.
    """
    if not shares or copies < 1 or any(not share.minutes > 0 for share in shares):
        raise UserError("The corpus would be empty: ask for voices, minutes above 0 and at least one copy.")
    # Asked before work starts: a voice that is not installed says so here.
    voices = [share.voice.description for share in shares]
    if "features" in layers:
        settle_speech(folder / "features", speech)
    for share, voice in zip(shares, voices, strict=True):
        spoken, features, faces = (folder / layer / voice.name for layer in LAYERS)
        if "speech" in layers:
            add_speech(spoken, share, seed)
        if "features" in layers:
            add_features(spoken, features, share.minutes, copies, seed, encoder)
        if "faces" in layers:
            add_faces(features, faces, voice.alphabet, seed)
    if "faces" in layers:
        assemble(folder, seed)


def chosen_shares(names: Sequence[str], minutes: float | None) -> list[Share]:
    """The shares of the catalogue whose voices' names begin with one of ``names``, all without any.

    ``minutes`` replaces how much of each.

    Raises:
        UserError: a name fits no voice.
    """
    known = {share.voice.description.name: share for share in CATALOGUE}
    unknown = [name for name in names if not any(each.startswith(name) for each in known)]
    if unknown:
        raise UserError(f"No voice is called {unknown[0]!r}: choose from {', '.join(known)}.")
    chosen = [share for name, share in known.items() if not names or name.startswith(tuple(names))]
    return [share if minutes is None else replace(share, minutes=minutes) for share in chosen]


def main(arguments: Sequence[str] | None = None) -> None:
    """Build or describe a corpus from the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.corpora", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of the corpus")
    parser.add_argument("--table", action="store_true", help="only print what is in it")
    parser.add_argument("--voices", nargs="+", default=[], metavar="NAME", help="beginnings of names (default all)")
    parser.add_argument("--minutes", type=float, help="of every voice (default as in training/voice_catalogue.py)")
    parser.add_argument("--copies", type=int, default=1, help="of every sentence, each altered anew (default 1)")
    parser.add_argument("--layers", nargs="+", choices=LAYERS, default=LAYERS, help="what to work on (default all)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another corpus (default 0)")
    add_speech_option(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        if options.table:
            sys.stdout.write(corpus_table(options.folder) + "\n")
            return
        shares = chosen_shares(options.voices, options.minutes)
        build_corpus(
            options.folder,
            shares,
            options.copies,
            options.seed,
            feature_kind(speech_folder(options.speech)),
            lambda: chosen_encoder(options.speech),
            options.layers,
        )
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
