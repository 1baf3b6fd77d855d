"""Nobody is locked out: what is not confirmed over a new connection is rolled back by the host itself, whatever dies
on the way.

Both back ends on both Debians, side by side. After each fault a host is wholly as before or wholly as wanted,
management works, a second run converges, and the rules of others are there. PORTMATRIX_FAULT_ROUNDS repeats the
faults."""

from __future__ import annotations

import re
import shutil

import faults
import outage
import world
from faults import KILL, LOAD4, LOAD6, Fault
from fleet import BOTH as FLEET, ROUNDS

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
BUS = 'systemctl start dbus; systemctl restart systemd-logind'
NO_BUS = 'systemctl kill -s KILL dbus; sleep 0.2'


def test_the_module_is_killed(before):
    """Every host another death; twice around, so that each back end dies all of them."""
    names, hosts = list(DEATHS), FLEET.hosts
    for number in range(2 * ROUNDS):
        deaths = {host: names[(2 * number + place) % len(names)] for place, host in zip((0, 1, 0, 1), hosts)}
        FLEET.all(lambda host, deaths=deaths: faults.install(host, DEATHS[deaths[host]][FLEET.firewalls[host]]))
        with outage.Outage(FLEET.hosts) as management:
            run = FLEET.play()
            assert set(run.statuses().values()) == {'failed'}, run.output
            assert all(FLEET.all(faults.happened).values()), deaths
            FLEET.all(faults.remove)
            FLEET.wait_until_decided()
        FLEET.is_as(before)
        for host, firewall in FLEET.firewalls.items():
            outage.note(f'module killed {deaths[host]} ({firewall})', 1, management.longest[host])
    FLEET.converges()


def test_the_bus_is_gone_in_mid_change(before):
    """D-Bus dies while a change is under way: each host is wholly old or wholly new, and once the bus is there again,
    a run converges."""
    at = {'firewalld': Fault(*RELOAD, before=NO_BUS), 'ufw': Fault(*LOAD4, after=NO_BUS)}
    for _round in range(ROUNDS):
        FLEET.all(lambda host: faults.install(host, at[FLEET.firewalls[host]]))
        with outage.Outage(FLEET.hosts) as management:
            run = FLEET.play()
            FLEET.all(faults.remove)
            # without logind on the new bus, a login takes half a minute
            FLEET.each({'firewalld': f'{BUS}; systemctl restart firewalld', 'ufw': BUS})
            FLEET.wait_until_decided()
        for host, firewall in FLEET.firewalls.items():
            whole = world.shell(
                host,
                'ls /etc/firewalld/policies/portmatrix-in.xml 2>/dev/null; grep -ls portmatrix /etc/ufw/before.rules; '
                'true',
            )
            assert bool(whole) is (run.statuses()[host] == 'changed'), run.output
            outage.note(f'D-Bus killed in mid-change ({firewall})', 1, management.longest[host])
        FLEET.release()
        FLEET.each({'firewalld': 'firewall-cmd -q --zone=public --add-port=9101/tcp', 'ufw': 'true'})
        FLEET.is_as(before)
    FLEET.converges()


def test_the_confirmation_is_killed_while_it_keeps_the_change(before):
    """Decided is decided: the change is carried to its end, by the next attempt of the controller or by the timer."""
    FLEET.each({'firewalld': 'systemctl disable -q firewalld', 'ufw': 'systemctl disable -q ufw'})
    FLEET.all(lambda host: faults.install(host, Fault('systemctl', '*"enable "*', after=KILL)))
    run = FLEET.play('-e', 'portmatrix_backend={{ "firewalld" if inventory_hostname.startswith("mgmt") else "ufw" }}')
    assert set(run.statuses().values()) == {'changed'}, run.output
    assert all(FLEET.all(faults.happened).values())
    FLEET.all(faults.remove)
    FLEET.wait_until_decided()
    FLEET.converges()
    FLEET.release()
    FLEET.each({'firewalld': 'systemctl enable -q firewalld', 'ufw': 'true'})


def test_the_controller_is_killed(before):
    """On hosts that execute nothing under /var, as hardening guides have it."""
    for _round in range(ROUNDS):
        FLEET.shell('mkdir -p /var/lib/portmatrix; mount -t tmpfs -o noexec tmpfs /var/lib/portmatrix')
        FLEET.lose_the_controller()
        FLEET.all(faults.answer_again)
        with outage.Outage(FLEET.hosts) as management:
            FLEET.wait_until_decided()
        FLEET.shell('umount /var/lib/portmatrix; rmdir /var/lib/portmatrix')
        FLEET.is_as(before)
        outage.note('controller killed after apply', len(FLEET.hosts), max(management.longest.values()))
    FLEET.shell('mkdir -p /var/lib/portmatrix; mount -t tmpfs -o noexec tmpfs /var/lib/portmatrix')
    FLEET.converges()
    FLEET.release()
    FLEET.shell('umount /var/lib/portmatrix; rmdir /var/lib/portmatrix')


