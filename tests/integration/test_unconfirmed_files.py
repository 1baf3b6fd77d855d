"""Full disks, files that cannot be written, and power losses while a change is pending or is being kept: each host has
wholly its former rules."""

from __future__ import annotations

import faults
import lab
import outage
import pytest
import testbed
from faults import LOAD6, Fault
from fleet import FLEET, ROUNDS

READ_ONLY = 'mount --bind /etc/{0} /etc/{0}; mount -o remount,bind,ro /etc/{0}'
FULL = (
    'cp -a /etc/{0} /run/{0}.copy; mount -t tmpfs -o size=1m tmpfs /etc/{0}; cp -a /run/{0}.copy/. /etc/{0}; rm -rf '
    '/run/{0}.copy;'
    'dd if=/dev/zero of=/etc/{0}/fill bs=4k 2>/dev/null; true'
)


def test_no_room_on_the_disk_for_the_rollback(before):
    FLEET.shell('mkdir -p /var/lib/portmatrix; mount -t tmpfs -o size=16k,mode=700 tmpfs /var/lib/portmatrix')
    run = FLEET.play()
    assert all(
        'the rollback could not be prepared, so nothing was changed' in run.results[host]['msg'] for host in FLEET.hosts
    ), run.output
    FLEET.shell('umount /var/lib/portmatrix; rmdir /var/lib/portmatrix')
    FLEET.assert_unchanged(before)
    FLEET.assert_converges()


def test_a_rollback_that_could_not_run(before):
    """What systemd starts has its own environment; if the program does not run in it, nothing is changed."""
    FLEET.shell('systemctl set-environment PYTHONHOME=/nowhere')
    run = FLEET.play()
    FLEET.shell('systemctl unset-environment PYTHONHOME')
    assert all(
        'the rollback could not be prepared, so nothing was changed: systemd-run' in run.results[host]['msg']
        for host in FLEET.hosts
    ), run.output
    FLEET.assert_unchanged(before)


@pytest.mark.parametrize(('what', 'harm'), [('read-only', READ_ONLY), ('full', FULL)])
def test_files_that_cannot_be_written_when_the_change_is_confirmed(before, what, harm):
    for _round in range(ROUNDS):
        for host, firewall in FLEET.firewalls.items():
            if firewall == 'ufw':
                faults.install(host, Fault(*LOAD6, after=harm.format('ufw')))
            else:
                # its former files are written back right after the reload; these become unwritable between that and
                # the confirmation, which has to wait for it
                faults.drop_new_connections(host, then=f'{faults.until(faults.APPLIED)}; {harm.format("firewalld")}')
        run = FLEET.play()
        assert all('the host has its former rules back' in run.results[host]['msg'] for host in FLEET.hosts), run.output
        FLEET.map(faults.remove)
        FLEET.shell_by_firewall({'firewalld': 'umount /etc/firewalld', 'ufw': 'umount /etc/ufw'})
        FLEET.assert_unchanged(before)
        outage.record(f'files {what} when the change is kept', len(FLEET.hosts), None)
    FLEET.assert_converges()


def test_a_disk_that_becomes_read_only_while_a_change_is_pending(before):
    """The mark of the decision cannot be written: the rules are rolled back all the same, the rest once the disk can
    be written again."""
    former = {host: state['kernel'] for host, state in before.items()}

    def is_rolled_back() -> bool:
        rules = FLEET.map(testbed.kernel_rules)
        return {host: sorted(text.split('\n')) for host, text in rules.items()} == former

    FLEET.apply_and_kill_controller()
    FLEET.shell('mount --bind /var/lib/portmatrix /var/lib/portmatrix; mount -o remount,bind,ro /var/lib/portmatrix')
    FLEET.map(faults.accept_new_connections)
    assert not is_rolled_back()
    FLEET.end_window()
    lab.wait_for(is_rolled_back, 'the former rules of every host', seconds=120)
    assert all(FLEET.shell('ls /var/lib/portmatrix/pending').values())
    FLEET.shell('umount /var/lib/portmatrix')
    FLEET.wait_until_decided()
    FLEET.assert_unchanged(before)
    outage.record('/var turns read-only while a change waits', len(FLEET.hosts), None)


def test_power_is_lost_inside_and_after_the_window(before):
    for _round in range(ROUNDS):
        FLEET.apply_and_kill_controller()
        faults.power_cycle(FLEET.hosts)
        FLEET.wait_until_decided()
        assert FLEET.map(lambda host: sorted(testbed.file_state(host).split('\n'))) == {
            host: state['files'] for host, state in before.items()
        }
        managed = 'nft list ruleset 2>/dev/null | grep -cE "dport (3306|3302|5050|8888|8443)|dports.*(3306|8098)"; true'
        assert set(FLEET.map(lambda host, managed=managed: testbed.shell(host, managed).strip()).values()) == {'0'}
        outage.record('power lost inside the window', len(FLEET.hosts), None)
    assert FLEET.play().code == 0
    kept = FLEET.map(testbed.file_state)
    faults.power_cycle(FLEET.hosts)
    assert FLEET.map(testbed.file_state) == kept
    assert set(FLEET.play().statuses().values()) == {'ok'}, 'a host did not start with what was confirmed'
    outage.record('power lost after the window', len(FLEET.hosts), None)
