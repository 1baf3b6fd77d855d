from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / 'lab'))

if 'PORTMATRIX_LAB_KEY' not in os.environ:
    raise pytest.UsageError(
        'the integration tests run inside the lab: tests/lab/lab.py up, then tests/lab/lab.py run -- pytest '
        'tests/integration'
    )

import documented
import faults
import fleet
import world


@pytest.fixture(scope='session')
def expectation() -> documented.Expectation:
    return documented.Expectation()


@pytest.fixture
def released():
    """A lab that nothing of ours is on, before and after the test."""
    fleet.release()
    yield
    fleet.release()


@pytest.fixture
def ufw(released):
    """A released lab whose hosts have ufw for their firewall: installed, and switched off."""
    world.on_all(lambda host: world.shell(host, fleet.TO_UFW))
    yield
    fleet.release()
    world.on_all(lambda host: world.shell(host, fleet.TO_FIREWALLD))


UFW_PAIR = ['data1', 'data2']  # Debian 12 and 13


@pytest.fixture(scope='module')
def ufw_pair():
    """The same for two hosts, for all tests of a file."""
    fleet.release()
    world.on_all(lambda host: world.shell(host, fleet.TO_UFW), UFW_PAIR)
    yield
    fleet.release()
    world.on_all(lambda host: world.shell(host, fleet.TO_FIREWALLD), UFW_PAIR)


@pytest.fixture
def plain_ufw(ufw_pair):
    """Two hosts with ufw as it comes, switched off, before and after the test."""
    yield
    fleet.release(UFW_PAIR)
    world.on_all(lambda host: world.shell(host, fleet.RESET_UFW), UFW_PAIR)


# sshd 9.8 and later closes its door to who knocks often without coming in, as the watch over the outage does
EXEMPT = 'echo PerSourcePenalties no > /etc/ssh/sshd_config.d/watch.conf; sshd -t && systemctl reload ssh || rm /etc/ssh/sshd_config.d/watch.conf'


@pytest.fixture(scope='module')
def both_firewalls(ufw_pair):
    """The fleet BOTH: two hosts with firewalld, two with ufw, that have rules of others; a list of their pictures,
    which is one long."""
    fleet.BOTH.shell(f'({EXEMPT}) 2>/dev/null')
    fleet.BOTH.each(fleet.FOREIGN)
    yield [fleet.BOTH.pictures()]
    fleet.BOTH.each(fleet.CLEAN)
    fleet.BOTH.shell('rm -f /etc/ssh/sshd_config.d/watch.conf; systemctl reload ssh')


@pytest.fixture
def before(both_firewalls):
    """The pictures of released hosts that have rules of others. What a test did to them beyond our rules is undone."""
    yield both_firewalls[0]
    fleet.BOTH.all(faults.remove)
    fleet.BOTH.shell('umount /etc/ufw /var/lib/portmatrix 2>/dev/null; true')
    fleet.BOTH.wait_until_decided()
    fleet.BOTH.release()
    if fleet.BOTH.pictures() != both_firewalls[0]:
        fleet.BOTH.each(fleet.CLEAN)
        fleet.BOTH.each(fleet.FOREIGN)
        both_firewalls[0] = fleet.BOTH.pictures()
