"""No lock-out: a change that is not confirmed over a new connection is rolled back by the host itself, whichever
process dies.

Both back ends on both Debian releases, in parallel. After each fault a host has wholly its former rules or wholly the
new ones, management access works, a second run converges, and unmanaged rules are kept. PORTMATRIX_FAULT_ROUNDS repeats
the faults.
"""

from __future__ import annotations

import re
import shutil

import faults
import outage
import pytest
import testbed
from faults import KILL, LOAD4, LOAD6, Fault
from fleet import FLEET, ROUNDS

RELOAD = ('busctl', '*" reload"')
ARM = ('systemd-run', '*on-active*')
DEATHS = {
    'once armed': {'firewalld': Fault(*ARM, after=KILL), 'ufw': Fault(*ARM, after=KILL)},
    'before anything is in force': {'firewalld': Fault(*RELOAD, before=KILL), 'ufw': Fault(*LOAD4, before=KILL)},
    'half-way': {
        'firewalld': Fault(*RELOAD, before='systemctl restart firewalld', after=KILL),
        'ufw': Fault(*LOAD4, after=KILL),
    },
    'once all is in force': {'firewalld': Fault(*RELOAD, after=KILL), 'ufw': Fault(*LOAD6, after=KILL)},
}
CUT = "pkill -KILL -f '^sshd[^ ]*: ops@'"  # all connections of the controller
BUS = 'systemctl start dbus; systemctl restart systemd-logind'
NO_BUS = 'systemctl kill -s KILL dbus; sleep 0.2'


def test_the_module_is_killed(before):
    """At another moment on every host; in two rounds, so that each back end has all of them."""
    names, hosts = list(DEATHS), FLEET.hosts
    for number in range(2 * ROUNDS):
        deaths = {host: names[(2 * number + place) % len(names)] for place, host in zip((0, 1, 0, 1), hosts)}
        FLEET.map(lambda host, deaths=deaths: faults.install(host, DEATHS[deaths[host]][FLEET.firewalls[host]]))
        with outage.Outage(FLEET.hosts) as management:
            run = FLEET.play(window=FLEET.short_window)
            assert set(run.statuses().values()) == {'failed'}, run.output
            assert all(FLEET.map(faults.has_happened).values()), deaths
            FLEET.map(faults.remove)
            FLEET.wait_until_decided()
        for host in FLEET.hosts:
            # the run has waited until the host could say how it ended
            assert run.results[host]['rolled_back'] is True, run.results[host]
            assert 'the module ended without a result' in run.results[host]['msg'], run.results[host]
        FLEET.assert_unchanged(before)
        for host, firewall in FLEET.firewalls.items():
            outage.record(f'module killed {deaths[host]} ({firewall})', 1, management.longest[host])
    FLEET.assert_converges()


def test_the_connection_is_lost_while_the_module_is_at_work(before):
    """The module goes on without it; the run asks over a new connection, and waits until the host can say how it
    ended."""
    cut = {'firewalld': Fault(*RELOAD, after=CUT), 'ufw': Fault(*LOAD6, after=CUT)}
    FLEET.map(lambda host: faults.install(host, cut[FLEET.firewalls[host]]))
    run = FLEET.play(window=FLEET.short_window)
    assert all(FLEET.map(faults.has_happened).values())
    FLEET.map(faults.remove)
    FLEET.wait_until_decided()
    for host in FLEET.hosts:
        assert run.results[host].get('rolled_back') is True, run.results[host]
        assert 'the connection was lost while the module was at work' in run.results[host]['msg'], run.results[host]
    FLEET.assert_unchanged(before)
    FLEET.assert_converges()
    FLEET.release()


