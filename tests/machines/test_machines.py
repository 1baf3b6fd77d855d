"""What takes a machine of its own, with a kernel, a clock and a disk that no other host shares: the clock jumps, the power goes, NetworkManager is at work.

One virtual machine has firewalld and a direct rule (its kernel has ip_set), the other one ufw. PORTMATRIX_FAULT_ROUNDS repeats it all, every other time with
the firewalls changed over.
"""

from __future__ import annotations

import time

import faults
import fleet
import machine
import outage
import pytest
import world
from fleet import ROUNDS

# a processor that is emulated takes its time
FLEETS = [fleet.Fleet({'vm1': one, 'vm2': other}, machine.INVENTORY, window=20) for one, other in (('ufw', 'firewalld'), ('firewalld', 'ufw'))]
DIRECT = 'ipv4 filter INPUT 0 -s 192.0.2.11 -j ACCEPT'
STOCK = {
    'ufw': f'{fleet.TO_UFW}; ufw allow 22/tcp; ufw --force enable',
    'firewalld': f'firewall-cmd -q --permanent --direct --add-rule {DIRECT}; firewall-cmd -q --reload',
}
FORMER = {'ufw': fleet.TO_FIREWALLD, 'firewalld': f'firewall-cmd -q --permanent --direct --remove-rule {DIRECT}; firewall-cmd -q --reload'}
OURS = 'nft list ruleset 2>/dev/null | grep -F 203.0.113.0/24; true'  # a peer that only the inventory names
# when a change began to wait and when it was decided, by the clock that nobody can set; between them the other one JUMPs
CLOCK = 'cut -d" " -f1 /proc/uptime > /run/armed; date -s "{jump}"; while {armed}; do sleep 0.1; done; cut -d" " -f1 /proc/uptime > /run/decided'


@pytest.fixture(scope='module')
def machines():
    machine.start_all()
    yield
    for name in machine.HOSTS:
        machine.stop(name)


@pytest.fixture(scope='module', params=range(ROUNDS))
def hosts(machines, request):
    found = FLEETS[request.param % 2]
    found.each(STOCK)
    yield found
    found.each(FORMER)


def as_before(hosts: fleet.Fleet, before: dict[str, str]) -> None:
    assert hosts.all(world.files) == before
    assert set(hosts.shell(OURS).values()) == {''}


@pytest.fixture
def before(hosts):
    """Released hosts, and their files."""
    yield hosts.all(world.files)
    hosts.shell(f'date -s @{time.time():.0f}')
    hosts.all(faults.remove)
    hosts.wait_until_decided()
    hosts.release()


def firewalld(hosts: fleet.Fleet) -> str:
    return next(host for host, name in hosts.firewalls.items() if name == 'firewalld')


def zone(host: str) -> str:
    return world.shell(host, 'firewall-cmd --get-zone-of-interface=eth0').strip()


def move(name: str) -> str:
    return f'nmcli connection modify lab connection.zone "{name}" && nmcli connection up lab >/dev/null'


def test_the_clock_jumps_ahead_and_networkmanager_moves_a_zone_while_a_change_waits_in_vain(hosts, before):
    """The host goes back in its time, neither at once nor in ten years; the zone is where NetworkManager put it meanwhile."""
    hosts.all(lambda host: faults.hang_new_connections(host, seconds=hosts.window + 5))
    hosts.all(lambda host: faults.once(host, CLOCK.format(jump='10 years', armed=faults.ARMED)))
    faults.once(firewalld(hosts), move('work'))
    run = hosts.play()
    assert all(run.results[host].get('rolled_back') is True for host in hosts.hosts), run.output
    waited = hosts.all(lambda host: [float(text) for text in world.shell(host, 'cat /run/armed /run/decided').split()])
    assert all(hosts.window - 5 < end - start < hosts.window + 15 for start, end in waited.values()), (
        waited,
        [run.results[host]['msg'] for host in hosts.hosts],
    )
    assert zone(firewalld(hosts)) == 'work'
    world.shell(firewalld(hosts), move(''))
    hosts.all(faults.answer_again)
    as_before(hosts, before)
    outage.note('the clock jumps ahead', len(hosts.hosts), None)


def cut_power(hosts: fleet.Fleet) -> None:
    for host in hosts.hosts:
        machine.cut_power(host)
        machine.boot(host)
    hosts.all(machine.wait_until_up)
    hosts.wait_until_decided()


def test_the_power_goes_while_a_change_waits(hosts, before):
    hosts.lose_the_controller()
    cut_power(hosts)
    as_before(hosts, before)
    outage.note('power lost inside the window', len(hosts.hosts), None)
