"""What takes a machine of its own, with a kernel, a clock and a disk that no other host shares: the clock jumps, the power goes, NetworkManager is at work.

One virtual machine has firewalld and a direct rule (its kernel has ip_set), the other one ufw. PORTMATRIX_FAULT_ROUNDS repeats it all, every other time with
the firewalls changed over.
"""

from __future__ import annotations

import time

import faults
import fleet
import lab
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
# as a cut of the power, at a moment that the machine itself chooses: right after the decision, which is over too soon for anybody who looks now and then
RESET = f'while {faults.ARMED}; do :; done; sleep 0.05; echo b > /proc/sysrq-trigger'


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


def state(hosts: fleet.Fleet) -> dict[str, list[str]]:
    """Files and kernel of every host, without regard to the order in which the kernel lists chains."""
    return hosts.all(lambda host: sorted(f'{world.files(host)}\n{world.kernel(host)}'.split('\n')))


@pytest.fixture
def before(hosts):
    """Released hosts, and their state."""
    yield state(hosts)
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
    assert state(hosts) == before
    outage.note('the clock jumps ahead', len(hosts.hosts), None)


def cut_power(hosts: fleet.Fleet) -> None:
    for host in hosts.hosts:
        machine.cut_power(host)
        machine.boot(host)
    hosts.all(machine.wait_until_up)
    hosts.wait_until_decided()


def test_the_power_goes_while_a_change_waits(hosts, before):
    hosts.lose_the_controller()
    assert all(hosts.shell(OURS).values())
    cut_power(hosts)
    assert state(hosts) == before
    outage.note('power lost inside the window', len(hosts.hosts), None)


def test_the_clock_jumps_back_and_the_power_goes_at_the_very_moment_that_a_change_is_kept(hosts, before):
    """Decided is decided: what was to be kept is there, whatever of it had not reached the disk. NetworkManager's zones make no difference to it."""
    hosts.all(lambda host: faults.once(host, f'date -s "10 years ago"; {RESET}'))
    hosts.play()
    hosts.all(lambda host: lab.wait_for(lambda: not machine.running(host), f'the end of {host}', seconds=60))
    cut_power(hosts)
    assert all(hosts.shell(OURS).values())
    kept = state(hosts)
    run = hosts.play()
    assert set(run.statuses().values()) == {'ok'}, run.output
    assert state(hosts) == kept
    outage.note('the clock jumps back, and power lost while the change is kept', len(hosts.hosts), None)
    zones_make_no_difference(hosts, firewalld(hosts))


def zones_make_no_difference(hosts: fleet.Fleet, host: str) -> None:
    world.shell(host, 'systemd-run --quiet --unit=web python3 -m http.server 9999 --bind ::')
    world.shell(host, move('trusted'))
    assert zone(host) == 'trusted' and not reachable(host)
    world.shell(host, 'systemctl restart firewalld; for n in $(seq 99); do firewall-cmd --get-zones -q && break; sleep 0.2; done; sleep 2')
    assert zone(host) == 'trusted' and not reachable(host)
    hosts.release()
    assert zone(host) == 'trusted' and reachable(host)
    assert DIRECT in world.shell(host, 'firewall-cmd --direct --get-all-rules')
    world.shell(host, f'systemctl stop web; {move("")}')


def reachable(host: str) -> bool:
    """Whether a port of HOST that no document has is open to a host that is nobody."""
    return world.probe('edge1', 'connect', {'targets': [['tcp', machine.HOSTS[host]['ansible_host'], 9999]]}) == [True]
