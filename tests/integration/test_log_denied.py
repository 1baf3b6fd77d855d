"""portmatrix_log_denied: denied packets are in the log of the kernel, with a rate limit and the prefix portmatrix."""

from __future__ import annotations

import testbed
from fleet import FLEET

# the kernel of a lab host logs into that of the machine, so what counts is that its rule has seen the packets
LOG_RULES = {
    'firewalld': 'nft list table inet firewalld | grep -A2 "chain filter_.*portmatrix.*_post {" | grep "log prefix"; true',
    'ufw': 'iptables-save -c | grep LOG.*portmatrix; ip6tables-save -c | grep LOG.*portmatrix; true',
}
SHARED = '{"portmatrix_exclusive": false, "portmatrix_log_denied": true}'
LINE = 'denied packets: logged, 10 a minute at most (prefix portmatrix)'


def test_denied_packets_are_logged(plain_ufw, released):
    FLEET.shell_by_firewall({'firewalld': 'true', 'ufw': 'ufw allow 22/tcp; ufw --force enable'})
    assert FLEET.play('-e', 'portmatrix_exclusive=false').code == 0
    before = FLEET.states()
    for arguments, status in ((('--check',), 'changed'), ((), 'changed'), ((), 'ok')):
        run = FLEET.play('--diff', '-e', SHARED, *arguments)
        assert set(run.statuses().values()) == {status}, run.output
        assert all(LINE in result['diff']['after'] for result in run.results.values()), run.output
        if arguments:
            FLEET.assert_unchanged(before)
    for host, rules in FLEET.shell_by_firewall(LOG_RULES).items():
        assert rules.count('"portmatrix "') == (1 if FLEET.firewalls[host] == 'firewalld' else 2), f'{host}: {rules}'
    targets = [('tcp', testbed.HOSTS[host]['ansible_host'], 9999) for host in FLEET.hosts]
    assert testbed.connections('edge1', targets, False) == [False] * len(targets)
    for rules in (FLEET.shell_by_firewall(LOG_RULES)[host] for host in FLEET.with_firewall('ufw')):
        assert '[0:0] -A ufw-after-input' not in rules, rules
    run = FLEET.play('-e', 'portmatrix_exclusive=false')
    assert set(run.statuses().values()) == {'changed'}, run.output
    FLEET.assert_unchanged(before)


def test_an_exclusive_policy_logs_too(released):
    hosts = FLEET.with_firewall('firewalld')
    for variables in (
        '{"portmatrix_log_denied": true}',
        '{"portmatrix_log_denied": true, "portmatrix_egress": "deny"}',
    ):
        for status in ('changed', 'ok'):
            run = testbed.play('portmatrix.firewall.harden', '-l', ','.join(hosts), '-e', variables)
            assert run.statuses() == dict.fromkeys(hosts, status), run.output
    for host in hosts:
        assert testbed.shell(host, LOG_RULES['firewalld']).count('log prefix "portmatrix "') == 2
    testbed.shell('mgmt1', 'nft flush chain inet firewalld filter_IN_policy_portmatrix-in-top_post')
    run = testbed.play('portmatrix.firewall.harden', '-l', 'mgmt1', '--diff', '-e', variables)
    assert run.statuses() == {'mgmt1': 'changed'}, run.output
    assert 'drift: denied packets are logged in another way' in run.results['mgmt1']['diff']['before']
    assert testbed.shell('mgmt1', LOG_RULES['firewalld']).count('log prefix "portmatrix "') == 2
