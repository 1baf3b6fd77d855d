"""Nobody is locked out: what is not confirmed over a new connection is rolled back by the host itself, whatever dies on the way.

Both back ends on both Debians, side by side. After each fault a host is wholly as before or wholly as wanted, management works, a second run converges,
and the rules of others are there. PORTMATRIX_FAULT_ROUNDS repeats the faults.
"""

from __future__ import annotations

import collections
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import conftest
import faults
import outage
import pytest
import world
from faults import KILL, Fault

ROUNDS = int(os.environ.get('PORTMATRIX_FAULT_ROUNDS', '1'))
WINDOW = 7
HOSTS = {'mgmt1': 'firewalld', 'mgmt2': 'firewalld', 'data1': 'ufw', 'data2': 'ufw'}
ARGUMENTS = ('-l', ','.join(HOSTS), '-e', f'portmatrix_confirm_timeout={WINDOW}')
FOREIGN = {
    'firewalld': 'firewall-cmd -q --permanent --zone=public --add-port=9100/tcp; firewall-cmd -q --reload; firewall-cmd -q --zone=public --add-port=9101/tcp',
    'ufw': 'ufw allow 22/tcp >/dev/null; ufw --force enable >/dev/null; ufw allow 9100/tcp comment theirs >/dev/null; ufw reload >/dev/null',
}
THEIRS = {'firewalld': ('firewall-cmd --zone=public --list-ports', '9100/tcp 9101/tcp'), 'ufw': ('ufw status', '9100/tcp')}
CLEAN = {'firewalld': 'rm -f /etc/firewalld/zones/public.xml*; firewall-cmd -q --reload', 'ufw': conftest.RESET_UFW}
RELOAD = ('busctl', '*" reload"')
LOAD4, LOAD6 = ('iptables-restore', '"-w 10 -n"'), ('ip6tables-restore', '"-w 10 -n"')
ARM = ('systemd-run', '*')
DEATHS = {
    'once armed': {'firewalld': Fault(*ARM, after=KILL), 'ufw': Fault(*ARM, after=KILL)},
    'before anything is in force': {'firewalld': Fault(*RELOAD, before=KILL), 'ufw': Fault(*LOAD4, before=KILL)},
    'half-way': {'firewalld': Fault(*RELOAD, before='systemctl restart firewalld', after=KILL), 'ufw': Fault(*LOAD4, after=KILL)},
    'once all is in force': {'firewalld': Fault(*RELOAD, after=KILL), 'ufw': Fault(*LOAD6, after=KILL)},
}
BUS = 'systemctl start dbus; systemctl restart systemd-logind'
NO_BUS = 'systemctl kill -s KILL dbus; sleep 0.2'
READ_ONLY = 'mount --bind /etc/{0} /etc/{0}; mount -o remount,bind,ro /etc/{0}'
FULL = (
    'cp -a /etc/{0} /run/{0}.copy; mount -t tmpfs -o size=1m tmpfs /etc/{0}; cp -a /run/{0}.copy/. /etc/{0}; rm -rf /run/{0}.copy;'
    'dd if=/dev/zero of=/etc/{0}/fill bs=4k 2>/dev/null; true'
)
Pictures = t.Dict[str, t.Dict[str, t.List[str]]]


def play(*arguments: str, playbook: str = 'portmatrix.firewall.harden', **options: t.Any) -> world.Run:
    return world.play(playbook, *ARGUMENTS, *arguments, **options)


def each(script: t.Dict[str, str]) -> dict[str, str]:
    """What the SCRIPT of each host's firewall prints."""
    return world.on_all(lambda host: world.shell(host, script[HOSTS[host]]), HOSTS)


def pictures() -> Pictures:
    """Everything, without regard to the order in which the kernel lists chains."""
    return {host: {key: sorted(text.split('\n')) for key, text in found.items()} for host, found in world.on_all(world.picture, HOSTS).items()}


