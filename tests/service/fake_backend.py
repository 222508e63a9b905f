"""The real service around the fake animator, as the JSON in ``FAKE_BACKEND`` wishes it."""

import json
import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from facetalk.errors import UserError
from facetalk.service.stream import PROTOCOL
from tests.service.fake_animator import FakeAnimator

CHECKOUT = Path(__file__).resolve().parents[2]
UseBackend = Callable[..., Path]  # with wishes: the executable, as the fixture ``use_backend`` gives it
BACKEND_PYTHON = os.environ.get("FACETALK_TEST_BACKEND", sys.executable)


def write_fake_python(folder: Path, **wishes: object) -> Path:
    """An executable that, told to run as the backend's Python, runs this module.

    Args:
        folder: where to write it.
        wishes: attributes of ``FakeAnimator``; ``load_seconds``, ``load_failure``, ``failure``, ``protocol``.
    """
    script = folder / "python"
    script.write_text(
        "#!/bin/sh\n"
        f"export PYTHONPATH='{CHECKOUT}:{CHECKOUT / 'backend'}' FAKE_BACKEND='{json.dumps(wishes)}'\n"
        f"exec '{BACKEND_PYTHON}' -m tests.service.fake_backend\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


def run(wishes: dict[str, Any]) -> None:
    # here: a Blender under test may have a Python without the backend's packages
    from facetalk.service import app
    from facetalk.service.offers import Offers

    vars(app)["PROTOCOL"] = wishes.pop("protocol", PROTOCOL)

    def load() -> Offers:
        time.sleep(wishes.pop("load_seconds", 0.0))
        if "load_failure" in wishes:
            raise UserError(wishes["load_failure"])
        fail = UserError(wishes.pop("failure")) if "failure" in wishes else None
        return cast(Offers, FakeAnimator(**wishes, fail=fail))

    app.serve(load)


if __name__ == "__main__":
    run(json.loads(os.environ["FAKE_BACKEND"]))
