"""Shares of the face that phones have in one another's time."""

import pytest
import torch

from training.coarticulation import HOLD_MARGIN, shares

START = torch.tensor([0.0, 0.2, 0.4], dtype=torch.float64)
END = torch.tensor([0.2, 0.4, 2.0], dtype=torch.float64)
REACH = torch.full((3,), 0.05, dtype=torch.float64)
TIMES = torch.linspace(0.0, 2.0, 201, dtype=torch.float64)
BELL = torch.tensor(2.0, dtype=torch.float64)
ALIKE = torch.zeros(3, dtype=torch.float64)


def test_shares_are_shares() -> None:
    share = shares(TIMES, START, END, ALIKE, REACH, REACH, BELL)
    assert share.shape == (201, 3)
    torch.testing.assert_close(share.sum(dim=1), torch.ones(201, dtype=torch.float64))
    assert share[10, 0] > 0.9
    assert share[30, 1] > 0.7
    assert share[20, 0] == pytest.approx(float(share[20, 1]), abs=1e-6)


def test_a_held_phone_rules_alone() -> None:
    share = shares(TIMES, START, END, ALIKE, REACH, REACH, BELL)
    held = (TIMES > 0.4 + HOLD_MARGIN + 0.1) & (TIMES < 2.0 - HOLD_MARGIN)
    assert share[held, 2].min() > 0.999


def test_reach_ahead_begins_earlier_and_strength_wins() -> None:
    early = REACH * torch.tensor([1.0, 1.0, 3.0])
    plain, ahead = (shares(TIMES, START, END, ALIKE, reach, REACH, BELL) for reach in (REACH, early))
    assert ahead[30, 2] > plain[30, 2] + 0.05
    strong = torch.tensor([0.0, 2.0, 0.0], dtype=torch.float64)
    assert shares(TIMES, START, END, strong, REACH, REACH, BELL)[20, 1] > 0.85


def test_padding_is_never_heard() -> None:
    padded = torch.tensor([[0.0, 0.0, -torch.inf]], dtype=torch.float64)
    share = shares(TIMES, START[None], END[None], padded, REACH[None], REACH[None], BELL)
    assert share.shape == (1, 201, 3)
    assert share[..., 2].max() == 0.0