@pytest.mark.long
def test_the_bus_is_lost_during_a_change(before):
    """D-Bus is killed during a change: each host has wholly its former rules or wholly the new ones, and once the bus
    is started again, a run converges."""
    at = {'firewalld': Fault(*RELOAD, before=NO_BUS), 'ufw': Fault(*LOAD4, after=NO_BUS)}
    for _round in range(ROUNDS):
        FLEET.map(lambda host: faults.install(host, at[FLEET.firewalls[host]]))
        with outage.Outage(FLEET.hosts) as management:
            run = FLEET.play(window=FLEET.short_window)
            FLEET.map(faults.remove)
            # without logind on the new bus, a login takes half a minute
            FLEET.shell_by_firewall({'firewalld': f'{BUS}; systemctl restart firewalld', 'ufw': BUS})
            FLEET.wait_until_decided()
        for host, firewall in FLEET.firewalls.items():
            files = testbed.shell(
                host,
                'ls /etc/firewalld/policies/portmatrix-in.xml 2>/dev/null; grep -ls portmatrix /etc/ufw/before.rules; '
                'true',
            )
            assert bool(files) is (run.statuses()[host] == 'changed'), run.output
            outage.record(f'D-Bus killed in mid-change ({firewall})', 1, management.longest[host])
        FLEET.release()
        FLEET.shell_by_firewall({'firewalld': 'firewall-cmd -q --zone=public --add-port=9101/tcp', 'ufw': 'true'})
        FLEET.assert_unchanged(before)
    FLEET.assert_converges()


def test_the_confirmation_is_killed_while_it_keeps_the_change(before):
    """What is decided is carried out: by the next attempt of the controller, or by the timer."""
    FLEET.shell_by_firewall({'firewalld': 'systemctl disable -q firewalld', 'ufw': 'systemctl disable -q ufw'})
    FLEET.map(lambda host: faults.install(host, Fault('systemctl', '*"enable "*', after=KILL)))
    run = FLEET.play('-e', 'portmatrix_backend={{ "firewalld" if inventory_hostname.startswith("mgmt") else "ufw" }}')
    assert set(run.statuses().values()) == {'changed'}, run.output
    assert all(FLEET.map(faults.has_happened).values())
    FLEET.map(faults.remove)
    FLEET.wait_until_decided()
    FLEET.assert_converges()
    FLEET.release()
    FLEET.shell_by_firewall({'firewalld': 'systemctl enable -q firewalld', 'ufw': 'true'})


def test_the_controller_is_killed(before):
    """On hosts that execute nothing under /var, as hardening guides recommend. The timer itself ends the window."""
    for _round in range(ROUNDS):
        FLEET.shell('mkdir -p /var/lib/portmatrix; mount -t tmpfs -o noexec,mode=700 tmpfs /var/lib/portmatrix')
        FLEET.apply_and_kill_controller(window=FLEET.short_window)
        FLEET.map(faults.accept_new_connections)
        with outage.Outage(FLEET.hosts) as management:
            FLEET.wait_until_decided()
        FLEET.shell('umount /var/lib/portmatrix; rmdir /var/lib/portmatrix')
        FLEET.assert_unchanged(before)
        outage.record('controller killed after apply', len(FLEET.hosts), max(management.longest.values()))
    FLEET.shell('mkdir -p /var/lib/portmatrix; mount -t tmpfs -o noexec,mode=700 tmpfs /var/lib/portmatrix')
    FLEET.assert_converges()
    FLEET.release()
    FLEET.shell('umount /var/lib/portmatrix; rmdir /var/lib/portmatrix')


def test_the_rollback_is_killed(before):
    """systemd starts it again."""
    restarts = 'journalctl --no-pager -u portmatrix-rollback.service | grep -c "Scheduled restart job"; true'
    former = FLEET.shell(restarts)
    FLEET.apply_and_kill_controller()
    FLEET.map(faults.accept_new_connections)
    FLEET.map(lambda host: faults.install(host, DEATHS['before anything is in force'][FLEET.firewalls[host]]))
    FLEET.end_window()
    FLEET.wait_until_decided()
    assert all(FLEET.map(faults.has_happened).values())
    counts = {host: int(text) - int(former[host]) for host, text in FLEET.shell(restarts).items()}
    assert counts == dict.fromkeys(FLEET.hosts, 1)
    FLEET.map(faults.remove)
    FLEET.assert_unchanged(before)
    outage.record('the rollback is killed', len(FLEET.hosts), None)


