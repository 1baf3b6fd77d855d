"""What takes a machine of its own, with a kernel, a clock and a disk that no other host shares: the clock jumps, the
power goes."""

from __future__ import annotations

import faults
import fleet
import lab
import machine
import outage
import pytest
import stock
import world

OURS = 'nft list ruleset 2>/dev/null | grep -F 203.0.113.0/24; true'  # a peer that only the inventory names
# when a change began to wait and when it was decided, by the clock that nobody can set; between them the other one
# JUMPs
CLOCK = 'cut -d" " -f1 /proc/uptime > /run/armed; date -s "{jump}"; while {armed}; do sleep 0.1; done; cut -d" " -f1 /proc/uptime > /run/decided'
# the machine loses its power (it resets, with nothing synced) some SECONDS after a change was decided
RESET = 'while {armed}; do :; done; sleep {seconds}; echo 1 > /proc/sys/kernel/sysrq; echo b > /proc/sysrq-trigger'


def as_before(hosts: fleet.Fleet, before: dict[str, str]) -> None:
    assert hosts.all(world.files) == before
    assert set(hosts.shell(OURS).values()) == {''}


def test_the_clock_jumps_ahead_and_networkmanager_moves_a_zone_while_a_change_waits_in_vain(hosts, before, firewalld):
    """The host goes back in its time, neither at once nor in ten years; the zone is where NetworkManager put it
    meanwhile."""
    hosts.all(lambda host: faults.hang_new_connections(host, seconds=hosts.window + 5))
    hosts.all(lambda host: faults.once(host, CLOCK.format(jump='10 years', armed=faults.ARMED)))
    faults.once(firewalld, stock.move('work'))
    run = hosts.play()
    assert all(run.results[host].get('rolled_back') is True for host in hosts.hosts), run.output
    waited = hosts.all(lambda host: [float(text) for text in world.shell(host, 'cat /run/armed /run/decided').split()])
    assert all(hosts.window - 5 < end - start < hosts.window + 15 for start, end in waited.values()), (
        waited,
        [run.results[host]['msg'] for host in hosts.hosts],
    )
    assert stock.zone(firewalld) == 'work'
    world.shell(firewalld, stock.move(''))
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


@pytest.mark.parametrize('seconds', [0, 0.1, 0.5])
def test_the_clock_jumps_back_and_the_power_goes_while_a_change_is_kept(hosts, before, seconds):
    """Each host is wholly old or wholly new, whatever had reached its disk; a run that follows says the same."""
    hosts.all(
        lambda host: faults.once(host, f'date -s "10 years ago"; {RESET.format(armed=faults.ARMED, seconds=seconds)}')
    )
    hosts.play()
    hosts.all(lambda host: lab.wait_for(lambda: not machine.running(host), f'the end of {host}', seconds=60))
    cut_power(hosts)
    kept = {host for host, rules in hosts.shell(OURS).items() if rules}
    files = hosts.all(world.files)
    assert all((files[host] == before[host]) == (host not in kept) for host in hosts.hosts), kept
    assert hosts.play().statuses() == {host: 'ok' if host in kept else 'changed' for host in hosts.hosts}
    outage.note(f'power lost {seconds} s after a change was decided ({len(kept)} kept)', len(hosts.hosts), None)
