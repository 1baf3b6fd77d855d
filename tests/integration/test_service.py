"""firewalld stopped, masked, missing, or not alone: converged as documented, or refused with the reason and nothing
changed."""

from __future__ import annotations

import pytest
import world

BOTH = ['data1', 'data2']
# with firewalld switched off, "auto" would go by the distribution's custom, which is ufw
LIMIT = ('-l', ','.join(BOTH), '-e', 'portmatrix_backend=firewalld')
HIDE = 'for tool in firewalld firewall-cmd firewall-offline-cmd; do mv /usr/{0}/$tool /usr/{0}/$tool.hidden; done 2>/dev/null; true'


# rules of others, which firewalld below 2.0 flushes when it starts and when it stops
THEIRS = """
iptables -N FOREIGN; iptables -A FOREIGN -s 192.0.2.13 -j ACCEPT; iptables -A INPUT -j FOREIGN; ip6tables -A INPUT -s 2001:db8:9::1 -j ACCEPT
iptables -t nat -A PREROUTING -p tcp --dport 8081 -j DNAT --to-destination 172.17.0.2:80
"""
LISTED = 'for tool in iptables ip6tables; do $tool -S; $tool -t nat -S; done'
CLEAN = 'for tool in iptables ip6tables; do $tool -F; $tool -X; $tool -t nat -F; done'


def pictures() -> dict[str, dict[str, str]]:
    """Everything; of tables of iptables, which come into being with a look at them, the rules."""
    return {
        host: {**world.picture(host), 'kernel': world.shell(host, f'nft list tables inet; {LISTED}')} for host in BOTH
    }


def test_a_stopped_firewalld_is_started_and_stopped_again(released):
    for host in BOTH:
        world.shell(host, f'systemctl disable -q --now firewalld; {THEIRS}')
    before = pictures()
    try:
        assert world.play('portmatrix.firewall.harden', *LIMIT, '--check').statuses() == dict.fromkeys(BOTH, 'changed')
        assert pictures() == before
        run = world.play('portmatrix.firewall.harden', *LIMIT, '--diff')
        assert run.statuses() == dict.fromkeys(BOTH, 'changed'), run.output
        assert (
            '-firewalld: stopped, does not start at boot' in run.output
            and '+firewalld: running, starts at boot' in run.output
        )
        assert world.play('portmatrix.firewall.harden', *LIMIT).statuses() == dict.fromkeys(BOTH, 'ok')
        for host in BOTH:
            assert world.shell(host, 'systemctl is-active firewalld; systemctl is-enabled firewalld').split() == [
                'active',
                'enabled',
            ]
        assert all(world.shell(host, LISTED) in before[host]['kernel'] for host in BOTH)
        assert world.play('portmatrix.firewall.release', *LIMIT).statuses() == dict.fromkeys(BOTH, 'changed')
        assert pictures() == before
    finally:
        for host in BOTH:
            world.shell(host, f'{CLEAN}; systemctl enable -q --now firewalld')


@pytest.mark.parametrize(
    'spoil, mend, words',
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
def test_what_cannot_work_is_refused_with_the_reason(released, spoil, mend, words):
    try:
        for host in BOTH:
            world.shell(host, spoil)
        before = {host: world.picture(host)['files'] for host in BOTH}
        run = world.play('portmatrix.firewall.harden', *LIMIT)
        assert run.statuses() == dict.fromkeys(BOTH, 'failed'), run.output
        assert all(words in run.results[host]['msg'] for host in BOTH)
        assert {host: world.picture(host)['files'] for host in BOTH} == before
    finally:
        for host in BOTH:
            world.shell(host, mend)


def test_a_firewalld_below_the_minimum_is_refused_with_the_version_that_is_needed(released):
    """The program's own answer is replaced, as no lab host carries an old firewalld; the daemon is stopped, so that it
    is asked at all."""
    try:
        for host in BOTH:
            world.shell(
                host,
                'systemctl stop firewalld; mkdir -p /usr/local/bin; printf "#!/bin/sh\\necho 0.9.11\\n" > '
                '/usr/local/bin/firewall-offline-cmd;'
                'chmod +x /usr/local/bin/firewall-offline-cmd',
            )
        run = world.play('portmatrix.firewall.harden', *LIMIT)
        assert all(
            'firewalld: version must be at least 1.0.0, got 0.9.11' in run.results[host]['msg'] for host in BOTH
        ), run.output
    finally:
        for host in BOTH:
            world.shell(host, 'rm -f /usr/local/bin/firewall-offline-cmd; systemctl start firewalld')
