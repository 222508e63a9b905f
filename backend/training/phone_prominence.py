"""From segments as their source spells them to IPA phones with stress and loudness, heard in the sound."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from training import festvox_russian
from training.phones import PAUSE, PRIMARY, Phone, Spelling, from_arpabet, from_espeak, is_vowel, joined
from training.phonetics import split_ipa
from training.voices import SILENCE, Alphabet, Segment

SHORTEST_PAUSE = 0.12  # seconds
_STRESS_PER_DB, _STRESS_PER_LENGTH, _MIDDLING_STRESS = 0.04, 0.5, 0.4


def spelling(symbol: str, alphabet: Alphabet) -> Spelling:
    """What a segment's symbol stands for.

    Raises:
        UserError: the symbol is not one of its alphabet.
    """
    if symbol == SILENCE:
        return Spelling((PAUSE,))
    if alphabet == "festvox-ru":
        stress = PRIMARY if symbol in festvox_russian.STRESSED else None
        return Spelling(split_ipa(festvox_russian.IPA[symbol]), stress)
    return from_arpabet(symbol) if alphabet == "arpabet" else from_espeak(symbol)


def is_vowel_segment(segment: Segment, alphabet: Alphabet) -> bool:
    """Whether a segment is a vowel or a diphthong."""
    return any(is_vowel(name) for name in spelling(segment.symbol, alphabet).names)


def without_gaps(segments: Sequence[Segment], levels_db: Sequence[float]) -> tuple[list[Segment], list[float]]:
    """Segments and levels without silences shorter than `SHORTEST_PAUSE`: no mouth comes to rest in so short a time.

    Such a silence between two phones goes to the second: most often it is the closure of a stop.
    """
    kept: list[Segment] = []
    levels: list[float] = []
    gap: Segment | None = None
    for place, (segment, level) in enumerate(zip(segments, levels_db, strict=True)):
        inside = 0 < place < len(segments) - 1
        if inside and segment.symbol == SILENCE and segment.end - segment.start < SHORTEST_PAUSE:
            gap = segment
            continue
        kept.append(replace(segment, start=gap.start) if gap else segment)
        levels.append(level)
        gap = None
    return kept, levels


def prominent_phones(segments: Sequence[Segment], levels_db: Sequence[float], alphabet: Alphabet) -> tuple[Phone, ...]:
    """Phones of segments, their loudness over the median vowel's, and their stress.

    Stress is what the source says, or comes from how loud and long a vowel is among the vowels.
    """
    segments, levels_db = without_gaps(segments, levels_db)
    spelled = [spelling(each.symbol, alphabet) for each in segments]
    vowels = np.array([any(is_vowel(name) for name in each.names) for each in spelled])
    loudness = np.asarray(levels_db) - (np.median(np.asarray(levels_db)[vowels]) if vowels.any() else 0.0)
    length = np.log([each.end - each.start for each in segments])
    length -= np.median(length[vowels]) if vowels.any() else 0.0
    stress = np.clip(_MIDDLING_STRESS + _STRESS_PER_DB * loudness + _STRESS_PER_LENGTH * length, 0.0, 1.0)
    phones: list[Phone] = []
    for segment, each, accent, decibels in zip(segments, spelled, stress, loudness, strict=True):
        heard = each.stress if each.stress is not None else float(accent)
        phones += each.timed(segment.start, segment.end, heard, float(decibels))
    return tuple(joined(phones))
