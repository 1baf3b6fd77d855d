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
import stock
import world


@pytest.fixture(scope='session')
def machines():
    machine.start_all()
    yield
    for name in machine.HOSTS:
        machine.stop(name)


@pytest.fixture(scope='module', params=range(fleet.ROUNDS))
def hosts(machines, request):
    """Two machines, one with ufw, one with firewalld and a direct rule; every other round with the firewalls changed
    over."""
    found = stock.FLEETS[request.param % 2]
    found.each(stock.SET_UP)
    yield found
    found.each(stock.FORMER)


@pytest.fixture
def before(hosts):
    """Released hosts, and their files."""
    yield hosts.all(world.files)
    hosts.shell(f'date -s @{time.time():.0f}')
    hosts.all(faults.remove)
    hosts.wait_until_decided()
    hosts.release()


@pytest.fixture
def firewalld(hosts) -> str:
    """The host that has it."""
    return next(host for host, name in hosts.firewalls.items() if name == 'firewalld')
