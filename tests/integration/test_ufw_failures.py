"""ufw on real hosts where something is in the way: refusals, the lock, failures. Nothing changes, or everything
does."""

from __future__ import annotations

import concurrent.futures
import signal
import subprocess

import lab
import pytest
import world
from ufw_pair import HOSTS, LIMIT, ON, hardened, saved

# ip6tables-restore that fails once, at the load into the host's own kernel (the one that waits for the lock)
SECOND_FAMILY_BREAKS = r"""
mv /usr/sbin/ip6tables-restore /usr/sbin/ip6tables-restore.real
cat > /usr/sbin/ip6tables-restore <<'END'
#!/bin/sh
case "$*" in "-w 10 -n") [ -e /run/once ] || { touch /run/once; echo broke >&2; exit 1; } ;; esac
exec xtables-nft-multi ip6tables-restore "$@"
END
chmod +x /usr/sbin/ip6tables-restore
"""


@pytest.mark.parametrize(
    'spoil, words',
    [
        (
            'ufw allow 22/tcp; ufw insert 1 deny from 198.51.100.0/24',
            'would lock out the management connection from 198.51.100.1 to port 22',
        ),
        (
            'ufw deny proto tcp from 198.51.100.1 to any port 22',
            'which portmatrix does not manage, contradicts the policy; replace it: ufw allow in',
        ),
        (
            r"sed -i 's/^### RULES ###/&\n-A ufw-user-input -p tcp --dport 7 -j ACCEPT/' /etc/ufw/user.rules",
            'belongs to no tuple, so ufw would drop it',
        ),
        (
            r"sed -i 's/^### RULES ###/&\n### tuple ### allow tcp x 0.0.0.0\/0 any 0.0.0.0\/0 in/' /etc/ufw/user.rules",
            'is not a valid rule of ufw: invalid ports',
        ),
        (r"sed -i 's/^COMMIT/-A ufw-before-input -p nonsense -j ACCEPT\n&/' /etc/ufw/before.rules", 'do not load: '),
        ('sed -i s/^IPV6=.*/IPV6=no/ /etc/default/ufw', 'IPV6: must be yes; ufw does not manage IPv6 on this host'),
        ('chmod +x /etc/ufw/after.init', 'then: chmod -x /etc/ufw/after.init'),
        (
            'sed -i s/^DEFAULT_INPUT_POLICY=.*/DEFAULT_INPUT_POLICY=MAYBE/ /etc/default/ufw',
            "DEFAULT_INPUT_POLICY: must be ACCEPT, DROP or REJECT, got 'MAYBE'",
        ),
        ('rm /etc/ufw/user6.rules', '/etc/ufw/user6.rules: missing'),
        ('systemctl mask -q ufw', 'systemctl unmask ufw'),
        (
            'iptables-legacy -N ufw-user-input; iptables-legacy -A ufw-user-input -j ACCEPT',
            'the kernel has chains of ufw from iptables-legacy',
        ),
        ('systemctl start firewalld', 'firewalld is active on this host, and a packet would have to pass both'),
    ],
)
def test_what_cannot_work_is_refused_and_nothing_changes(plain_ufw, spoil, words):
    try:
        for host in HOSTS:
            world.shell(host, f'cp -a /etc/ufw /run/ufw.saved; cp -a /etc/default/ufw /run/default.saved; {spoil}')
        before = world.pictures(HOSTS)
        run = world.play('portmatrix.firewall.harden', *LIMIT, '-e', 'portmatrix_backend=ufw')
        assert run.statuses() == dict.fromkeys(HOSTS, 'failed'), run.output
        assert all(words in run.results[host]['msg'] for host in HOSTS), run.output
        assert world.pictures(HOSTS) == before
    finally:
        for host in HOSTS:
            world.shell(
                host,
                'systemctl stop firewalld; systemctl unmask -q ufw; iptables-legacy -F; iptables-legacy -X; ufw '
                '--force disable >/dev/null;'
                'rm -rf /etc/ufw; mv /run/ufw.saved /etc/ufw; mv /run/default.saved /etc/default/ufw',
                check=False,
            )


