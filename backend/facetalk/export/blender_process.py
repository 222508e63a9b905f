"""Blender in a child process: its crash, its chatter and its memory stay out of ours."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from facetalk.errors import UserError

_PROJECT = Path(__file__).resolve().parents[3]  # the folder of blender_addon/

PROGRAM = "blender_addon.headless"


def require_blender() -> None:
    """Check before the work that there is a Blender to do it.

    Raises:
        UserError: the bpy package is missing.
    """
    if importlib.util.find_spec("bpy") is None:
        raise UserError("Blender's Python package bpy is missing: install it with `pip install bpy==4.5.15`.")


class BlenderProcess:
    """One run of ``blender_addon/headless.py``. Leaving the ``with`` block early kills it."""

    def __init__(self, arguments: Sequence[str | Path]) -> None:
        self._arguments = [str(argument) for argument in arguments]
        self._resources = ExitStack()

    def __enter__(self) -> "BlenderProcess":
        # a fresh settings folder: the user's own add-ons and preferences must not change the result
        folder = Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="facetalk-blender-")))
        self._log = folder / "blender.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", PROGRAM, *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(_PROJECT), "BLENDER_USER_RESOURCES": str(folder)},
            )
        self._resources.callback(self._end)
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def send(self, records: bytes) -> None:
        """Write whole records to its standard input; waits while it is busy.

        Raises:
            UserError: it has given up, and this is why.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(records)
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
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # its last words below say why
            self._process.stdin.close()
        for line in self._process.stdout:
            content: dict[str, Any] = json.loads(line)
            if "error" in content:
                raise UserError(content["error"])
            yield content["done"] / content["total"]
        if self._process.wait() != 0:
            last_words = self._log.read_text(errors="replace")[-4000:]
            raise RuntimeError(f"Blender ended with status {self._process.returncode}:\n{last_words}")

    def _end(self) -> None:
        self._process.kill()  # does nothing if it has ended
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()
