"""The engines of the corpus: phone times in step with the sound, and clear words when something is missing."""

import shutil
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from facetalk.errors import UserError
from tests.training.fake_voices import babble
from training import alignment, espeak_library, festvox_russian, installed
from training.espeak_voice import EspeakVoice, phoneme_beginning
from training.festvox_russian import FestvoxRussian, segments_of_labels
from training.flite import FliteVoice, segments_of_listing
from training.phone_prominence import prominent_phones, spelling
from training.phones import PAUSE
from training.voices import SILENCE, Segment, UnspeakableError, closed

needs_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
needs_pocketsphinx = pytest.mark.skipif(find_spec("pocketsphinx") is None, reason="pocketsphinx is not installed")


def has_espeak() -> bool:
    try:
        return bool(espeak_library.espeak())
    except UserError:
        return False


def test_segments_are_closed_with_silence() -> None:
    segments = closed([Segment("b", 0.1, 0.2), Segment("aa", 0.2000001, 0.3), Segment("m", 0.4, 0.9)], 0.8)
    assert [segment.symbol for segment in segments] == [SILENCE, "b", "aa", SILENCE, "m"]
    assert segments[0].start == 0.0
    assert segments[-1].end == 0.8
    for first, second in pairwise(segments):
        assert first.end == second.start


def test_neighbouring_silences_become_one() -> None:
    segments = closed([Segment(SILENCE, 0.0, 0.1), Segment("b", 0.2, 0.3), Segment(SILENCE, 0.35, 0.4)], 0.5)
    assert segments == (Segment(SILENCE, 0.0, 0.2), Segment("b", 0.2, 0.3), Segment(SILENCE, 0.3, 0.5))


def test_a_listing_of_several_sentences_becomes_one_timeline() -> None:
    segments = segments_of_listing("pau:0.100 b:0.200 aa:0.400\npau:0.100 m:0.250")
    assert [segment.symbol for segment in segments] == ["pau", "b", "aa", "pau", "m"]
    assert [segment.end for segment in segments] == pytest.approx([0.1, 0.2, 0.4, 0.5, 0.65])


def test_a_stop_begins_with_its_closure() -> None:
    sound = np.full(1000, 0.2, np.float32)
    sound[600:700] = 0.0
    assert phoneme_beginning("p", sound, 700, 10000) == 600
    assert phoneme_beginning("s", sound, 700, 10000) == 700
    assert phoneme_beginning("p", sound, 600, 10000) == 600
    sound[:700] = 0.0
    assert phoneme_beginning("p", sound, 700, 1000) == 700 - int(0.08 * 1000)


@pytest.mark.skipif(not has_espeak(), reason="espeak-ng is not installed")
@pytest.mark.parametrize(
    ("language", "text", "phones"),
    [
        ("es", "mamá", ["m", "a", "m", "a"]),
        ("de", "böse", ["b", "øː", "z", "ə"]),
        ("ru", "папа", ["p", "ɑ", "p", "a"]),
        ("zh", "ni3hao3", ["n", "i", "χ", "ɑ", "u"]),
    ],
)
def test_espeak_says_when_it_says_what(language: str, text: str, phones: list[str]) -> None:
    voice = EspeakVoice(language, "f2")
    speech = voice.speak(text, 1.0)
    slow = voice.speak(text, 1.5)
    names = [name for each in speech.segments for name in spelling(each.symbol, "espeak").names if name != PAUSE]
    assert names == phones
    assert speech.segments[-1].end == pytest.approx(speech.seconds, abs=0.002)
    assert 1.2 < slow.seconds / speech.seconds < 1.8


@pytest.mark.skipif(not has_espeak(), reason="espeak-ng is not installed")
def test_an_unknown_variant_of_a_language_is_refused() -> None:
    with pytest.raises(UnspeakableError, match="no voice 'no-such-voice'"):
        espeak_library.espeak().synthesise("Hello.", "no-such-voice", 1.0)


def test_a_missing_espeak_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeak_library, "_FILE", "libespeak-ng-that-is-not-there.so")
    with pytest.raises(UserError, match="run apt-get install libespeak-ng1"):
        espeak_library.EspeakLibrary()


def test_a_missing_system_package_is_named() -> None:
    with pytest.raises(UserError, match="run apt-get install no-such-package-at-all"):
        installed.system_package_version("no-such-package-at-all")


def test_a_missing_python_package_is_named() -> None:
    with pytest.raises(UserError, match=r"no-such-package is not installed: run pip install -r requirements-training"):
        installed.python_module("no_such_module", "no-such-package")
    with pytest.raises(UserError, match=r"no-such-package is not installed: run pip install -r requirements-training"):
        installed.python_package_version("no-such-package")