def test_the_rollback_is_killed(before):
    """systemd starts it again."""
    restarts = 'journalctl --no-pager -u portmatrix-rollback.service | grep -c "Scheduled restart job"; true'
    former = FLEET.shell(restarts)
    FLEET.lose_the_controller()
    FLEET.all(faults.answer_again)
    FLEET.all(lambda host: faults.install(host, DEATHS['before anything is in force'][FLEET.firewalls[host]]))
    FLEET.wait_until_decided()
    assert all(FLEET.all(faults.happened).values())
    assert {host: int(text) - int(former[host]) for host, text in FLEET.shell(restarts).items()} == dict.fromkeys(
        FLEET.hosts, 1
    )
    FLEET.all(faults.remove)
    FLEET.is_as(before)
    outage.note('the rollback is killed', len(FLEET.hosts), None)


def test_a_host_without_systemd_goes_back_too(before):
    """There a process that nobody's session ends does what the timer does. (firewalld is a service of systemd; ufw
    needs none.)"""
    hosts = [host for host, firewall in FLEET.firewalls.items() if firewall == 'ufw']
    world.on_all(lambda host: world.shell(host, 'mv /run/systemd/system /run/systemd/system.gone'), hosts)
    try:
        FLEET.lose_the_controller(hosts)
        waiting = 'grep -la "program rollback" /proc/[0-9]*/cmdline 2>/dev/null | grep -vc self; true'
        assert all(int(found) for found in world.on_all(lambda host: world.shell(host, waiting), hosts).values())
        world.on_all(faults.answer_again, hosts)
        FLEET.wait_until_decided()
    finally:
        world.on_all(lambda host: world.shell(host, 'mv /run/systemd/system.gone /run/systemd/system'), hosts)
    FLEET.is_as(before)
    outage.note('controller killed after apply, no systemd', len(hosts), None)
    FLEET.converges()


def test_new_connections_hang(before):
    """Sessions that stand live on, new ones get no answer: the hosts go back in their time, and the run says so; of
    one that stays silent, what it knows."""
    silent = 'data2'
    for _round in range(ROUNDS):
        FLEET.all(lambda host: faults.hang_new_connections(host, seconds=None if host == silent else FLEET.window + 3))
        run = FLEET.play()
        assert set(run.statuses().values()) == {'failed'}, run.output
        for host in FLEET.hosts:
            known = (
                'the host did not answer after its window' if host == silent else 'the host has its former rules back'
            )
            assert run.results[host]['rolled_back'] is (host != silent) and known in run.results[host]['msg'], (
                run.output
            )
        FLEET.all(faults.answer_again)
        FLEET.is_as(before)
        outage.note('new connections hang', len(FLEET.hosts), None)
    FLEET.converges()


def test_a_guard_that_is_broken(before, tmp_path):
    """A collection whose guard keeps nothing open and sees no lock-out: the hosts take the policy, hear nothing, and
    go back."""
    root = tmp_path / 'ansible_collections' / 'portmatrix' / 'firewall'
    for name in ('plugins', 'playbooks', 'meta', 'roles'):
        shutil.copytree(world.HERE.parents[1] / name, root / name, ignore=shutil.ignore_patterns('__pycache__'))
    converge = root / 'plugins' / 'module_utils' / '_converge' / 'planning.py'
    text = converge.read_text()
    for sound, broken in (
        ('policies.guard(policy, ports)', 'policies.guard(policy, [])'),
        ('not changes.would_allow(connection)', 'False'),
    ):
        assert sound in text
        text = text.replace(sound, broken)
    converge.write_text(text)
    for _round in range(ROUNDS):
        with outage.Outage(FLEET.hosts) as management:
            run = FLEET.play(
                '-e',
                '{"portmatrix_exclusive": true, "portmatrix_peers": {"rightscale.platform": [], '
                '"enstratius.internet": []}}',
                environment={'ANSIBLE_COLLECTIONS_PATH': str(tmp_path)},
            )
        assert all(run.results[host].get('rolled_back') is True for host in FLEET.hosts), run.output
        FLEET.is_as(before)
        away = max(management.longest.values())
        assert 1 < away < FLEET.window + 15, 'a broken guard locks out, and only until the window is over'
        outage.note('policy that denies management', len(FLEET.hosts), away)
    FLEET.converges()


def test_a_second_run_during_the_window_waits_for_its_end(before):
    for _round in range(ROUNDS):
        FLEET.lose_the_controller()
        FLEET.all(faults.answer_again)
        assert any(world.shell(host, f'{faults.ARMED} && echo armed; true') for host in FLEET.hosts)
        with outage.Outage(FLEET.hosts) as management:
            run = FLEET.play()
        assert set(run.statuses().values()) == {'changed'}, run.output
        FLEET.converges()
        outage.note('second run during the window', len(FLEET.hosts), max(management.longest.values()))
        FLEET.release()
        FLEET.each({'firewalld': 'firewall-cmd -q --zone=public --add-port=9101/tcp', 'ufw': 'true'})


