"""What of espeak-ng's C library the corpus uses: speech and its phoneme events, through ctypes.

Names and numbers as in ``espeak-ng/speak_lib.h`` of espeak-ng 1.51.
"""

import ctypes
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from training.installed import missing_system_package
from training.voices import UnspeakableError

PACKAGE = "libespeak-ng1"
_FILE = "libespeak-ng.so.1"
_NORMAL_RATE = 175  # words per minute

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_PHONEME_EVENTS, _INITIALIZE_PHONEME_IPA = 1, 2
_CHARS_UTF8 = 1
_POS_CHARACTER = 1
_RATE = 1
_EVENT_LIST_TERMINATED, _EVENT_PHONEME = 0, 7


class _Identity(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identity),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class Synthesis:
    """Samples int16 ``[S]`` at ``rate``, and every phoneme's name in IPA with the sample it begins at."""

    samples: NDArray[np.int16]
    rate: int
    phonemes: tuple[tuple[str, int], ...]


class EspeakLibrary:
    """The library holds one voice at a time, process-wide: make one object of this class only, with `espeak`."""

    def __init__(self) -> None:
        try:
            self._library = ctypes.CDLL(_FILE)
        except OSError:
            raise missing_system_package(PACKAGE) from None
        options = _INITIALIZE_PHONEME_EVENTS | _INITIALIZE_PHONEME_IPA
        self._rate = self._library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, None, options)
        if self._rate < 0:
            raise missing_system_package("espeak-ng-data")
        self._pieces: list[NDArray[np.int16]] = []
        self._phonemes: list[tuple[str, int]] = []
        # The library keeps a bare pointer to the callback: it must live as long as the library.
        self._callback = _Callback(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)

    def synthesise(self, text: str, voice: str, stretch: float) -> Synthesis:
        """Say ``text`` with ``voice``, a language with or without a variant (``es+f2``).

        Raises:
            UnspeakableError: the library has no such voice, or nothing came out.
        """
        if self._library.espeak_SetVoiceByName(voice.encode()):
            raise UnspeakableError(f"espeak-ng has no voice {voice!r}: choose one that espeak-ng --voices lists.")
        self._library.espeak_SetParameter(_RATE, round(_NORMAL_RATE / stretch), 0)
        self._pieces.clear()
        self._phonemes.clear()
        written = text.encode() + b"\0"
        failed = self._library.espeak_Synth(written, len(written), 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None)
        self._library.espeak_Synchronize()
        if failed or not self._pieces:
            raise UnspeakableError(f"espeak-ng could not say {text!r} with voice {voice}.")
        return Synthesis(np.concatenate(self._pieces), self._rate, tuple(self._phonemes))

    def _receive(
        self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, events: "ctypes._Pointer[_Event]"
    ) -> int:
        if samples and count:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        place = 0
        while events[place].type != _EVENT_LIST_TERMINATED:
            if events[place].type == _EVENT_PHONEME:
                name = events[place].id.string.decode(errors="ignore")
                self._phonemes.append((name, events[place].sample))
            place += 1
        return 0


@cache
def espeak() -> EspeakLibrary:
    """The library, loaded once.

    Raises:
        UserError: it is not installed.
    """
    return EspeakLibrary()
