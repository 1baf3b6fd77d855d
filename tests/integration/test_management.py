"""Management access stays open, or nothing is changed."""

from __future__ import annotations

import testbed

BOTH = ['mgmt2', 'edge1']
LIMIT = ('-l', ','.join(BOTH))
ELSEWHERE = ('-e', '{"portmatrix_management_sources": ["192.0.2.1"]}')


def test_a_lock_out_is_refused_before_anything_changes(released):
    before = testbed.host_states(BOTH)
    for arguments in (('--check',), ()):
        run = testbed.play('portmatrix.firewall.harden', *LIMIT, *ELSEWHERE, *arguments)
        assert run.statuses() == dict.fromkeys(BOTH, 'failed'), run.output
        for host in BOTH:
            assert (
                'would lock out the management connection from 198.51.100.1 to port 22; add 198.51.100.1 to '
                'portmatrix_management_sources' in run.results[host]['msg']
            )
    assert testbed.host_states(BOTH) == before


def test_the_port_in_use_is_guarded_whatever_it_is(released):
    """A second sshd port in use is kept open next to 22; the next run over 22 changes nothing."""
    host = 'mgmt2'
    try:
        testbed.shell(
            host,
            'echo "Port 22\nPort 2222" > /etc/ssh/sshd_config.d/ports.conf; systemctl restart ssh; firewall-cmd -q '
            '--zone=public --add-port=2222/tcp',
        )
        run = testbed.play('portmatrix.firewall.harden', '-l', host, '-e', 'ansible_port=2222')
        assert run.statuses() == {host: 'changed'}, run.output
        rules = testbed.shell(host, 'nft list chain inet firewalld filter_IN_policy_portmatrix-in-top_allow')
        assert (
            'ip saddr 198.51.100.1 tcp dport 22 accept' in rules
            and 'ip saddr 198.51.100.1 tcp dport 2222 accept' in rules
        )
        assert testbed.play('portmatrix.firewall.harden', '-l', host).statuses() == {host: 'ok'}
    finally:
        testbed.shell(host, 'rm /etc/ssh/sshd_config.d/ports.conf; systemctl restart ssh; firewall-cmd -q --reload')


def test_a_host_keeps_answering_while_egress_is_denied(released):
    """firewalld is started for the first time, with egress denied: a session that is older than the firewall survives,
    and new ones are accepted."""
    host = 'edge1'
    testbed.shell(host, 'systemctl disable -q --now firewalld')
    try:
        assert testbed.play('portmatrix.firewall.harden', '-l', host).statuses() == {host: 'changed'}
        assert testbed.play('portmatrix.firewall.harden', '-l', host).statuses() == {host: 'ok'}
    finally:
        testbed.play('portmatrix.firewall.release', '-l', host)
        testbed.shell(host, 'systemctl enable -q --now firewalld')
