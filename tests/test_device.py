"""Choosing a device."""

import logging

import pytest
import torch

from facetalk.device import choose_device, describe_device
from facetalk.errors import UserError


def test_cpu_is_always_there() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert describe_device(torch.device("cpu")).startswith("cpu (")


def test_auto_says_what_it_takes(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        device = choose_device("auto")
    assert device.type in caplog.text


def test_a_missing_gpu_is_the_users_to_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="no cuda device"):
        choose_device("cuda")


def test_auto_prefers_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto").type == "mps"


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UserError, match="no device 'tpu'"):
        choose_device("tpu")
