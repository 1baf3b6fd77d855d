"""Drift in the kernel, in the running firewalld or in the files is reported and fixed."""

from __future__ import annotations

import cases
import pytest
import testbed

HOSTS = ['mgmt1', 'mgmt2']
BY_HAND = '''--policy=portmatrix-in-top --add-rich-rule='rule family="ipv4" source address="192.0.2.77" port port="7777" protocol="tcp" accept' '''
CASES = {
    'the kernel was flushed': ('nft flush ruleset', 'drift: the kernel has no table of firewalld'),
    'a rule was added by hand at run time': (
        f'firewall-cmd -q {BY_HAND}',
        'drift, only in the kernel: ingress tcp 7777 from 192.0.2.77',
    ),
    'a rule was added by hand to the files': (
        f'firewall-cmd -q --permanent {BY_HAND}',
        'ingress tcp 7777 from 192.0.2.77 (no flow of the catalogs)',
    ),
    'a service was added by hand and loaded': (
        'firewall-cmd -q --permanent --policy=portmatrix-in-top --add-service=http; firewall-cmd -q --reload',
        'changed by hand in portmatrix-in-top: <service name="http" />',
    ),
    'a rule was removed by hand at run time': (
        'firewall-cmd -q --policy=portmatrix-in-top "--remove-rich-rule=rule family=ipv4 source address=198.51.100.1 '
        'port port=22 protocol=tcp accept"',
        'drift, missing in the kernel: ingress tcp 22 from 198.51.100.1\n',
    ),
    'an entry was removed from a set': (
        'set=$(nft -j list sets inet | grep -o "portmatrix-4-[0-9]*" | head -1); nft flush set inet firewalld $set',
        'drift, missing in the kernel: ingress tcp 22 from 198.51.100.21-198.51.100.22\n',
    ),
    'a rule was removed from the kernel': (
        'chain="inet firewalld filter_IN_policy_portmatrix-in-top_allow"; nft delete rule $chain handle $(nft -a list chain '
        '$chain | grep "saddr 198.51.100.1 tcp dport 22 " | grep -o "[0-9]*$")',
        'drift, missing in the kernel: ingress tcp 22 from 198.51.100.1\n',
    ),
    'the policy was limited to a zone at run time': (
        'firewall-cmd -q --policy=portmatrix-in-top --remove-ingress-zone=ANY; firewall-cmd -q --policy=portmatrix-in-top '
        '--add-ingress-zone=public',
        'drift: the running policies have other settings than their configuration files',
    ),
    'an accept was inserted before all rules of portmatrix': (
        'nft insert rule inet firewalld filter_IN_policy_portmatrix-in-top tcp dport 7777 accept',
        'drift: the chain filter_IN_policy_portmatrix-in-top differs from what firewalld writes',
    ),
    'an accept was inserted before all policies and zones': (
        'nft insert rule inet firewalld filter_INPUT tcp dport 7777 accept',
        'drift: the chain filter_INPUT has a rule that firewalld does not write: tcp dport 7777 accept',
    ),
    'an accept was inserted before the policies of a zone': (
        'nft insert rule inet firewalld filter_IN_public tcp dport 7777 accept',
        'drift: a rule of the zone public decides before portmatrix-in-top: tcp dport 7777 accept',
    ),
    'the policy was unhooked': (
        'chain=$(nft -a list table inet firewalld | grep -B9 "jump filter_IN_policy_portmatrix-in-top #" | grep -o "chain '
        '[a-zA-Z_]*" | tail -1 | cut -d" " -f2);'
        'nft delete rule inet firewalld $chain handle $(nft -a list chain inet firewalld $chain | grep '
        '"policy_portmatrix-in-top #" | grep -o "[0-9]*$")',
        'drift: the kernel does not pass ingress through portmatrix-in-top',
    ),
    'the files of portmatrix were removed': (
        'rm /etc/firewalld/policies/portmatrix-in-top.xml',
        'drift, only in the kernel: ingress tcp 22 from 198.51.100.1\n',
    ),
}


@pytest.fixture(scope='module')
def hardened():
    assert testbed.play('portmatrix.firewall.harden', '-l', ','.join(HOSTS)).code == 0
    # a host in this state has nothing left to change
    assert testbed.play('portmatrix.firewall.harden', '-l', ','.join(HOSTS)).statuses() == dict.fromkeys(HOSTS, 'ok')
    yield
    testbed.play('portmatrix.firewall.release')


ALWAYS = (
    'the kernel was flushed',
    'a service was added by hand and loaded',
    'an entry was removed from a set',
    'an accept was inserted before all policies and zones',
    'an accept was inserted before the policies of a zone',
    'the policy was unhooked',
    'the files of portmatrix were removed',
)


@pytest.mark.parametrize('case', cases.chosen(CASES, *ALWAYS))
def test_drift_is_reported_and_fixed(hardened, case):
    script, expected = CASES[case]
    before = testbed.host_states(HOSTS)
    testbed.map_hosts(lambda host: testbed.shell(host, script, check=False), HOSTS)
    # firewalld 2.2 and later owns its table: no other program can write into it, so there is no drift
    drifted = [host for host, state in testbed.host_states(HOSTS).items() if state != before[host]]
    assert 'mgmt1' in drifted
    check = testbed.play('portmatrix.firewall.harden', '-l', ','.join(HOSTS), '--check', '--diff')
    for host in HOSTS:
        assert check.results[host]['changed'] == (host in drifted), f'{host}: {case}: {check.output}'
    for host in drifted:
        assert expected in check.results[host]['diff']['before'], check.output
    run = testbed.play('portmatrix.firewall.harden', '-l', ','.join(HOSTS))
    assert run.statuses() == {host: 'changed' if host in drifted else 'ok' for host in HOSTS}, run.output
    assert testbed.sorted_lines(testbed.host_states(HOSTS)) == testbed.sorted_lines(before)
