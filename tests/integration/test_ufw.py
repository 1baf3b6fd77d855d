"""ufw on real hosts: rules that portmatrix does not manage, what ufw's own files allow, thousands of peers. Verified
with the status of ufw, iptables-save and packets."""

from __future__ import annotations

import json
import re

import firewall_scripts
import testbed
from ufw_pair import ENABLE, HOSTS, LIMIT, harden

ADD = f"""
{ENABLE}; ufw allow 80/tcp comment 'the web'; ufw deny from 192.0.2.5; ufw limit log 2222/tcp; ufw allow in on eth0 proto udp from 192.0.2.0/24
ufw route allow in on eth0 out on eth1 to 192.0.2.9 port 81 proto tcp; ufw allow from 2001:db8:5::/64 to any port 8000:8010 proto tcp; ufw allow out 99
ufw allow 'WWW Full'; ufw reload
"""


def unmanaged_rules(host: str) -> str:
    """The rules that portmatrix does not manage, in their order, as ufw lists them."""
    return '\n'.join(
        line for line in testbed.shell(host, 'ufw show added').splitlines() if "comment 'portmatrix" not in line
    )


def assert_connects(host: str, port: int, source: str, expected: bool) -> None:
    """Whether PORT of HOST answers SOURCE over both families must be as EXPECTED."""
    addresses = (testbed.HOSTS[host]['ansible_host'], testbed.HOSTS[host]['lab_ipv6'])
    targets = [('tcp', address, port) for address in addresses]
    assert testbed.connections(source, targets, expected) == [expected, expected], f'{source} to {host}'


def test_unmanaged_rules_keep_their_order_and_are_reported(plain_ufw):
    for host in HOSTS:
        testbed.shell(host, ADD)
    before = {host: (unmanaged_rules(host), testbed.host_state(host)) for host in HOSTS}
    assert all(len(text.splitlines()) == 10 for text, _state in before.values())
    shared = ('-e', 'portmatrix_exclusive=false')
    run = harden('--diff', *shared)
    assert run.statuses() == dict.fromkeys(HOSTS, 'changed')
    for host in HOSTS:
        for side in ('before', 'after'):
            lines = run.results[host]['diff'][side].splitlines()
            assert 'not in the policy, but open: ufw allow in proto tcp to any port 80' in lines
        assert unmanaged_rules(host) == before[host][0]
        status = testbed.shell(host, 'ufw status')
        assert re.search(r'22/tcp +ALLOW +198\.51\.100\.1 +# portmatrix management', status), status
        assert 'rules not managed by portmatrix allow what the policy does not' in run.output
        # rules that are added later come after those of portmatrix, and are kept
        testbed.shell(host, "ufw allow 82/tcp; ufw insert 1 deny from 192.0.2.6")
    assert harden(*shared).statuses() == dict.fromkeys(HOSTS, 'ok')
    for host in HOSTS:
        testbed.shell(host, 'ufw delete allow 82/tcp; ufw delete deny from 192.0.2.6')
        assert 'comment' in testbed.shell(host, 'ufw show added')
    assert testbed.play('portmatrix.firewall.release', *LIMIT).statuses() == dict.fromkeys(HOSTS, 'changed')
    assert testbed.host_states(HOSTS) == {host: state for host, (_text, state) in before.items()}


def test_exclusive_closes_what_unmanaged_rules_open_until_it_is_unset(plain_ufw):
    with testbed.serving({host: [('tcp', 80), ('udp', 68)] for host in HOSTS}):
        for host in HOSTS:
            testbed.shell(host, f'{ENABLE}; ufw allow 80/tcp')
        files = {host: testbed.shell(host, 'sha256sum /etc/ufw/before*.rules') for host in HOSTS}
        # each time from another host, because the kernel would take the same packets for the same connection
        for exclusive, is_open, source in ((False, True, 'edge2'), (True, False, 'edge1'), (False, True, 'mgmt2')):
            run = harden('--diff', '-e', json.dumps({'portmatrix_exclusive': exclusive}))
            assert run.statuses() == dict.fromkeys(HOSTS, 'changed'), run.output
            for host in HOSTS:
                assert_connects(host, 80, source, is_open)
                assert reaches_dhcp(host, source, is_open) is is_open
                rules = testbed.filter_rules(host)
                for address in ('224.0.0.251/32', '239.255.255.250/32', 'ff02::fb/128', 'ff02::f/128'):
                    assert (address in rules) is is_open, address
                assert 'ufw allow 80/tcp' in unmanaged_rules(host)
                assert (
                    'not in the policy, but open: /etc/ufw/before.rules: mDNS' in run.results[host]['diff']['after']
                ) is is_open
            assert harden('-e', json.dumps({'portmatrix_exclusive': exclusive})).statuses() == dict.fromkeys(
                HOSTS, 'ok'
            )
        assert testbed.play('portmatrix.firewall.release', *LIMIT).code == 0
        assert {host: testbed.shell(host, 'sha256sum /etc/ufw/before*.rules') for host in HOSTS} == files


