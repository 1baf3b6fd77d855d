"""Disks that are full, files that cannot be written, and power that is lost, while a change is made or kept: each host
is wholly as before."""

from __future__ import annotations

import time

import faults
import outage
import pytest
import world
from faults import LOAD6, Fault
from fleet import BOTH as FLEET, ROUNDS

READ_ONLY = 'mount --bind /etc/{0} /etc/{0}; mount -o remount,bind,ro /etc/{0}'
FULL = (
    'cp -a /etc/{0} /run/{0}.copy; mount -t tmpfs -o size=1m tmpfs /etc/{0}; cp -a /run/{0}.copy/. /etc/{0}; rm -rf '
    '/run/{0}.copy;'
    'dd if=/dev/zero of=/etc/{0}/fill bs=4k 2>/dev/null; true'
)


def test_no_room_on_the_disk_for_the_way_back(before):
    FLEET.shell('mkdir -p /var/lib/portmatrix; mount -t tmpfs -o size=16k tmpfs /var/lib/portmatrix')
    run = FLEET.play()
    assert all(
        'the rollback could not be prepared, so nothing was changed' in run.results[host]['msg'] for host in FLEET.hosts
    ), run.output
    FLEET.shell('umount /var/lib/portmatrix; rmdir /var/lib/portmatrix')
    FLEET.is_as(before)
    FLEET.converges()


def test_a_way_back_that_could_not_be_gone(before):
    """What systemd starts has an environment of its own; where the program does not run in it, nothing is changed."""
    FLEET.shell('systemctl set-environment PYTHONHOME=/nowhere')
    run = FLEET.play()
    FLEET.shell('systemctl unset-environment PYTHONHOME')
    assert all(
        'the rollback could not be prepared, so nothing was changed: systemd-run' in run.results[host]['msg']
        for host in FLEET.hosts
    ), run.output
    FLEET.is_as(before)


@pytest.mark.parametrize(('what', 'harm'), [('read-only', READ_ONLY), ('full', FULL)])
def test_files_that_cannot_be_written_when_the_change_is_confirmed(before, what, harm):
    for _round in range(ROUNDS):
        for host, firewall in FLEET.firewalls.items():
            if firewall == 'ufw':
                faults.install(host, Fault(*LOAD6, after=harm.format('ufw')))
            else:
                # its files are put back right after the reload; they become unwritable once the change waits, and the
                # confirmation comes a little later
                faults.hang_new_connections(host, seconds=2)
                faults.once(host, f'sleep 1.2; {harm.format("firewalld")}')
        run = FLEET.play()
        assert all('the host has its former rules back' in run.results[host]['msg'] for host in FLEET.hosts), run.output
        FLEET.all(faults.remove)
        FLEET.each({'firewalld': 'umount /etc/firewalld', 'ufw': 'umount /etc/ufw'})
        FLEET.is_as(before)
        outage.note(f'files {what} when the change is kept', len(FLEET.hosts), None)
    FLEET.converges()


def test_a_disk_that_turns_read_only_while_a_change_waits(before):
    """The mark that says who decided cannot be made; the rules go back in their time all the same, and the rest once
    the disk can be written again."""
    FLEET.lose_the_controller()
    FLEET.shell('mount --bind /var/lib/portmatrix /var/lib/portmatrix; mount -o remount,bind,ro /var/lib/portmatrix')
    FLEET.all(faults.answer_again)
    time.sleep(FLEET.window + 5)
    kernels = FLEET.all(world.kernel)
    assert {host: sorted(text.split('\n')) for host, text in kernels.items()} == {
        host: picture['kernel'] for host, picture in before.items()
    }
    assert all(FLEET.shell('ls /var/lib/portmatrix/pending').values())
    FLEET.shell('umount /var/lib/portmatrix')
    FLEET.wait_until_decided()
    FLEET.is_as(before)
    outage.note('/var turns read-only while a change waits', len(FLEET.hosts), None)


def test_power_is_lost_inside_and_after_the_window(before):
    for _round in range(ROUNDS):
        FLEET.lose_the_controller()
        faults.power_cycle(FLEET.hosts)
        FLEET.wait_until_decided()
        assert FLEET.all(lambda host: sorted(world.files(host).split('\n'))) == {
            host: picture['files'] for host, picture in before.items()
        }
        ours = 'nft list ruleset 2>/dev/null | grep -cE "dport (3306|3302|5050|8888|8443)|dports.*(3306|8098)"; true'
        assert set(FLEET.all(lambda host, ours=ours: world.shell(host, ours).strip()).values()) == {'0'}
        outage.note('power lost inside the window', len(FLEET.hosts), None)
    assert FLEET.play().code == 0
    kept = FLEET.all(world.files)
    faults.power_cycle(FLEET.hosts)
    assert FLEET.all(world.files) == kept
    assert set(FLEET.play().statuses().values()) == {'ok'}, 'a host did not start with what was confirmed'
    outage.note('power lost after the window', len(FLEET.hosts), None)