def as_before(before: Pictures) -> None:
    differences = [
        f'{host}, {key}: {sign} {line}'
        for host, picture in pictures().items()
        for key, lines in picture.items()
        for sign, one, other in (('more:', lines, before[host][key]), ('less:', before[host][key], lines))
        for line in (collections.Counter(one) - collections.Counter(other))
    ]
    assert not differences, '\n'.join(differences[:40])


def files(found: Pictures) -> dict[str, list[str]]:
    return {host: picture['files'] for host, picture in found.items()}


def wait_until_decided(seconds: float = WINDOW + 40) -> None:
    deadline = time.monotonic() + seconds
    for host in HOSTS:
        while world.shell(host, 'ls -d /var/lib/portmatrix/pending 2>/dev/null; true'):
            assert time.monotonic() < deadline, f'{host}: a change still waits: {world.shell(host, "journalctl -t portmatrix --no-pager | tail")}'
            time.sleep(0.2)


def converges() -> None:
    """Management works, a run converges, a second one changes nothing, and what others put there is there."""
    first, second = play(), play()
    assert first.code == 0, first.output
    assert set(second.statuses().values()) == {'ok'}, second.output
    listings = each({firewall: script for firewall, (script, _words) in THEIRS.items()})
    assert all(THEIRS[HOSTS[host]][1] in text for host, text in listings.items()), listings


# sshd 9.8 and later closes its door to who knocks often without coming in, as the watch over the outage does
EXEMPT = 'echo PerSourcePenalties no > /etc/ssh/sshd_config.d/watch.conf; sshd -t && systemctl reload ssh || rm /etc/ssh/sshd_config.d/watch.conf'


@pytest.fixture(scope='module')
def both_firewalls(ufw_pair):
    world.on_all(lambda host: world.shell(host, f'({EXEMPT}) 2>/dev/null'), HOSTS)
    yield
    world.on_all(lambda host: world.shell(host, 'rm -f /etc/ssh/sshd_config.d/watch.conf; systemctl reload ssh'), HOSTS)


@pytest.fixture
def before(both_firewalls):
    """Released hosts that have rules of others, and their pictures."""
    each(FOREIGN)
    yield pictures()
    world.on_all(faults.remove, HOSTS)
    world.on_all(lambda host: world.shell(host, 'umount /etc/ufw /var/lib/portmatrix 2>/dev/null; true'), HOSTS)
    wait_until_decided()
    conftest.release(HOSTS)
    each(CLEAN)


def test_the_module_is_killed(before):
    """Every host another death; twice around, so that each back end dies all of them."""
    names, hosts = list(DEATHS), list(HOSTS)
    for number in range(2 * ROUNDS):
        deaths = {host: names[(2 * number + place) % len(names)] for place, host in zip((0, 1, 0, 1), hosts)}
        world.on_all(lambda host, deaths=deaths: faults.install(host, DEATHS[deaths[host]][HOSTS[host]]), HOSTS)
        with outage.Outage(HOSTS) as management:
            run = play()
            assert set(run.statuses().values()) == {'failed'}, run.output
            assert all(world.on_all(faults.happened, HOSTS).values()), deaths
            world.on_all(faults.remove, HOSTS)
            wait_until_decided()
        as_before(before)
        for host, firewall in HOSTS.items():
            outage.note(f'module killed {deaths[host]} ({firewall})', 1, management.longest[host])
    converges()


