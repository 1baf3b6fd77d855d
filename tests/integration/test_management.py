"""The way in stays open, or nothing happens at all."""

from __future__ import annotations

import world

BOTH = ['mgmt2', 'edge1']
LIMIT = ('-l', ','.join(BOTH))
ELSEWHERE = ('-e', '{"portmatrix_management_sources": ["192.0.2.1"]}')


def test_rules_that_would_lock_us_out_are_refused_before_anything_changes(released):
    before = world.pictures(BOTH)
    for arguments in (('--check',), ()):
        run = world.play('portmatrix.firewall.harden', *LIMIT, *ELSEWHERE, *arguments)
        assert run.statuses() == dict.fromkeys(BOTH, 'failed'), run.output
        for host in BOTH:
            assert (
                'would lock out the management connection from 198.51.100.1 to port 22; add 198.51.100.1 to '
                'portmatrix_management_sources' in run.results[host]['msg']
            )
    assert world.pictures(BOTH) == before


def test_the_observed_port_is_guarded_wherever_sshd_listens(released):
    """A second sshd port in use is kept open next to 22; the next run over 22 changes nothing."""
    host = 'mgmt2'
    try:
        world.shell(
            host,
            'echo "Port 22\nPort 2222" > /etc/ssh/sshd_config.d/ports.conf; systemctl restart ssh; firewall-cmd -q '
            '--zone=public --add-port=2222/tcp',
        )
        run = world.play('portmatrix.firewall.harden', '-l', host, '-e', 'ansible_port=2222')
        assert run.statuses() == {host: 'changed'}, run.output
        rules = world.shell(host, 'nft list chain inet firewalld filter_IN_policy_portmatrix-in_allow')
        assert (
            'ip saddr 198.51.100.1 tcp dport 22 accept' in rules
            and 'ip saddr 198.51.100.1 tcp dport 2222 accept' in rules
        )
        assert world.play('portmatrix.firewall.harden', '-l', host).statuses() == {host: 'ok'}
    finally:
        world.shell(host, 'rm /etc/ssh/sshd_config.d/ports.conf; systemctl restart ssh; firewall-cmd -q --reload')


def test_a_host_keeps_answering_while_egress_is_denied(released):
    """First start of firewalld with egress denied: a session that is older than the firewall lives on, and new ones
    come in."""
    host = 'edge1'
    world.shell(host, 'systemctl disable -q --now firewalld')
    try:
        assert world.play('portmatrix.firewall.harden', '-l', host).statuses() == {host: 'changed'}
        assert world.play('portmatrix.firewall.harden', '-l', host).statuses() == {host: 'ok'}
    finally:
        world.play('portmatrix.firewall.release', '-l', host)
        world.shell(host, 'systemctl enable -q --now firewalld')