def test_somebody_stops_the_timer_so_the_next_run_decides(before):
    FLEET.lose_the_controller()
    FLEET.shell('systemctl stop portmatrix-rollback.timer')
    FLEET.each({'firewalld': 'firewall-cmd -q --zone=public --add-port=9103/tcp', 'ufw': 'true'})
    FLEET.all(faults.answer_again)
    run = FLEET.play()
    assert set(run.statuses().values()) == {'changed'}, run.output
    FLEET.converges()
    assert (
        'firewalld'
        not in FLEET.each(
            {'firewalld': 'firewall-cmd -q --zone=public --query-port=9103/tcp || echo firewalld', 'ufw': 'true'}
        ).values()
    )
    outage.note('the timer is stopped', len(FLEET.hosts), None)


def test_somebody_changes_the_firewall_during_the_window(before):
    """A person adds a rule to ufw, firewalld is reloaded: never a mixture. What they did is there, ours is not, and
    the run says why."""
    meanwhile = {
        'ufw': Fault(*LOAD6, after='systemd-run --quiet --on-active=0 ufw allow 9200/tcp; sleep 1.5'),
        'firewalld': Fault(*RELOAD, after='systemd-run --quiet sh -c "sleep 0.4; firewall-cmd -q --reload"'),
    }
    FLEET.all(lambda host: faults.install(host, meanwhile[FLEET.firewalls[host]]))
    run = FLEET.play()
    FLEET.all(faults.remove)
    FLEET.wait_until_decided()
    for host, firewall in FLEET.firewalls.items():
        status = run.statuses()[host]
        if firewall == 'ufw':
            assert status == 'failed' and 'another program changed /etc/ufw/user' in run.results[host]['msg'], (
                run.output
            )
            text = world.shell(host, 'ufw status; iptables-save -t filter; ip6tables-save -t filter')
            assert '9200/tcp' in text and text.count('--dport 9200 -j ACCEPT') == 2 and 'portmatrix' not in text
        else:
            # a reload may come before the confirmation, which is seen, or after it, when it loads what was kept
            assert status == 'changed' or 'the host has its former rules back' in run.results[host]['msg'], run.output
            here = world.shell(
                host, 'firewall-cmd --get-policies; nft list table inet firewalld; ls /etc/firewalld/policies'
            )
            assert ('portmatrix-in' in here) is (status == 'changed')
    FLEET.each({'firewalld': 'firewall-cmd -q --zone=public --add-port=9101/tcp', 'ufw': 'ufw delete allow 9200/tcp'})
    FLEET.converges()


def test_somebody_disables_ufw_during_the_window(before):
    """The rules that it took out of the kernel do not come back with the former ones of ours."""
    assert FLEET.play().code == 0
    hosts = [host for host, firewall in FLEET.firewalls.items() if firewall == 'ufw']
    world.on_all(
        lambda host: faults.install(
            host, Fault(*LOAD4, after='systemd-run --quiet --on-active=0 ufw disable; sleep 2')
        ),
        hosts,
    )
    run = FLEET.play('-e', 'portmatrix_exclusive=true', '-e', 'enstratius_console_port=8444')
    FLEET.all(faults.remove)
    FLEET.wait_until_decided()
    for host in hosts:
        assert run.statuses()[host] == 'failed' and run.results[host]['rolled_back'] is True, run.output
        assert 'inactive' in world.shell(host, 'ufw status')
        assert not re.search(
            '(?m)^-A ufw|portmatrix', world.shell(host, 'iptables-save -t filter; ip6tables-save -t filter')
        )
    world.on_all(lambda host: world.shell(host, 'ufw --force enable'), hosts)
    FLEET.converges()


def test_a_host_that_rolls_back_ends_the_play_where_the_play_says_so(released, tmp_path):
    """any_errors_fatal and serial mean what they mean: no host of the next batch is touched."""
    path = tmp_path / 'site.yml'
    path.write_text(
        '- hosts: mgmt1,mgmt2\n  gather_facts: false\n  become: true\n  serial: 1\n  any_errors_fatal: true\n  tasks:\n'
        f'    - portmatrix.firewall.policy: {{confirm_timeout: {FLEET.window}}}\n'
    )
    try:
        faults.hang_new_connections('mgmt1', seconds=FLEET.window + 3)
        run = world.play(str(path))
    finally:
        faults.remove('mgmt1')
    assert run.code != 0 and run.statuses() == {'mgmt1': 'failed'}, run.output
    assert 'portmatrix' not in world.shell('mgmt2', 'firewall-cmd --get-policies')
    assert re.search(r'mgmt1 .*failed=1', run.output)