def test_the_bus_is_gone_in_mid_change(before):
    """D-Bus dies while a change is under way: each host is wholly old or wholly new, and once the bus is there again, a run converges."""
    at = {'firewalld': Fault(*RELOAD, before=NO_BUS), 'ufw': Fault(*LOAD4, after=NO_BUS)}
    for _round in range(ROUNDS):
        world.on_all(lambda host: faults.install(host, at[HOSTS[host]]), HOSTS)
        with outage.Outage(HOSTS) as management:
            run = play()
            world.on_all(faults.remove, HOSTS)
            # without logind on the new bus, a login takes half a minute
            each({'firewalld': f'{BUS}; systemctl restart firewalld', 'ufw': BUS})
            wait_until_decided()
        for host, firewall in HOSTS.items():
            whole = world.shell(host, 'ls /etc/firewalld/policies/portmatrix-in.xml 2>/dev/null; grep -ls portmatrix /etc/ufw/before.rules; true')
            assert bool(whole) is (run.statuses()[host] == 'changed'), run.output
            outage.note(f'D-Bus killed in mid-change ({firewall})', 1, management.longest[host])
        conftest.release(HOSTS)
        each({'firewalld': 'firewall-cmd -q --zone=public --add-port=9101/tcp', 'ufw': 'true'})
        as_before(before)
    converges()


def test_the_confirmation_is_killed_while_it_keeps_the_change(before):
    """Decided is decided: the change is carried to its end, by the next attempt of the controller or by the timer."""
    each({'firewalld': 'systemctl disable -q firewalld', 'ufw': 'systemctl disable -q ufw'})
    world.on_all(lambda host: faults.install(host, Fault('systemctl', '*"enable "*', after=KILL)), HOSTS)
    run = play('-e', 'portmatrix_backend={{ "firewalld" if inventory_hostname.startswith("mgmt") else "ufw" }}')
    assert set(run.statuses().values()) == {'changed'}, run.output
    assert all(world.on_all(faults.happened, HOSTS).values())
    world.on_all(faults.remove, HOSTS)
    wait_until_decided()
    converges()
    conftest.release(HOSTS)
    each({'firewalld': 'systemctl enable -q firewalld', 'ufw': 'true'})


def start_and_lose_the_controller(hosts: t.Iterable[str] = tuple(HOSTS)) -> None:
    """A change is in force on HOSTS and waits, and nobody will ever confirm it."""
    playbook = ('portmatrix.firewall.harden', *ARGUMENTS, '-l', ','.join(hosts))
    command = [str(Path(sys.executable).parent / 'ansible-playbook'), '-i', str(world.INVENTORY), *playbook]
    world.on_all(faults.hang_new_connections, hosts)
    mark = f'PORTMATRIX_TEST_CONTROLLER={time.monotonic_ns()}'
    environment = {**os.environ, **dict([mark.split('=')])}
    controller = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        world.on_all(lambda host: world.shell(host, f'for n in $(seq 300); do {faults.ARMED} && exit; sleep 0.05; done; exit 1'), hosts)
    finally:
        # its workers have sessions of their own, so they are found by the environment that they share
        for pid in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError):
                if mark.encode() in Path(f'/proc/{pid}/environ').read_bytes():
                    os.kill(int(pid), signal.SIGKILL)
        controller.wait()


def test_the_controller_is_killed(before):
    for _round in range(ROUNDS):
        start_and_lose_the_controller()
        world.on_all(faults.answer_again, HOSTS)
        with outage.Outage(HOSTS) as management:
            wait_until_decided()
        as_before(before)
        outage.note('controller killed after apply', len(HOSTS), max(management.longest.values()))
    converges()


def test_a_host_without_systemd_goes_back_too(before):
    """There a process that nobody's session ends does what the timer does. (firewalld is a service of systemd; ufw needs none.)"""
    hosts = [host for host, firewall in HOSTS.items() if firewall == 'ufw']
    world.on_all(lambda host: world.shell(host, 'mv /run/systemd/system /run/systemd/system.gone'), hosts)
    try:
        start_and_lose_the_controller(hosts)
        waiting = 'grep -la "program rollback" /proc/[0-9]*/cmdline 2>/dev/null | grep -vc self; true'
        assert all(int(found) for found in world.on_all(lambda host: world.shell(host, waiting), hosts).values())
        world.on_all(faults.answer_again, hosts)
        wait_until_decided()
    finally:
        world.on_all(lambda host: world.shell(host, 'mv /run/systemd/system.gone /run/systemd/system'), hosts)
    as_before(before)
    outage.note('controller killed after apply, no systemd', len(hosts), None)
    converges()


