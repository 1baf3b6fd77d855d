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


OURS = 'ls -d /var/lib/portmatrix /etc/firewalld/policies/portmatrix-* /etc/firewalld/ipsets/portmatrix-* 2>/dev/null; grep -ls portmatrix /etc/ufw/*.rules'


def release(hosts=tuple(world.HOSTS)) -> None:
    """Take everything of ours off HOSTS; those that have nothing are not asked."""
    found = [host for host, listing in world.on_all(lambda host: world.shell(host, f'{OURS}; true'), hosts).items() if listing]
    if found:
        assert world.play('portmatrix.firewall.release', '-l', ','.join(found)).code == 0


@pytest.fixture
def released():
    """A lab that nothing of ours is on, before and after the test."""
    release()
    yield
    release()


# An administrator's way from firewalld to ufw and back; the built-in chains of iptables come into being with their first use.
CLEAR_TABLES = 'for tool in iptables ip6tables; do $tool -F; $tool -X; for chain in INPUT OUTPUT FORWARD; do $tool -P $chain ACCEPT; done; done'
TO_UFW = f'systemctl disable -q --now firewalld; [ -d /root/ufw.d ] || cp -a /etc/ufw /root/ufw.d; cp -an /etc/default/ufw /root/ufw.default; {CLEAR_TABLES}'
RESET_UFW = f'''
ufw --force disable >/dev/null; systemctl disable -q ufw; rm -rf /etc/ufw; cp -a /root/ufw.d /etc/ufw; cp -a /root/ufw.default /etc/default/ufw; {CLEAR_TABLES}
'''
TO_FIREWALLD = f'{RESET_UFW} systemctl enable -q --now firewalld'


@pytest.fixture
def ufw(released):
    """A released lab whose hosts have ufw for their firewall: installed, and switched off."""
    world.on_all(lambda host: world.shell(host, TO_UFW))
    yield
    release()
    world.on_all(lambda host: world.shell(host, TO_FIREWALLD))


UFW_PAIR = ['data1', 'data2']  # Debian 12 and 13


@pytest.fixture(scope='module')
def ufw_pair():
    """The same for two hosts, for all tests of a file."""
    release()
    world.on_all(lambda host: world.shell(host, TO_UFW), UFW_PAIR)
    yield
    release()
    world.on_all(lambda host: world.shell(host, TO_FIREWALLD), UFW_PAIR)


@pytest.fixture
def plain_ufw(ufw_pair):
    """Two hosts with ufw as it comes, switched off, before and after the test."""
    yield
    release(UFW_PAIR)
    world.on_all(lambda host: world.shell(host, RESET_UFW), UFW_PAIR)
