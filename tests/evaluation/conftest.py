"""A small published head of random weights."""

import pytest
import torch

from facetalk.head.published_checkpoints import import_published_head
from facetalk.head.published_head import PublishedHead
from tests.head.tiny_published import tiny_model


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> PublishedHead:
    folder = tmp_path_factory.mktemp("tiny")
    model = tiny_model("nphm")
    import_published_head(model.write(folder), folder / "anchors.npy", folder / "bundle")
    head = PublishedHead.load(folder / "bundle", torch.device("cpu"))
    head.tables["expression"] *= 0.1  # random weights fling points half a metre: faces do not
    return head