def test_new_connections_hang(before):
    """Sessions that stand live on, new ones get no answer: the hosts go back in their time, and the run says so."""
    for _round in range(ROUNDS):
        world.on_all(lambda host: faults.hang_new_connections(host, seconds=WINDOW + 3), HOSTS)
        run = play()
        assert set(run.statuses().values()) == {'failed'}, run.output
        for host in HOSTS:
            assert run.results[host]['rolled_back'] is True and 'the host has its former rules back' in run.results[host]['msg'], run.output
        world.on_all(faults.answer_again, HOSTS)
        as_before(before)
        outage.note('new connections hang', len(HOSTS), None)
    converges()


def test_a_guard_that_is_broken(before, tmp_path):
    """A collection whose guard keeps nothing open and sees no lock-out: the hosts take the policy, hear nothing, and go back."""
    root = tmp_path / 'ansible_collections' / 'portmatrix' / 'firewall'
    for name in ('plugins', 'playbooks', 'meta', 'roles'):
        shutil.copytree(world.HERE.parents[1] / name, root / name, ignore=shutil.ignore_patterns('__pycache__'))
    converge = root / 'plugins' / 'module_utils' / 'converge.py'
    text = converge.read_text()
    for sound, broken in (('policy.guard(wanted, ports)', 'policy.guard(wanted, [])'), ('not backend.admits(changes, connection)', 'False')):
        assert sound in text
        text = text.replace(sound, broken)
    converge.write_text(text)
    for _round in range(ROUNDS):
        with outage.Outage(HOSTS) as management:
            run = play(
                '-e',
                '{"portmatrix_exclusive": true, "portmatrix_peers": {"rightscale.platform": [], "enstratius.internet": []}}',
                environment={'ANSIBLE_COLLECTIONS_PATH': str(tmp_path)},
            )
        assert all(run.results[host].get('rolled_back') is True for host in HOSTS), run.output
        as_before(before)
        away = max(management.longest.values())
        assert 1 < away < WINDOW + 15, 'a broken guard locks out, and only until the window is over'
        outage.note('policy that denies management', len(HOSTS), away)
    converges()


def test_power_is_lost_inside_and_after_the_window(before):
    for _round in range(ROUNDS):
        start_and_lose_the_controller()
        faults.power_cycle(HOSTS)
        wait_until_decided()
        assert files(pictures()) == files(before)
        ours = 'nft list ruleset 2>/dev/null | grep -cE "dport (3306|3302|5050|8888|8443)|dports.*(3306|8098)"; true'
        assert set(world.on_all(lambda host, ours=ours: world.shell(host, ours).strip(), HOSTS).values()) == {'0'}
        outage.note('power lost inside the window', len(HOSTS), None)
    assert play().code == 0
    kept = files(pictures())
    faults.power_cycle(HOSTS)
    assert files(pictures()) == kept
    assert set(play().statuses().values()) == {'ok'}, 'a host did not start with what was confirmed'
    outage.note('power lost after the window', len(HOSTS), None)


def test_a_second_run_during_the_window_waits_for_its_end(before):
    for _round in range(ROUNDS):
        start_and_lose_the_controller()
        world.on_all(faults.answer_again, HOSTS)
        assert any(world.shell(host, f'{faults.ARMED} && echo armed; true') for host in HOSTS)
        with outage.Outage(HOSTS) as management:
            run = play()
        assert set(run.statuses().values()) == {'changed'}, run.output
        converges()
        outage.note('second run during the window', len(HOSTS), max(management.longest.values()))
        conftest.release(HOSTS)
        each({'firewalld': 'firewall-cmd -q --zone=public --add-port=9101/tcp', 'ufw': 'true'})


