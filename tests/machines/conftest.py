from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / 'lab'))

if 'PORTMATRIX_LAB_KEY' not in os.environ:
    raise pytest.UsageError('these tests run inside the lab: bash tests/run.sh machines')

import faults
import fleet
import machine
import machine_fleets
import testbed


@pytest.fixture(scope='session')
def machines():
    machine.start_all()
    yield
    for name in machine.HOSTS:
        machine.stop(name)


@pytest.fixture(scope='module', params=range(fleet.ROUNDS))
def hosts(machines, request):
    """Two machines, one with ufw, one with firewalld and a direct rule; in every other round the other way round."""
    chosen = machine_fleets.FLEETS[request.param % 2]
    chosen.shell_by_firewall(machine_fleets.SET_UP)
    yield chosen
    chosen.shell_by_firewall(machine_fleets.TEAR_DOWN)


@pytest.fixture
def before(hosts):
    """The files of released hosts."""
    yield hosts.map(testbed.file_state)
    hosts.shell(f'date -s @{time.time():.0f}')
    hosts.map(faults.remove)
    hosts.end_window()
    hosts.wait_until_decided()
    hosts.release()


@pytest.fixture
def firewalld(hosts) -> str:
    """The host with firewalld."""
    return hosts.with_firewall('firewalld')[0]
