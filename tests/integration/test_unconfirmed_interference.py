"""Another run, or an administrator, interferes while a change is pending: the host never has a mixture of rules."""

from __future__ import annotations

import concurrent.futures
import re

import faults
import lab
import outage
import pytest
import testbed
from faults import LOAD4, LOAD6, UNTIL_A_LOCK_IS_AWAITED, Fault
from fleet import FLEET, ROUNDS

TOKEN = 'grep -o \'"token": "[0-9a-f]*"\' /var/lib/portmatrix/pending/state.json'
STOP_TIMER = 'systemctl stop portmatrix-rollback.timer'
IS_STOPPED = '! systemctl -q is-active portmatrix-rollback.timer && echo stopped; true'


def test_a_second_run_during_the_window_waits_for_its_end(before):
    for _round in range(ROUNDS):
        FLEET.apply_and_kill_controller()
        FLEET.map(faults.accept_new_connections)
        pending = FLEET.shell(TOKEN)
        with outage.Outage(FLEET.hosts) as management, concurrent.futures.ThreadPoolExecutor(1) as pool:
            second = pool.submit(FLEET.play)
            FLEET.wait_for_module()
            with pytest.raises(concurrent.futures.TimeoutError):
                second.result(3)
            assert FLEET.shell(TOKEN) == pending, 'the second run did not wait'
            FLEET.end_window()
            run = second.result()
        assert set(run.statuses().values()) == {'changed'}, run.output
        FLEET.assert_converges()
        outage.record('second run during the window', len(FLEET.hosts), max(management.longest.values()))
        FLEET.release()
        FLEET.shell_by_firewall({'firewalld': 'firewall-cmd -q --zone=public --add-port=9101/tcp', 'ufw': 'true'})


@pytest.mark.long
def test_the_timer_is_stopped_so_the_next_run_decides(before):
    FLEET.map(lambda host: faults.run_when(host, faults.APPLIED, STOP_TIMER))
    FLEET.apply_and_kill_controller(window=FLEET.short_window)
    lab.wait_for(lambda: all(FLEET.shell(IS_STOPPED).values()), 'the end of the timers', seconds=60)
    assert all(FLEET.shell(TOKEN).values())
    FLEET.shell_by_firewall({'firewalld': 'firewall-cmd -q --zone=public --add-port=9103/tcp', 'ufw': 'true'})
    FLEET.map(faults.accept_new_connections)
    run = FLEET.play()
    assert set(run.statuses().values()) == {'changed'}, run.output
    FLEET.assert_converges()
    assert (
        'firewalld'
        not in FLEET.shell_by_firewall(
            {'firewalld': 'firewall-cmd -q --zone=public --query-port=9103/tcp || echo firewalld', 'ufw': 'true'}
        ).values()
    )
    outage.record('the timer is stopped', len(FLEET.hosts), None)


def test_the_firewall_is_changed_by_hand_during_the_window(before):
    """A rule is added to ufw, firewalld is reloaded: never a mixture. That change is kept, that of portmatrix is not,
    and the run reports why."""
    reload = ('busctl', '*" reload"')
    meanwhile = {
        'ufw': Fault(*LOAD6, after=f'systemd-run --quiet --on-active=0 ufw allow 9200/tcp; {UNTIL_A_LOCK_IS_AWAITED}'),
        'firewalld': Fault(*reload, after='systemd-run --quiet sh -c "sleep 0.4; firewall-cmd -q --reload"'),
    }
    FLEET.map(lambda host: faults.install(host, meanwhile[FLEET.firewalls[host]]))
    run = FLEET.play()
    FLEET.map(faults.remove)
    FLEET.wait_until_decided()
    for host, firewall in FLEET.firewalls.items():
        status = run.statuses()[host]
        if firewall == 'ufw':
            assert status == 'failed' and 'another program changed /etc/ufw/user' in run.results[host]['msg'], (
                run.output
            )
            text = testbed.shell(host, 'ufw status') + testbed.filter_rules(host)
            assert '9200/tcp' in text and text.count('--dport 9200 -j ACCEPT') == 2 and 'portmatrix' not in text
        else:
            # a reload is seen if it happens before the confirmation; after it, it loads what was kept
            assert status == 'changed' or 'the host has its former rules back' in run.results[host]['msg'], run.output
            text = testbed.shell(
                host, 'firewall-cmd --get-policies; nft list table inet firewalld; ls /etc/firewalld/policies'
            )
            assert ('portmatrix-in' in text) is (status == 'changed')
    FLEET.shell_by_firewall(
        {'firewalld': 'firewall-cmd -q --zone=public --add-port=9101/tcp', 'ufw': 'ufw delete allow 9200/tcp'}
    )
    FLEET.assert_converges()


@pytest.mark.long
def test_ufw_is_disabled_during_the_window(before):
    """The rules that ufw removed from the kernel are not restored with the former rules of portmatrix."""
    assert FLEET.play().code == 0
    hosts = FLEET.with_firewall('ufw')
    disable = Fault(*LOAD4, after=f'systemd-run --quiet --on-active=0 ufw disable; {UNTIL_A_LOCK_IS_AWAITED}')
    testbed.map_hosts(lambda host: faults.install(host, disable), hosts)
    run = FLEET.play('-e', 'portmatrix_exclusive=false', '-e', 'enstratius_console_port=8444')
    FLEET.map(faults.remove)
    FLEET.wait_until_decided()
    for host in hosts:
        assert run.statuses()[host] == 'failed' and run.results[host]['rolled_back'] is True, run.output
        assert 'inactive' in testbed.shell(host, 'ufw status')
        assert not re.search('(?m)^-A ufw|portmatrix', testbed.filter_rules(host))
    testbed.map_hosts(lambda host: testbed.shell(host, 'ufw --force enable'), hosts)
    FLEET.assert_converges()
