"""Blender in a child process: its crash, its chatter and its memory stay out of ours."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from facetalk.errors import UserError

_PROJECT = Path(__file__).resolve().parents[3]  # the folder of blender_addon/


def require_blender() -> None:
    """Check before the work that there is a Blender to do it.

    Raises:
        UserError: the bpy package is missing.
    """
    if importlib.util.find_spec("bpy") is None:
        raise UserError("Blender's Python package bpy is missing: install it with `pip install bpy==4.5.15`.")


class BlenderProcess:
    """One run of ``blender_addon/headless.py``. Leaving the ``with`` block early kills it.

    Attributes:
        records: its standard input, for the record stream.
    """

    def __init__(self, arguments: Sequence[str | Path]) -> None:
        self._arguments = [str(argument) for argument in arguments]
        self._chatter: IO[bytes] = tempfile.TemporaryFile()
        self._settings = tempfile.TemporaryDirectory(prefix="facetalk-blender-")
        self._process: subprocess.Popen[bytes]
        self.records: IO[bytes]

    def __enter__(self) -> "BlenderProcess":
        # a fresh settings folder: the user's own add-ons and preferences must not change the result
        environment = {**os.environ, "PYTHONPATH": str(_PROJECT), "BLENDER_USER_RESOURCES": self._settings.name}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "blender_addon.headless", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._chatter,
            env=environment,
        )
        assert self._process.stdin is not None
        self.records = self._process.stdin
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # nothing happens if it has ended
        self._process.communicate()
        self._chatter.close()
        self._settings.cleanup()

    def send(self, records: bytes) -> None:
        """Write whole records to its standard input; waits while it is busy.

        Raises:
            UserError: it has given up, and this is why.
        """
        try:
            self.records.write(records)
        except BrokenPipeError:
            for _ in self.finish():
                pass
            raise

    def finish(self) -> Iterator[float]:
        """Close its input and yield how far (0 to 1) it has come, until it has ended well.

        Raises:
            UserError: it says what went wrong.
            RuntimeError: it died; the message holds the end of what it printed.
        """
        assert self._process.stdout is not None
        self._process.stdin = None  # communicate() must not flush a pipe that may be broken
        try:
            self.records.close()
        except BrokenPipeError:
            pass  # its last words below say why
        for line in self._process.stdout:
            content: dict[str, Any] = json.loads(line)
            if "error" in content:
                raise UserError(content["error"])
            yield content["done"] / content["total"]
        if self._process.wait() != 0:
            raise RuntimeError(f"Blender ended with status {self._process.returncode}:\n{self._last_words()}")

    def _last_words(self) -> str:
        self._chatter.seek(0)
        return self._chatter.read()[-4000:].decode(errors="replace")
