"""Who can perform, as the service sees them, and the loading of their models."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from fastapi import HTTPException

from facetalk.errors import UserError
from facetalk.service.stream import KeyedTakeSource, Progress

if TYPE_CHECKING:  # these import scipy or torch, which costs seconds that a starting service does not have
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from facetalk.topology.polygon_mesh import PolygonMesh

logger = logging.getLogger(__name__)


class MadeCharacter(Protocol):
    """What is to be said of a new character."""

    def summary(self) -> str:
        """What was made of the mesh, one sentence."""

    def remarks(self) -> list[str]:
        """What is unusual, one sentence each."""


class Offers(Protocol):
    """Who can perform, and how: ``facetalk.cast.Cast``."""

    @property
    def device(self) -> "torch.device":
        """Where the models run."""

    @property
    def models(self) -> Sequence[str]:
        """Names of the model bundles in use."""

    def identities(self) -> Sequence[str]:
        """Names of the faces on offer."""

    def hair_styles(self) -> Sequence[str]:
        """Names of the hair styles on offer, without ``BALD``."""

    def styles(self) -> Sequence[str]:
        """Names of the ways to perform."""

    def templates(self) -> Sequence[str]:
        """Names of other meshes for those faces."""

    def characters(self) -> Sequence[str]:
        """Names of the user's own meshes, which have a face of their own."""

    def heads(self) -> Sequence[str]:
        """Names of imported heads, which may perform in place of the embedded one."""

    def standing_in(self, head: str, template: str | None) -> KeyedTakeSource:
        """An imported head that performs on a template."""

    def performer(self, template: str | None) -> KeyedTakeSource:
        """Who performs on a template."""

    def add_character(
        self,
        mesh: "PolygonMesh",
        name: str,
        landmarks: "Mapping[str, NDArray[np.float64]] | None",
        progress: Progress,
    ) -> MadeCharacter:
        """Make a character of a mesh, and keep it as a template."""


OffersFactory = Callable[[], Offers]


class Loader:
    """Loads the models in a thread, so that the service answers meanwhile."""

    def __init__(self, factory: OffersFactory) -> None:
        self._factory = factory
        self._offers: Offers | None = None
        self._failure: str | None = None
        self._thread = threading.Thread(target=self._load, name="load models", daemon=True)

    def start(self) -> None:
        """Begin to load."""
        self._thread.start()

    def status(self) -> dict[str, Any]:
        """What ``GET /v1/health`` says of the models."""
        if self._failure is not None:
            return {"status": "failed", "message": self._failure}
        if self._offers is None:
            return {"status": "loading"}
        return {
            "status": "ready",
            "device": str(self._offers.device),
            "models": list(self._offers.models),
            "identities": list(self._offers.identities()),
            "hair_styles": list(self._offers.hair_styles()),
            "styles": list(self._offers.styles()),
            "templates": list(self._offers.templates()),
            "characters": list(self._offers.characters()),
            "heads": list(self._offers.heads()),
        }

    def get(self) -> Offers:
        """Who can perform; an HTTP error that says why while there is nobody."""
        if self._failure is not None:
            raise HTTPException(500, self._failure)
        if self._offers is None:
            raise HTTPException(503, "The backend is still loading its models: try again in a moment.")
        return self._offers

    def _load(self) -> None:
        try:
            self._offers = self._factory()
        except UserError as error:
            self._failure = str(error)
        except Exception as error:
            logger.exception("the models could not be loaded")
            self._failure = f"The models could not be loaded ({type(error).__name__}: {error}): see the log."
