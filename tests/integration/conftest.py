from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / 'lab'))

if 'PORTMATRIX_LAB_PODMAN' not in os.environ:
    raise pytest.UsageError('the integration tests run inside the lab: tests/lab/lab.py up, then tests/lab/lab.py run -- pytest tests/integration')

import world


@pytest.fixture(scope='session')
def expectation() -> world.Expectation:
    return world.Expectation()


@pytest.fixture
def released():
    """A lab that nothing of ours is on, before and after the test."""
    assert world.play('portmatrix.firewall.release').code == 0
    yield
    assert world.play('portmatrix.firewall.release').code == 0
