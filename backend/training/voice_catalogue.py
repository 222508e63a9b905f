"""The voices of the corpus, how much of each, and which of them no training sees."""

from training.espeak_voice import EspeakVoice
from training.festvox_russian import FestvoxRussian
from training.flite import FliteVoice
from training.hibari_voice import HibariVoice
from training.piper_voice import PiperVoice
from training.speech_layer import Share

# Variants that sound like three different people in every language, and speak it in about equal amounts.
_ESPEAK_VARIANTS = ("f2", "m3", "klatt4")
_ESPEAK_LANGUAGES = ("en", "es", "fr", "de", "it", "ru", "hi", "zh")

CATALOGUE: tuple[Share, ...] = (
    Share(FliteVoice("slt"), 70),
    Share(FliteVoice("rms"), 70),
    Share(FliteVoice("kal16"), 20),
    Share(FliteVoice("awb"), 20, held_out_parts=1),
    Share(HibariVoice(), 180),
    *(Share(EspeakVoice(language, variant), 7) for language in _ESPEAK_LANGUAGES for variant in _ESPEAK_VARIANTS),
    Share(EspeakVoice("es", "f4"), 5, held_out_parts=1),
    Share(EspeakVoice("de", "m7"), 5, held_out_parts=1),
    Share(FestvoxRussian(), 120, held_out_parts=7),
    Share(PiperVoice(), 90),
)
