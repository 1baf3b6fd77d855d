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


# An administrator's way from firewalld to ufw and back; the built-in chains of iptables come into being with their first use.
CLEAR_TABLES = 'for tool in iptables ip6tables; do $tool -F; $tool -X; for chain in INPUT OUTPUT FORWARD; do $tool -P $chain ACCEPT; done; done'
TO_UFW = f'systemctl disable -q --now firewalld; [ -d /run/ufw.d ] || cp -a /etc/ufw /run/ufw.d; cp -an /etc/default/ufw /run/ufw.default; {CLEAR_TABLES}'
RESET_UFW = f'''
ufw --force disable >/dev/null; systemctl disable -q ufw; rm -rf /etc/ufw; cp -a /run/ufw.d /etc/ufw; cp -a /run/ufw.default /etc/default/ufw; {CLEAR_TABLES}
'''
TO_FIREWALLD = f'{RESET_UFW} systemctl enable -q --now firewalld'


@pytest.fixture
def ufw(released):
    """A released lab whose hosts have ufw for their firewall: installed, and switched off."""
    world.on_all(lambda host: world.shell(host, TO_UFW))
    yield
    assert world.play('portmatrix.firewall.release').code == 0
    world.on_all(lambda host: world.shell(host, TO_FIREWALLD))


UFW_PAIR = ['data1', 'data2']  # Debian 12 and 13


@pytest.fixture(scope='module')
def ufw_pair():
    """The same for two hosts, for all tests of a file."""
    assert world.play('portmatrix.firewall.release').code == 0
    world.on_all(lambda host: world.shell(host, TO_UFW), UFW_PAIR)
    yield
    assert world.play('portmatrix.firewall.release').code == 0
    world.on_all(lambda host: world.shell(host, TO_FIREWALLD), UFW_PAIR)


@pytest.fixture
def plain_ufw(ufw_pair):
    """Two hosts with ufw as it comes, switched off, before and after the test."""
    yield
    assert world.play('portmatrix.firewall.release', '-l', ','.join(UFW_PAIR)).code == 0
    world.on_all(lambda host: world.shell(host, RESET_UFW), UFW_PAIR)