def test_somebody_changes_the_firewall_during_the_window(before):
    """A person adds a rule to ufw, firewalld is reloaded: never a mixture. What they did is there, ours is not, and the run says why."""
    meanwhile = {
        'ufw': Fault(*LOAD6, after='systemd-run --quiet --on-active=0 ufw allow 9200/tcp; sleep 1.5'),
        'firewalld': Fault(*RELOAD, after='systemd-run --quiet sh -c "sleep 0.4; firewall-cmd -q --reload"'),
    }
    world.on_all(lambda host: faults.install(host, meanwhile[HOSTS[host]]), HOSTS)
    run = play()
    world.on_all(faults.remove, HOSTS)
    wait_until_decided()
    for host, firewall in HOSTS.items():
        status = run.statuses()[host]
        if firewall == 'ufw':
            assert status == 'failed' and 'somebody changed /etc/ufw/user' in run.results[host]['msg'], run.output
            text = world.shell(host, 'ufw status; iptables-save -t filter; ip6tables-save -t filter')
            assert '9200/tcp' in text and text.count('--dport 9200 -j ACCEPT') == 2 and 'portmatrix' not in text
        else:
            # a reload may come before the confirmation, which is seen, or after it, when it loads what was kept
            assert status == 'changed' or 'the host has its former rules back' in run.results[host]['msg'], run.output
            here = world.shell(host, 'firewall-cmd --get-policies; nft list table inet firewalld; ls /etc/firewalld/policies')
            assert ('portmatrix-in' in here) is (status == 'changed')
    each({'firewalld': 'firewall-cmd -q --zone=public --add-port=9101/tcp', 'ufw': 'ufw delete allow 9200/tcp'})
    converges()


def test_no_room_on_the_disk_for_the_way_back(before):
    world.on_all(lambda host: world.shell(host, 'mkdir -p /var/lib/portmatrix; mount -t tmpfs -o size=16k tmpfs /var/lib/portmatrix'), HOSTS)
    run = play()
    assert all('the way back could not be prepared, so nothing was changed' in run.results[host]['msg'] for host in HOSTS), run.output
    world.on_all(lambda host: world.shell(host, 'umount /var/lib/portmatrix; rmdir /var/lib/portmatrix'), HOSTS)
    as_before(before)
    converges()


@pytest.mark.parametrize(('what', 'harm'), [('read-only', READ_ONLY), ('full', FULL)])
def test_files_that_cannot_be_written_when_the_change_is_confirmed(before, what, harm):
    for _round in range(ROUNDS):
        for host, firewall in HOSTS.items():
            if firewall == 'ufw':
                faults.install(host, Fault(*LOAD6, after=harm.format('ufw')))
            else:
                # its files are put back right after the reload; they become unwritable once the change waits, and the confirmation comes a little later
                faults.hang_new_connections(host, seconds=2)
                faults.once(host, f'sleep 1.2; {harm.format("firewalld")}')
        run = play()
        assert all('the host has its former rules back' in run.results[host]['msg'] for host in HOSTS), run.output
        world.on_all(faults.remove, HOSTS)
        each({'firewalld': 'umount /etc/firewalld', 'ufw': 'umount /etc/ufw'})
        as_before(before)
        outage.note(f'files {what} when the change is kept', len(HOSTS), None)
    converges()


def test_a_host_that_rolls_back_ends_the_play_where_the_play_says_so(released, tmp_path):
    """any_errors_fatal and serial mean what they mean: no host of the next batch is touched."""
    path = tmp_path / 'site.yml'
    path.write_text(
        '- hosts: mgmt1,mgmt2\n  gather_facts: false\n  become: true\n  serial: 1\n  any_errors_fatal: true\n  tasks:\n'
        f'    - portmatrix.firewall.policy: {{confirm_timeout: {WINDOW}}}\n'
    )
    try:
        faults.hang_new_connections('mgmt1', seconds=WINDOW + 3)
        run = world.play(str(path))
    finally:
        faults.remove('mgmt1')
    assert run.code != 0 and run.statuses() == {'mgmt1': 'failed'}, run.output
    assert 'portmatrix' not in world.shell('mgmt2', 'firewall-cmd --get-policies')
    assert re.search(r'mgmt1 .*failed=1', run.output)
