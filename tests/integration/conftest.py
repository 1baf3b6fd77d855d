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

import cases
import documented
import faults
import firewall_scripts
import fleet
import testbed
import ufw_pair as pair


def pytest_configure(config):
    config.addinivalue_line('markers', 'long: run by `bash tests/run.sh long` only')


def pytest_collection_modifyitems(config, items):
    left_out = [] if cases.ALL else [item for item in items if item.get_closest_marker('long')]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope='session')
def expectation() -> documented.Expectation:
    return documented.Expectation()


@pytest.fixture
def released():
    """A lab without anything that portmatrix manages, before and after the test."""
    fleet.release()
    yield
    fleet.release()


@pytest.fixture
def ufw(released):
    """A released lab whose hosts have ufw as their firewall: installed, but not enabled."""
    testbed.map_hosts(lambda host: testbed.shell(host, firewall_scripts.SWITCH_TO_UFW))
    yield
    fleet.release()
    testbed.map_hosts(lambda host: testbed.shell(host, firewall_scripts.SWITCH_TO_FIREWALLD))


@pytest.fixture(scope='module')
def ufw_pair():
    """The same for two hosts, for all tests of a file."""
    fleet.release()
    testbed.map_hosts(lambda host: testbed.shell(host, firewall_scripts.SWITCH_TO_UFW), pair.HOSTS)
    yield
    fleet.release()
    testbed.map_hosts(lambda host: testbed.shell(host, firewall_scripts.SWITCH_TO_FIREWALLD), pair.HOSTS)


@pytest.fixture
def plain_ufw(ufw_pair):
    """Two hosts with ufw in its default configuration, not enabled, before and after the test."""
    yield
    fleet.release(pair.HOSTS)
    testbed.map_hosts(lambda host: testbed.shell(host, firewall_scripts.RESET_UFW), pair.HOSTS)


# sshd 9.8 and later refuses sources that connect often without a login, as the measurement of the outage does
EXEMPT = 'echo PerSourcePenalties no > /etc/ssh/sshd_config.d/watch.conf; sshd -t && systemctl reload ssh || rm /etc/ssh/sshd_config.d/watch.conf'


@pytest.fixture(scope='module')
def both_firewalls(ufw_pair):
    """The fleet, with rules that portmatrix does not manage; a list whose only entry is the states of its hosts."""
    fleet.FLEET.shell(f'({EXEMPT}) 2>/dev/null')
    fleet.FLEET.shell_by_firewall(firewall_scripts.ADD_UNMANAGED)
    yield [fleet.FLEET.states()]
    fleet.FLEET.shell_by_firewall(firewall_scripts.REMOVE_UNMANAGED)
    fleet.FLEET.shell('rm -f /etc/ssh/sshd_config.d/watch.conf; systemctl reload ssh')


@pytest.fixture
def before(both_firewalls):
    """The states of the released fleet with its unmanaged rules, which are added again if a test has changed them."""
    yield both_firewalls[0]
    fleet.FLEET.map(faults.remove)
    fleet.FLEET.shell('umount /etc/ufw /var/lib/portmatrix 2>/dev/null; true')
    fleet.FLEET.end_window()
    fleet.FLEET.wait_until_decided()
    fleet.FLEET.release()
    if fleet.FLEET.states() != both_firewalls[0]:
        fleet.FLEET.shell_by_firewall(firewall_scripts.REMOVE_UNMANAGED)
        fleet.FLEET.shell_by_firewall(firewall_scripts.ADD_UNMANAGED)
        both_firewalls[0] = fleet.FLEET.states()
