"""Tests that take long and seldom change are the night's: `./ci/test long` runs what is marked."""

import pytest


def some_by_day(cases, every=6):
    """Cases for parametrize: each sixth by day, the others by night."""
    return [case if i % every == 0 else pytest.param(*case, marks=pytest.mark.night) for i, case in enumerate(cases)]