def test_a_missing_flite_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="run apt-get install flite"):
        FliteVoice("slt").speak("Hello.", 1.0)


@needs_flite
@needs_pocketsphinx
def test_alignment_finds_flites_phones() -> None:
    text = "The big brown bear moved five boats over the bridge."
    speech = FliteVoice("slt").speak(text, 1.0)
    found = alignment.align(speech.samples, text)
    exact = {round(segment.start, 4): segment.symbol for segment in speech.segments if segment.symbol in "bmfvp"}
    starts = np.array([segment.start for segment in found if segment.symbol in "bmfvp"])
    errors = [np.abs(starts - start).min() for start in exact]
    assert len(starts) == len(exact)
    assert np.median(errors) < 0.02


@needs_pocketsphinx
def test_what_cannot_be_aligned_is_said() -> None:
    sound = babble("one two", 1.0).samples
    with pytest.raises(UnspeakableError, match="the dictionary lacks"):
        alignment.align(sound, "Xylqwz.")
    with pytest.raises(UnspeakableError, match="the dictionary lacks any word"):
        alignment.align(sound, "...")
    with pytest.raises(UnspeakableError, match="does not fit"):
        alignment.align(np.zeros(800, np.float32), "A very long sentence for such a short sound.")


def russian_folder(folder: Path) -> Path:
    for name in ("etc", "wav", "lab"):
        (folder / name).mkdir()
    (folder / "etc" / "txt.done.data").write_text('( ru_0001 "Мама, мыла раму." )\n', encoding="utf-8")
    (folder / "lab" / "ru_0001.lab").write_text("#\n0.10000 125 pau\n0.20000 125 m\n0.30000 125 aa\n")
    soundfile.write(folder / "wav" / "ru_0001.wav", np.zeros(8000, np.float32), 16000)
    return folder


def test_recordings_come_with_their_labels(tmp_path: Path) -> None:
    voice = FestvoxRussian(russian_folder(tmp_path))
    assert voice.prompts == ("Мама, мыла раму.",)
    speech = voice.speak(voice.prompts[0], 1.3)
    assert speech.seconds == pytest.approx(0.5)
    assert [segment.symbol for segment in speech.segments] == [SILENCE, "m", "aa", SILENCE]
    phones = prominent_phones(speech.segments, [-90.0, -30.0, -20.0, -90.0], "festvox-ru")
    assert [phone.name for phone in phones] == [PAUSE, "m", "a", PAUSE]
    assert phones[2].stress > phones[1].stress


def test_what_was_not_recorded_is_refused(tmp_path: Path) -> None:
    voice = FestvoxRussian(russian_folder(tmp_path))
    with pytest.raises(UnspeakableError, match="no recording"):
        voice.speak("Нет.", 1.0)
    (tmp_path / "wav" / "ru_0001.wav").write_bytes(b"no sound")
    with pytest.raises(UnspeakableError, match="ru_0001 cannot be read"):
        voice.speak("Мама, мыла раму.", 1.0)
    with pytest.raises(UnspeakableError, match="unknown phone 'qq'"):
        segments_of_labels("0.1 125 qq\n")


def test_missing_recordings_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(festvox_russian, "PACKAGE", "no-such-recordings")
    with pytest.raises(UserError, match="run apt-get install no-such-recordings"):
        _ = FestvoxRussian(tmp_path / "nowhere").prompts


def test_loud_and_long_vowels_are_stressed() -> None:
    segments = [Segment("b", 0.0, 0.1), Segment("aa", 0.1, 0.3), Segment("b", 0.3, 0.4), Segment("ih", 0.4, 0.45)]
    phones = prominent_phones(segments, [-40.0, -10.0, -40.0, -25.0], "arpabet")
    assert phones[1].stress > phones[3].stress
    assert phones[1].loudness > phones[3].loudness


def test_a_gap_in_speech_is_no_pause() -> None:
    segments = closed([Segment("aa", 0.3, 0.5), Segment("k", 0.55, 0.6), Segment("m", 0.9, 1.0)], 1.05)
    phones = prominent_phones(segments, [-90.0, -20.0, -90.0, -40.0, -90.0, -30.0, -90.0], "arpabet")
    assert [phone.name for phone in phones] == [PAUSE, "ɑ", "k", PAUSE, "m", PAUSE]
    assert (phones[2].start, phones[2].end) == (0.5, 0.6)
    assert phones[2].loudness == pytest.approx(-20.0)
