"""Drive FaceTalk in a real Blender window: ``python -m tests.gui.check_window --blender blender``.

Needs a display (Xvfb with openbox will do), xdotool and ImageMagick; not part of the test suite, because a
Blender with a window does not come from PyPI. Installs the built extension into a temporary user folder,
clicks Generate, the new-seed button, Change Hair, Escape and Use My Character, undoes and redoes, and leaves
pictures of every step.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

import build_addon
from tests.service.fake_backend import CHECKOUT, write_fake_python

GENERATE = (100, 306)  # pixels from the sidebar's top left corner
GENERATE_AS_CHARACTER = (100, 353)  # below the reason why it has no face to choose
NEW_SEED = (244, 306)
CHANGE_HAIR = (244, 145)
MY_CHARACTER = (100, 345)  # the header, which opens the panel
USE_MY_CHARACTER = (100, 402)
SECONDS = 60.0
POINTER_SECONDS = 2.0  # Blender sees the pointer with its next redraw only, which takes long without a GPU


class Window:
    """A running Blender, and what can be seen and done from outside."""

    def __init__(self, blender: str, folder: Path) -> None:
        self.folder = folder
        for told in folder.glob("*.json"):
            told.unlink()  # by a window before this one
        environment = {
            **os.environ,
            "FACETALK_GUI": str(folder),
            "BLENDER_USER_RESOURCES": str(folder / "user"),
            "LIBGL_ALWAYS_SOFTWARE": "1",
        }
        archive = build_addon.build(folder)
        install = [
            blender,
            "--command",
            "extension",
            "install-file",
            "-r",
            "user_default",
            "-e",
            str(archive),
        ]
        subprocess.run(install, env=environment, check=True)
        script = CHECKOUT / "tests" / "gui" / "in_blender.py"
        start = [blender, "--window-geometry", "0", "0", "1280", "800", "--python", str(script)]
        self.process = subprocess.Popen(start, env=environment)

    def takes(self) -> dict[str, bool]:
        """The takes there are, and whether each is shown."""
        return {take["name"]: not take["hidden"] for take in self._told("state.json") or ()}

    def hair(self) -> dict[str, bool]:
        """The hair objects there are, and whether each is shown."""
        return dict(self._told("hair.json") or {})

    def wait(self, what: str, true: Callable[[], bool]) -> None:
        """Wait until something is true; take a picture."""
        deadline = time.monotonic() + SECONDS
        while not true():
            if time.monotonic() > deadline or self.process.poll() is not None:
                sys.exit(f"FAILED: {what}; there is {self.takes()}; see {self.picture('failed')}")
            time.sleep(0.2)
        print(f"ok: {what} ({self.picture(what)})")

    def click(self, position: tuple[int, int]) -> None:
        """Click in the 3D view's sidebar."""
        left, top, _, _ = json.loads((self.folder / "ready.json").read_text())["VIEW_3D"]
        self._xdotool("mousemove", str(left + position[0]), str(top + position[1]))
        time.sleep(POINTER_SECONDS)
        self._xdotool("click", "1")

    def press(self, key: str) -> None:
        """Press a key over the 3D view."""
        self._xdotool("mousemove", "640", "500")
        time.sleep(POINTER_SECONDS)
        self._xdotool("key", key)

    def picture(self, name: str) -> Path:
        """A picture of the screen."""
        path = self.folder / f"{name.replace(' ', '-')}.png"
        subprocess.run(["import", "-window", "root", str(path)], check=True)
        return path

    def choose(self, setting: str, value: str) -> None:
        """Say what a field of the panel holds."""
        self.run(f"bpy.context.scene.facetalk.{setting} = {value!r}")

    def run(self, command: str) -> None:
        """Have Blender run a line of Python."""
        (self.folder / "command.py").write_text(command)
        time.sleep(1.0)

    def characters(self) -> dict[str, bool]:
        """The characters there are, and whether each is shown."""
        return dict(self._told("characters.json") or {})

    def _told(self, name: str) -> Any:  # noqa: ANN401 - JSON
        try:
            return json.loads((self.folder / name).read_text())
        except (FileNotFoundError, ValueError):  # being written
            return None

    def _xdotool(self, *arguments: str) -> None:
        subprocess.run(["xdotool", *arguments], check=True)


def check_character(window: Window) -> None:
    window.run("bpy.ops.mesh.primitive_monkey_add()")
    window.click(MY_CHARACTER)
    time.sleep(POINTER_SECONDS)
    window.picture("my-character")
    window.click(USE_MY_CHARACTER)
    time.sleep(1.5)
    window.picture("while-it-is-made")
    window.wait("a mesh becomes a character", lambda: window.characters() == {"Suzanne": True})
    window.choose("form", "compact")
    window.picture("compact")
    window.choose("form", "rig")
    window.click(GENERATE_AS_CHARACTER)
    window.wait("it performs in its place", lambda: window.characters() == {"Suzanne": False})
    window.wait("as a take", lambda: window.takes().get("line take 3", False))
    window.press("ctrl+z")
    window.wait("undo shows the character again", lambda: window.characters() == {"Suzanne": True})


def main() -> None:
    parser = argparse.ArgumentParser(description="Drive FaceTalk in a real Blender window.")
    parser.add_argument("--blender", default="blender", help="4.2 or later, with a window")
    parser.add_argument("--folder", type=Path, help="for the pictures (a temporary one)")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="facetalk-gui-"))
    write_fake_python(folder, side=60, motion_steps=60, motion_step_seconds=0.1, batch_seconds=0.05)
    soundfile.write(folder / "line.wav", np.sin(np.linspace(0, 3000, 32000)), 16000)
    window = Window(arguments.blender, folder)
    try:
        window.wait("the window is ready", (folder / "state.json").exists)
        window.click(GENERATE)
        window.wait("a take is made", lambda: window.takes() == {"line take 1": True})
        window.wait("it has hair", lambda: window.hair() == {"line take 1 Hair": True})
        window.choose("hair", "bald")
        window.click(CHANGE_HAIR)
        window.wait("bald takes the hair off", lambda: window.hair() == {})
        window.press("ctrl+z")
        window.wait("undo puts it on again", lambda: window.hair() == {"line take 1 Hair": True})
        window.choose("hair", "curls")
        window.click(NEW_SEED)
        window.wait("another take hides it", lambda: window.takes() == {"line take 1": False, "line take 2": True})
        window.press("ctrl+z")
        window.wait("undo takes it back", lambda: window.takes() == {"line take 1": True})
        window.wait("and its hair", lambda: window.hair() == {"line take 1 Hair": True})
        window.press("ctrl+shift+z")
        window.wait("redo brings it again", lambda: len(window.takes()) == 2)
        window.wait("with its hair", lambda: window.hair() == {"line take 1 Hair": False, "line take 2 Hair": True})
        window.click(GENERATE)
        time.sleep(2.0)
        window.press("Escape")
        time.sleep(8.0)  # more than the take would have needed
        window.wait("escape leaves nothing", lambda: (len(window.takes()), len(window.hair())) == (2, 2))
        check_character(window)
    finally:
        window.process.terminate()
        window.process.wait()


if __name__ == "__main__":
    main()