def test_a_host_without_systemd_is_rolled_back_too(before):
    """There a process that does not end with its session does what the timer does. (firewalld is a service of systemd;
    ufw does not need it.)"""
    hosts = FLEET.with_firewall('ufw')
    testbed.map_hosts(lambda host: testbed.shell(host, 'mv /run/systemd/system /run/systemd/system.gone'), hosts)
    try:
        FLEET.apply_and_kill_controller(hosts=hosts)
        waiting = 'grep -la "program rollback" /proc/[0-9]*/cmdline 2>/dev/null | grep -vc self; true'
        counts = testbed.map_hosts(lambda host: testbed.shell(host, waiting), hosts)
        assert all(int(count) for count in counts.values())
        testbed.map_hosts(faults.accept_new_connections, hosts)
        FLEET.end_window()
        FLEET.wait_until_decided()
    finally:
        testbed.map_hosts(lambda host: testbed.shell(host, 'mv /run/systemd/system.gone /run/systemd/system'), hosts)
    FLEET.assert_unchanged(before)
    outage.record('controller killed after apply, no systemd', len(hosts), None)
    FLEET.assert_converges()


def test_new_connections_hang(before):
    """Established sessions survive, new connections get no answer: the hosts roll back at the end of the window, and
    the run reports it. Of a host that stays silent, the run reports what is known."""
    silent = 'data2'
    for _round in range(ROUNDS):
        others = [host for host in FLEET.hosts if host != silent]
        testbed.map_hosts(faults.drop_new_connections_until_decided, others)
        faults.drop_new_connections(silent)
        run = FLEET.play(window=FLEET.short_window)
        assert set(run.statuses().values()) == {'failed'}, run.output
        for host in FLEET.hosts:
            known = (
                'the host did not answer after its window' if host == silent else 'the host has its former rules back'
            )
            expected = None if host == silent else True
            assert run.results[host]['rolled_back'] is expected and known in run.results[host]['msg'], run.output
        FLEET.map(faults.accept_new_connections)
        FLEET.wait_until_decided()
        FLEET.assert_unchanged(before)
        outage.record('new connections hang', len(FLEET.hosts), None)
    FLEET.assert_converges()


def test_a_guard_that_is_broken(before, tmp_path):
    """A collection whose guard neither keeps management access open nor sees a lock-out: the hosts apply the policy,
    are not confirmed, and roll back."""
    root = tmp_path / 'ansible_collections' / 'portmatrix' / 'firewall'
    for name in ('plugins', 'playbooks', 'meta', 'roles'):
        shutil.copytree(testbed.HERE.parents[1] / name, root / name, ignore=shutil.ignore_patterns('__pycache__'))
    planning = root / 'plugins' / 'module_utils' / '_converge' / 'planning.py'
    text = planning.read_text()
    for sound, broken in (
        ('state.plan(policy, guard.rules)', 'state.plan(policy, ())'),
        ('not changes.would_allow(connection)', 'False'),
    ):
        assert sound in text
        text = text.replace(sound, broken)
    planning.write_text(text)
    for _round in range(ROUNDS):
        with outage.Outage(FLEET.hosts) as management:
            run = FLEET.play(
                '-e',
                '{"portmatrix_exclusive": true, "portmatrix_peers": {"rightscale.platform": [], '
                '"enstratius.internet": []}}',
                window=FLEET.short_window,
                environment={'ANSIBLE_COLLECTIONS_PATH': str(tmp_path)},
            )
        # the run has read this outcome over a new connection: the lock-out ended with the window
        assert all(run.results[host].get('rolled_back') is True for host in FLEET.hosts), run.output
        FLEET.assert_unchanged(before)
        lost = max(management.longest.values())
        assert lost > 1, 'a broken guard locks out'
        outage.record('policy that denies management', len(FLEET.hosts), lost)
    FLEET.assert_converges()


@pytest.mark.long
def test_a_host_that_rolls_back_ends_the_play_if_the_play_is_set_to(released, tmp_path):
    """any_errors_fatal and serial work as usual: no host of the next batch is changed."""
    path = tmp_path / 'site.yml'
    path.write_text(
        '- hosts: mgmt1,mgmt2\n  gather_facts: false\n  become: true\n  serial: 1\n  any_errors_fatal: true\n  tasks:\n'
        f'    - portmatrix.firewall.policy: {{confirm_timeout: {FLEET.short_window}}}\n'
    )
    try:
        faults.drop_new_connections_until_decided('mgmt1')
        run = testbed.play(str(path))
    finally:
        faults.remove('mgmt1')
    assert run.code != 0 and run.statuses() == {'mgmt1': 'failed'}, run.output
    assert 'portmatrix' not in testbed.shell('mgmt2', 'firewall-cmd --get-policies')
    assert re.search(r'mgmt1 .*failed=1', run.output)