def test_two_active_firewalls_are_an_error_that_says_which_to_stop(plain_ufw):
    try:
        for host in HOSTS:
            # ufw counts as active by its file; a firewalld that starts after it would take its chains away and leave
            # the host deaf
            world.shell(host, 'systemctl start firewalld; sed -i s/ENABLED=no/ENABLED=yes/ /etc/ufw/ufw.conf')
        run = world.play('portmatrix.firewall.harden', *LIMIT)
        words = 'firewalld and ufw are both active on this host, and a packet would have to pass both firewalls; stop one: systemctl disable --now firewalld'
        assert all(words in run.results[host]['msg'] and 'ufw disable' in run.results[host]['msg'] for host in HOSTS), (
            run.output
        )
    finally:
        for host in HOSTS:
            world.shell(host, 'sed -i s/ENABLED=yes/ENABLED=no/ /etc/ufw/ufw.conf; systemctl stop firewalld')


def test_the_lock_is_honoured_and_a_lost_update_is_mended(plain_ufw):
    """ufw reads its rules before it takes its lock. One that has read is stopped there; it writes its old rules once
    we have written ours."""
    host = 'data1'
    world.shell(host, ON)
    holder = 'import fcntl, sys; f = open("/run/ufw.lock", "w"); fcntl.lockf(f, fcntl.LOCK_EX); print("held", flush=True); sys.stdin.read()'
    held = subprocess.Popen(
        [*lab.enter(host), 'python3', '-c', holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert held.stdout.readline() == 'held\n'
    before = world.picture(host)['files']
    stale = subprocess.Popen([*lab.enter(host), 'ufw', 'allow', '9100/tcp'], stdout=subprocess.DEVNULL)
    world.shell(host, 'for n in $(seq 100); do grep -q -- "-> POSIX" /proc/locks && exit; sleep 0.1; done; exit 1')
    world.shell(host, 'pkill -STOP -f "[u]fw allow 9100"')
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        run = pool.submit(world.play, 'portmatrix.firewall.harden', '-l', host)
        with pytest.raises(concurrent.futures.TimeoutError):
            run.result(6)
        assert world.picture(host)['files'] == before, 'something was written while ufw held its lock'
        held.stdin.close()
        world.shell(
            host, 'for n in $(seq 100); do grep -q portmatrix /etc/ufw/before.rules && exit; sleep 0.1; done; exit 1'
        )
        stale.send_signal(signal.SIGCONT)  # nsenter, which stopped with its child, lets it go on
        assert stale.wait(60) == 0
        assert run.result(90).statuses() == {host: 'changed'}, run.result().output
    status = world.shell(host, 'ufw status')
    assert '9100/tcp' in status and 'portmatrix management' in status
    assert '--dport 9100' in saved(host) and '-s 198.51.100.1/32 -p tcp -m tcp --dport 22 -j ACCEPT' in saved(host)
    assert world.play('portmatrix.firewall.harden', '-l', host).statuses() == {host: 'ok'}


@pytest.mark.parametrize(
    'spoil, mend',
    [
        # the second family does not load, after the first one has
        (SECOND_FAMILY_BREAKS, 'mv /usr/sbin/ip6tables-restore.real /usr/sbin/ip6tables-restore; rm -f /run/once'),
        # the rules are in force, and the files cannot be written
        ('mount --bind /etc/ufw /etc/ufw; mount -o remount,bind,ro /etc/ufw', 'umount /etc/ufw'),
    ],
    ids=['second family', 'read-only files'],
)
@pytest.mark.parametrize('before', ['stock', 'hardened'])
def test_a_failure_brings_the_former_rules_back(plain_ufw, before, spoil, mend):
    if before == 'hardened':
        hardened()
    pictures = world.pictures(HOSTS)
    try:
        for host in HOSTS:
            world.shell(host, spoil)
        run = world.play('portmatrix.firewall.harden', *LIMIT, '-e', 'portmatrix_exclusive=true')
        assert run.statuses() == dict.fromkeys(HOSTS, 'failed'), run.output
        assert all('the host has its former rules back' in run.results[host]['msg'] for host in HOSTS), run.output
    finally:
        for host in HOSTS:
            world.shell(host, mend)
    assert world.pictures(HOSTS) == pictures
