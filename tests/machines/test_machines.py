"""Faults that take a machine with its own kernel, clock and disk: the clock jumps, the power is lost."""

from __future__ import annotations

import faults
import fleet
import lab
import machine
import machine_fleets
import outage
import pytest
import testbed

MANAGED = 'nft list ruleset 2>/dev/null | grep -F 203.0.113.0/24; true'  # a peer of the inventory only
# when a change became pending and when it was decided, by the clock that cannot be set; the other clock is set to JUMP
# in between
CLOCK = 'cut -d" " -f1 /proc/uptime > /run/armed; date -s "{jump}"; while {armed}; do sleep 0.1; done; cut -d" " -f1 /proc/uptime > /run/decided'
# the machine loses power (it resets without a sync) SECONDS after a change was decided
RESET = 'while {armed}; do :; done; sleep {seconds}; echo 1 > /proc/sys/kernel/sysrq; echo b > /proc/sysrq-trigger'


def assert_unchanged(hosts: fleet.Fleet, before: dict[str, str]) -> None:
    assert hosts.map(testbed.file_state) == before
    assert set(hosts.shell(MANAGED).values()) == {''}


def test_the_clock_jumps_ahead_and_networkmanager_changes_a_zone_while_a_change_is_not_confirmed(
    hosts, before, firewalld
):
    """The host rolls back at the end of the window, neither at once nor in ten years; the zone is the one to which
    NetworkManager has moved the interface meanwhile."""
    hosts.map(faults.drop_new_connections_until_decided)
    hosts.map(lambda host: faults.run_when(host, faults.ARMED, CLOCK.format(jump='10 years', armed=faults.ARMED)))
    faults.run_when(firewalld, faults.ARMED, machine_fleets.move_command('work'))
    run = hosts.play(window=hosts.short_window)
    assert all(run.results[host].get('rolled_back') is True for host in hosts.hosts), run.output
    waited = hosts.map(
        lambda host: [float(text) for text in testbed.shell(host, 'cat /run/armed /run/decided').split()]
    )
    # that the window has begun may be noticed late, and its end takes time: a slow machine has ten times as much
    window = hosts.short_window
    assert all(window / 2 < end - start < window * 10 for start, end in waited.values()), (
        waited,
        [run.results[host]['msg'] for host in hosts.hosts],
    )
    assert machine_fleets.zone(firewalld) == 'work'
    testbed.shell(firewalld, machine_fleets.move_command(''))
    hosts.map(faults.accept_new_connections)
    assert_unchanged(hosts, before)
    outage.record('the clock jumps ahead', len(hosts.hosts), None)


def cut_power(hosts: fleet.Fleet) -> None:
    for host in hosts.hosts:
        machine.cut_power(host)
        machine.boot(host)
    hosts.map(machine.wait_until_up)
    hosts.wait_until_decided()


def test_the_power_is_lost_while_a_change_is_pending(hosts, before):
    hosts.apply_and_kill_controller()
    cut_power(hosts)
    assert_unchanged(hosts, before)
    outage.record('power lost inside the window', len(hosts.hosts), None)


@pytest.mark.parametrize('seconds', [0, 0.1, 0.5])
def test_the_clock_jumps_back_and_the_power_is_lost_while_a_change_is_kept(hosts, before, seconds):
    """Each host has wholly its former rules or wholly the new ones, whatever is on its disk; a later run agrees."""
    hosts.map(
        lambda host: faults.run_when(
            host, faults.ARMED, f'date -s "10 years ago"; {RESET.format(armed=faults.ARMED, seconds=seconds)}'
        )
    )
    hosts.play(window=hosts.short_window)
    hosts.map(lambda host: lab.wait_for(lambda: not machine.is_running(host), f'the end of {host}', seconds=300))
    cut_power(hosts)
    kept = {host for host, rules in hosts.shell(MANAGED).items() if rules}
    files = hosts.map(testbed.file_state)
    assert all((files[host] == before[host]) == (host not in kept) for host in hosts.hosts), kept
    assert hosts.play().statuses() == {host: 'ok' if host in kept else 'changed' for host in hosts.hosts}
    outage.record(f'power lost {seconds} s after a change was decided ({len(kept)} kept)', len(hosts.hosts), None)
