"""ufw on real hosts: refusals, the lock, failures. A change is made wholly or not at all."""

from __future__ import annotations

import concurrent.futures
import signal
import subprocess

import lab
import pytest
import testbed
from ufw_pair import ENABLE, HOSTS, LIMIT, harden

# an ip6tables-restore that fails once, when it loads into the kernel of the host (which is the call that waits for the
# lock)
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
    'fault, reason',
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
def test_a_ufw_that_cannot_be_used_is_refused_and_nothing_changes(plain_ufw, fault, reason):
    try:
        for host in HOSTS:
            testbed.shell(host, f'cp -a /etc/ufw /run/ufw.saved; cp -a /etc/default/ufw /run/default.saved; {fault}')
        before = testbed.host_states(HOSTS)
        run = testbed.play(
            'portmatrix.firewall.harden', *LIMIT, '-e', 'portmatrix_backend=ufw portmatrix_exclusive=false'
        )
        assert run.statuses() == dict.fromkeys(HOSTS, 'failed'), run.output
        assert all(reason in run.results[host]['msg'] for host in HOSTS), run.output
        assert testbed.host_states(HOSTS) == before
    finally:
        for host in HOSTS:
            testbed.shell(
                host,
                'systemctl stop firewalld; systemctl unmask -q ufw; iptables-legacy -F; iptables-legacy -X; ufw '
                '--force disable >/dev/null;'
                'rm -rf /etc/ufw; mv /run/ufw.saved /etc/ufw; mv /run/default.saved /etc/default/ufw',
                check=False,
            )


def test_two_active_firewalls_are_refused_with_the_commands_that_stop_one(plain_ufw):
    try:
        for host in HOSTS:
            # ufw is active if its file says so; a firewalld that starts after it would remove its chains, and the host
            # would no longer answer
            testbed.shell(host, 'systemctl start firewalld; sed -i s/ENABLED=no/ENABLED=yes/ /etc/ufw/ufw.conf')
        run = testbed.play('portmatrix.firewall.harden', *LIMIT)
        reason = (
            'firewalld and ufw are both active on this host, and a packet would have to pass both firewalls; stop one: '
            'systemctl disable --now firewalld'
        )
        assert all(
            reason in run.results[host]['msg'] and 'ufw disable' in run.results[host]['msg'] for host in HOSTS
        ), run.output
    finally:
        for host in HOSTS:
            testbed.shell(host, 'sed -i s/ENABLED=yes/ENABLED=no/ /etc/ufw/ufw.conf; systemctl stop firewalld')


def test_the_lock_is_respected_and_a_lost_update_is_repaired(plain_ufw):
    """ufw reads its rules before it takes its lock. A run that has read them is stopped there; it writes its old rules
    after portmatrix has written the new ones."""
    host = 'data1'
    testbed.shell(host, ENABLE)
    hold_lock = 'import fcntl, sys; f = open("/run/ufw.lock", "w"); fcntl.lockf(f, fcntl.LOCK_EX); print("held", flush=True); sys.stdin.read()'
    lock = subprocess.Popen(
        [*lab.host_command(host), 'python3', '-c', hold_lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert lock.stdout.readline() == 'held\n'
    before = testbed.host_state(host)['files']
    stale = subprocess.Popen([*lab.host_command(host), 'ufw', 'allow', '9100/tcp'], stdout=subprocess.DEVNULL)
    testbed.shell(host, 'for n in $(seq 600); do grep -q -- "-> POSIX" /proc/locks && exit; sleep 0.1; done; exit 1')
    testbed.shell(host, 'pkill -STOP -f "[u]fw allow 9100"')
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        run = pool.submit(testbed.play, 'portmatrix.firewall.harden', '-l', host)
        with pytest.raises(concurrent.futures.TimeoutError):
            run.result(6)
        assert testbed.host_state(host)['files'] == before, 'something was written while ufw held its lock'
        lock.stdin.close()
        testbed.shell(
            host, 'for n in $(seq 600); do grep -q portmatrix /etc/ufw/before.rules && exit; sleep 0.1; done; exit 1'
        )
        stale.send_signal(signal.SIGCONT)  # to nsenter, which stopped with its child and continues it
        assert stale.wait(300) == 0
        assert run.result(300).statuses() == {host: 'changed'}, run.result().output
    status = testbed.shell(host, 'ufw status')
    assert '9100/tcp' in status and 'portmatrix management' in status
    rules = testbed.filter_rules(host)
    assert '--dport 9100' in rules and '-s 198.51.100.1/32 -p tcp -m tcp --dport 22 -j ACCEPT' in rules
    assert testbed.play('portmatrix.firewall.harden', '-l', host).statuses() == {host: 'ok'}


@pytest.mark.parametrize(
    'fault, fix',
    [
        # the second family does not load, after the first one has
        (SECOND_FAMILY_BREAKS, 'mv /usr/sbin/ip6tables-restore.real /usr/sbin/ip6tables-restore; rm -f /run/once'),
        # the rules are in force, and the files cannot be written
        ('mount --bind /etc/ufw /etc/ufw; mount -o remount,bind,ro /etc/ufw', 'umount /etc/ufw'),
    ],
    ids=['second family', 'read-only files'],
)
@pytest.mark.parametrize('before', ['stock', 'hardened'])
def test_after_a_failure_the_former_rules_are_restored(plain_ufw, before, fault, fix):
    if before == 'hardened':
        harden()
    states = testbed.host_states(HOSTS)
    try:
        for host in HOSTS:
            testbed.shell(host, fault)
        run = testbed.play('portmatrix.firewall.harden', *LIMIT, '-e', 'portmatrix_exclusive=false')
        assert run.statuses() == dict.fromkeys(HOSTS, 'failed'), run.output
        assert all('the host has its former rules back' in run.results[host]['msg'] for host in HOSTS), run.output
    finally:
        for host in HOSTS:
            testbed.shell(host, fix)
    assert testbed.host_states(HOSTS) == states
