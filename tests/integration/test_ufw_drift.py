"""Drift of ufw in the kernel or in its files is reported and fixed; rules that portmatrix does not manage are kept."""

from __future__ import annotations

import cases
import pytest
import testbed
from ufw_pair import HOSTS, LIMIT

CASES = {
    'the kernel was flushed': ('nft flush ruleset', 'drift: the kernel has no rules of ufw (ipv4)\n'),
    'a rule was inserted first by hand': (
        'iptables -I ufw-user-input -s 192.0.2.77 -p tcp --dport 7777 -j ACCEPT',
        'kernel: ingress tcp 7777 from 192.0.2.77\n',
    ),
    'the same for IPv6': (
        'ip6tables -A ufw6-user-input -p udp --dport 7777 -j ACCEPT',
        'drift, only in the kernel: ingress udp 7777 from any\n',
    ),
    'a rule was removed from the kernel': (
        'iptables -D ufw-user-input -s 198.51.100.1 -p tcp --dport 22 -j ACCEPT',
        'drift, missing in the kernel: ingress tcp 22 from 198.51.100.1\n',
    ),
    'a policy was opened by hand': (
        'iptables -P INPUT ACCEPT',
        'drift: the policy of INPUT (ipv4) is ACCEPT, not DROP\n',
    ),
    'ufw was unhooked': (
        'ip6tables -D INPUT -j ufw6-before-input',
        'drift: INPUT (ipv6) does not jump to the chains of ufw as it should\n',
    ),
    'the default was changed': ('ufw default allow incoming', 'rest of ingress: accepted (ufw default incoming)\n'),
    'a rule of portmatrix was deleted': ('ufw --force delete 2', 'ufw: running, starts at boot\n'),
    'a rule of portmatrix was taken over': (
        "ufw allow proto tcp from 198.51.100.1 to any port 22 comment 'mine'",
        'ufw: running, starts at boot\n',
    ),
    'the section of portmatrix was deleted': (
        "sed -i '/^# portmatrix begin/,/^# portmatrix end/d' /etc/ufw/before.rules",
        'drift, only in the kernel: ingress icmp from any\n',
    ),
    'ufw was disabled': ('ufw disable', 'ufw: stopped, does not start at boot\n'),
    'ufw was disabled at boot': ('systemctl disable -q ufw', 'ufw: running, does not start at boot\n'),
}


@pytest.fixture(scope='module')
def hardened(ufw_pair):
    for host in HOSTS:
        testbed.shell(host, 'ufw allow 80/tcp comment theirs')
    assert testbed.play('portmatrix.firewall.harden', *LIMIT).code == 0
    # a host in this state has nothing left to change
    assert testbed.play('portmatrix.firewall.harden', *LIMIT).statuses() == dict.fromkeys(HOSTS, 'ok')
    yield
    assert testbed.play('portmatrix.firewall.release', *LIMIT).code == 0


ALWAYS = (
    'the kernel was flushed',
    'a rule was inserted first by hand',
    'ufw was unhooked',
    'a rule of portmatrix was taken over',
    'the section of portmatrix was deleted',
    'ufw was disabled',
)


@pytest.mark.parametrize('case', cases.chosen(CASES, *ALWAYS))
def test_drift_is_reported_and_fixed(hardened, case):
    script, expected = CASES[case]
    before = testbed.host_states(HOSTS)
    testbed.map_hosts(lambda host: testbed.shell(host, script), HOSTS)
    drifted = testbed.host_states(HOSTS)
    assert all(drifted[host] != before[host] for host in HOSTS)
    check = testbed.play('portmatrix.firewall.harden', *LIMIT, '--check', '--diff')
    assert check.statuses() == dict.fromkeys(HOSTS, 'changed'), check.output
    assert testbed.host_states(HOSTS) == drifted, 'check mode changed something'
    for host in HOSTS:
        assert expected in check.results[host]['diff']['before'], check.output
    assert testbed.play('portmatrix.firewall.harden', *LIMIT).statuses() == check.statuses()
    if case == 'a rule of portmatrix was taken over':
        # that of portmatrix has another key now, and its plain form again once the other one is deleted
        for host in HOSTS:
            assert "# mine" in testbed.shell(host, 'ufw status')
            testbed.shell(host, 'ufw delete allow proto tcp from 198.51.100.1 to any port 22')
        assert testbed.play('portmatrix.firewall.harden', *LIMIT).statuses() == dict.fromkeys(HOSTS, 'changed')
    assert testbed.sorted_lines(testbed.host_states(HOSTS)) == testbed.sorted_lines(before)
    for host in HOSTS:
        assert '# theirs' in testbed.shell(host, 'ufw status')