def reaches_dhcp(host: str, source: str, expected: bool) -> bool:
    """Whether SOURCE reaches UDP port 68 from port 67, as ufw's before.rules allow."""
    timeout = 15 if expected else 1
    script = (
        f"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout({timeout}); s.bind(('', 67)); "
        f"s.sendto(b'x', ('{testbed.HOSTS[host]['ansible_host']}', 68)); print(s.recv(9))"
    )
    return 'x' in testbed.run_command(source, 'python3', '-c', script, check=False)


def test_an_unmanaged_denial_is_reported(plain_ufw):
    for host in HOSTS:
        testbed.shell(host, f'{ENABLE}; ufw deny proto tcp from 198.51.100.11 to any port 443')
    with testbed.serving({'data2': [('tcp', 443)]}):
        denial = 'deny in proto tcp from 198.51.100.11'
        run = harden('-e', 'portmatrix_exclusive=false')
        assert f'deny what the policy allows, and come first: {denial}' in run.output
        target = ('tcp', testbed.HOSTS['data2']['ansible_host'], 443)
        assert testbed.connections('mgmt1', [target], expected=False) == [False]
        # an exclusive policy comes before the first rule that allows
        run = harden()
        assert 'deny what the policy allows, but have no effect' in run.output and denial in run.output
        assert testbed.connections('mgmt1', [target], expected=True) == [True]
        for host in HOSTS:
            testbed.shell(host, 'ufw delete deny proto tcp from 198.51.100.11 to any port 443')
            testbed.shell(host, 'ufw insert 1 deny proto tcp from 198.51.100.11 to any port 443')
        run = harden()
        assert f'deny what the policy allows, and come first: {denial}' in run.output
        assert testbed.connections('mgmt1', [target], expected=False) == [False]


def test_release_removes_managed_rules_from_both_firewalls(plain_ufw):
    """A host that was hardened with ufw and then with firewalld: the release restores both, and the change that is in
    force is confirmed."""
    before = {host: testbed.host_state(host)['files'] for host in HOSTS}
    try:
        assert testbed.play('portmatrix.firewall.harden', *LIMIT, '-e', 'portmatrix_backend=ufw').code == 0
        testbed.map_hosts(
            lambda host: testbed.shell(
                host, f'ufw --force disable >/dev/null; {firewall_scripts.CLEAR_TABLES}; systemctl start firewalld'
            ),
            HOSTS,
        )
        assert testbed.play('portmatrix.firewall.harden', *LIMIT, '-e', 'portmatrix_backend=firewalld').code == 0
        run = testbed.play('portmatrix.firewall.release', *LIMIT)
        assert run.statuses() == dict.fromkeys(HOSTS, 'changed') and all(
            run.results[host]['backend'] == 'ufw, firewalld' for host in HOSTS
        ), run.output
        assert testbed.play('portmatrix.firewall.release', *LIMIT).statuses() == dict.fromkeys(HOSTS, 'ok')
        for host in HOSTS:
            assert testbed.host_state(host)['files'] == before[host]
            assert 'portmatrix' not in testbed.shell(host, 'nft list ruleset; firewall-cmd --get-policies')
    finally:
        testbed.map_hosts(lambda host: testbed.shell(host, 'systemctl stop firewalld', check=False), HOSTS)


def test_thousands_of_peers(plain_ufw):
    """The number of rules grows with the peers, not with peers times flows; all of them are loaded as one change."""
    peers = [f'203.0.{number // 250}.{number % 250 + 1}' for number in range(0, 3000, 2)]
    arguments = (
        '-e',
        json.dumps({'portmatrix_peers': {'enstratius.internet': ['192.0.2.1'], 'avi_vantage.controller': peers}}),
    )
    run = harden(*arguments)
    assert run.statuses() == dict.fromkeys(HOSTS, 'changed'), run.output
    for host in HOSTS:
        lines = [line for line in testbed.filter_rules(host).splitlines() if '-s 203.0.' in line]
        assert len(lines) == 1500 and all('multiport' in line for line in lines), lines[:3]
        assert len(json.dumps(run.results[host])) < 20_000
    assert harden(*arguments).statuses() == dict.fromkeys(HOSTS, 'ok')


def test_published_ports_of_containers_are_reported(plain_ufw):
    """The rules of Docker, without Docker: a bridge and a chain in the table nat."""
    publish = 'iptables -t nat -N DOCKER; iptables -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80'
    try:
        for host in HOSTS:
            testbed.shell(host, f'ip link add docker0 type bridge; {publish}')
        run = harden()
        assert (
            'containers publish 8080/tcp: this traffic is forwarded and bypasses the policy of the host' in run.output
        )
        assert all('--to-destination 172.17.0.2:80' in testbed.shell(host, 'iptables-save -t nat') for host in HOSTS)
    finally:
        for host in HOSTS:
            testbed.shell(
                host,
                'ip link del docker0; iptables -t nat -F DOCKER; iptables -t nat -X DOCKER; nft delete table ip nat',
            )
