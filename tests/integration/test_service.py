"""firewalld is stopped, masked, not installed, or not the only firewall: the host converges as documented, or the run
is refused with the reason and nothing is changed."""

from __future__ import annotations

import pytest
import testbed

BOTH = ['data1', 'data2']
# while firewalld is stopped, "auto" would choose the distribution default, which is ufw
LIMIT = ('-l', ','.join(BOTH), '-e', 'portmatrix_backend=firewalld')
HIDE = 'for tool in firewalld firewall-cmd firewall-offline-cmd; do mv /usr/{0}/$tool /usr/{0}/$tool.hidden; done 2>/dev/null; true'


# rules that portmatrix does not manage, and that firewalld below 2.0 flushes when it starts and when it stops
ADD_UNMANAGED = """
iptables -N FOREIGN; iptables -A FOREIGN -s 192.0.2.13 -j ACCEPT; iptables -A INPUT -j FOREIGN; ip6tables -A INPUT -s 2001:db8:9::1 -j ACCEPT
iptables -t nat -A PREROUTING -p tcp --dport 8081 -j DNAT --to-destination 172.17.0.2:80
"""
LIST_UNMANAGED = 'for tool in iptables ip6tables; do $tool -S; $tool -t nat -S; done'
REMOVE_UNMANAGED = 'for tool in iptables ip6tables; do $tool -F; $tool -X; $tool -t nat -F; done'


def states() -> dict[str, dict[str, str]]:
    """The states of the hosts. Of tables of iptables, which exist once they have been listed, only the rules count."""
    return {
        host: {**testbed.host_state(host), 'kernel': testbed.shell(host, f'nft list tables inet; {LIST_UNMANAGED}')}
        for host in BOTH
    }


def test_a_stopped_firewalld_is_started_and_stopped_again(released):
    for host in BOTH:
        testbed.shell(host, f'systemctl disable -q --now firewalld; {ADD_UNMANAGED}')
    before = states()
    try:
        assert testbed.play('portmatrix.firewall.harden', *LIMIT, '--check').statuses() == dict.fromkeys(
            BOTH, 'changed'
        )
        assert states() == before
        run = testbed.play('portmatrix.firewall.harden', *LIMIT, '--diff')
        assert run.statuses() == dict.fromkeys(BOTH, 'changed'), run.output
        assert (
            '-firewalld: stopped, does not start at boot' in run.output
            and '+firewalld: running, starts at boot' in run.output
        )
        assert testbed.play('portmatrix.firewall.harden', *LIMIT).statuses() == dict.fromkeys(BOTH, 'ok')
        for host in BOTH:
            assert testbed.shell(host, 'systemctl is-active firewalld; systemctl is-enabled firewalld').split() == [
                'active',
                'enabled',
            ]
        assert all(testbed.shell(host, LIST_UNMANAGED) in before[host]['kernel'] for host in BOTH)
        assert testbed.play('portmatrix.firewall.release', *LIMIT).statuses() == dict.fromkeys(BOTH, 'changed')
        assert states() == before
    finally:
        for host in BOTH:
            testbed.shell(host, f'{REMOVE_UNMANAGED}; systemctl enable -q --now firewalld')


@pytest.mark.parametrize(
    'fault, fix, reason',
    [
        (
            'systemctl mask -q --now firewalld',
            'systemctl unmask -q firewalld; systemctl enable -q --now firewalld',
            'systemctl unmask firewalld',
        ),
        (
            'sed -i s/ENABLED=no/ENABLED=yes/ /etc/ufw/ufw.conf',
            'sed -i s/ENABLED=yes/ENABLED=no/ /etc/ufw/ufw.conf',
            'ufw is active on this host',
        ),
        (
            HIDE.format('bin') + ';' + HIDE.format('sbin'),
            'for tool in /usr/bin/firew*.hidden /usr/sbin/firew*.hidden; do [ -e $tool ] && mv $tool ${tool%.hidden}; '
            'done; true',
            'firewalld is not installed on this host',
        ),
    ],
)
def test_a_firewalld_that_cannot_be_used_is_refused_with_the_reason(released, fault, fix, reason):
    try:
        for host in BOTH:
            testbed.shell(host, fault)
        before = {host: testbed.host_state(host)['files'] for host in BOTH}
        run = testbed.play('portmatrix.firewall.harden', *LIMIT)
        assert run.statuses() == dict.fromkeys(BOTH, 'failed'), run.output
        assert all(reason in run.results[host]['msg'] for host in BOTH)
        assert {host: testbed.host_state(host)['files'] for host in BOTH} == before
    finally:
        for host in BOTH:
            testbed.shell(host, fix)


def test_a_firewalld_below_the_minimum_version_is_refused_with_that_version(released):
    """The program that prints the version is replaced, because no host of the lab has an old firewalld. It is called
    only while the daemon is stopped."""
    try:
        for host in BOTH:
            testbed.shell(
                host,
                'systemctl stop firewalld; mkdir -p /usr/local/bin; printf "#!/bin/sh\\necho 0.9.11\\n" > '
                '/usr/local/bin/firewall-offline-cmd;'
                'chmod +x /usr/local/bin/firewall-offline-cmd',
            )
        run = testbed.play('portmatrix.firewall.harden', *LIMIT)
        assert all(
            'firewalld: version must be at least 1.0.0, got 0.9.11' in run.results[host]['msg'] for host in BOTH
        ), run.output
    finally:
        for host in BOTH:
            testbed.shell(host, 'rm -f /usr/local/bin/firewall-offline-cmd; systemctl start firewalld')
