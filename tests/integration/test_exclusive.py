"""One meaning of portmatrix_exclusive on firewalld and ufw: without it, what rules of others allow stays open and is
named; with it, that is closed, and named with who will notice. What they deny is named, too."""

from __future__ import annotations

import lab
import pytest
import testbed
from fleet import FLEET, Fleet

FIREWALLD = Fleet(dict.fromkeys(FLEET.with_firewall('firewalld'), 'firewalld'))
SOURCE = 'edge2'  # no component opens these ports to it
ADDRESS = testbed.HOSTS[SOURCE]['ansible_host']
OPENED = (9100, 9101)
ZONE = 'firewall-cmd -q --permanent --zone=public'
POLICY = 'firewall-cmd -q --permanent --policy=theirs'
OPEN = {
    'firewalld': f"""
{ZONE} --add-port=9100/tcp
firewall-cmd -q --permanent --new-policy=theirs
{POLICY} --set-priority=10; {POLICY} --add-ingress-zone=ANY; {POLICY} --add-egress-zone=HOST; {POLICY} --add-port=9101/tcp
firewall-cmd -q --reload
""",
    'ufw': 'ufw allow 22/tcp; ufw allow 9100/tcp; ufw allow proto tcp from any to any port 9101; ufw --force enable',
}
UNDO = {
    'firewalld': 'rm -f /etc/firewalld/zones/public.xml* /etc/firewalld/policies/theirs.xml*; firewall-cmd -q --reload',
    'ufw': 'true',  # the fixture restores it
}
TEXTS = {
    'firewalld': ('firewalld zone public: tcp dport 9100 accept', 'firewalld policy theirs: tcp dport 9101 accept'),
    'ufw': ('ufw allow in proto tcp to any port 9100', 'ufw allow in proto tcp to any port 9101'),
}
SERVE = """systemd-run -q --unit=theirs python3 -c "
import socket, time
listeners = [socket.create_server(('', port)) for port in (9100, 9101)]
connection = listeners[0].accept(); time.sleep(600)" """
CONNECT = """systemd-run -q --unit=standing python3 -c "
import socket, time
connections = [socket.create_connection((address, 9100), 20) for address in {addresses}]; time.sleep(600)" """


def is_open(port: int, expected: bool, source: str = SOURCE) -> set[bool]:
    targets = [('tcp', testbed.HOSTS[host]['ansible_host'], port) for host in FLEET.hosts]
    return set(testbed.connections(source, targets, expected))


def harden(exclusive: bool, *arguments: str) -> testbed.Run:
    run = FLEET.play('--diff', '-e', f'{{"portmatrix_exclusive": {str(exclusive).lower()}}}', *arguments)
    assert run.code == 0, run.output
    return run


def assert_named(run: testbed.Run, before: str, after: str) -> None:
    """The rules of others are BEFORE and AFTER the change: open or closed."""
    for host, firewall in FLEET.firewalls.items():
        diff = run.results[host]['diff']
        for side, state in (('before', before), ('after', after)):
            for text in TEXTS[firewall]:
                assert f'not in the policy, {state}: {text}' in diff[side], f'{host}: {diff}'


@pytest.fixture
def opened(plain_ufw, released):
    """Both firewalls allow what no catalog documents, and it is used."""
    FLEET.shell_by_firewall(OPEN)
    FLEET.shell(SERVE)
    addresses = [testbed.HOSTS[host]['ansible_host'] for host in FLEET.hosts]
    lab.wait_for(lambda: is_open(9101, True) == {True}, 'the services of others', seconds=60)
    testbed.shell(SOURCE, CONNECT.format(addresses=addresses))
    lab.wait_for(
        lambda: all(FLEET.shell("ss -Htn state established 'sport = 9100'").values()), 'connections', seconds=60
    )
    yield
    testbed.shell(SOURCE, 'systemctl stop standing; true')
    FLEET.shell('systemctl stop theirs; true')
    FLEET.release()
    FLEET.shell_by_firewall(UNDO)


def test_what_rules_of_others_allow_stays_or_is_closed(opened):
    closes = 'this closes what the policy does not document'
    for arguments in (('--check',), ()):
        run = harden(False, *arguments)
        assert_named(run, 'but open', 'but open')
        assert run.output.count('allow what the policy does not') == len(FLEET.hosts), run.output
    assert is_open(9100, True) | is_open(9101, True) == {True}
    assert set(harden(False).statuses().values()) == {'ok'}

    for arguments in (('--check',), ()):
        run = harden(True, *arguments)
        assert_named(run, 'but open', 'and closed')
        for host in FLEET.hosts:
            (warning,) = [text for text in run.results[host]['warnings'] if closes in text]
            assert f'tcp 9100 (connected from {ADDRESS}), tcp 9101 (listening)' in warning
    assert is_open(9100, False) | is_open(9101, False) == {False}
    run = harden(True)
    assert set(run.statuses().values()) == {'ok'} and closes not in run.output, run.output

    run = harden(False)
    assert_named(run, 'and closed', 'but open')
    assert is_open(9100, True, 'edge1') | is_open(9101, True, 'edge1') == {True}


# host -> a source and a port that the matrices open to it
DOCUMENTED = {'mgmt1': ('edge1', 443), 'mgmt2': ('edge1', 443), 'data1': ('mgmt1', 3306), 'data2': ('mgmt1', 443)}
DENY = {
    'firewalld': '--zone=public --add-rich-rule="rule family=ipv4 source address={0} port port={1} protocol=tcp reject"',
    'ufw': 'insert 1 deny proto tcp from {0} to any port {1}; ufw allow 22/tcp; ufw --force enable',
}
COMMANDS = {'firewalld': 'firewall-cmd -q', 'ufw': 'ufw allow 81/tcp; ufw'}  # a first rule, to insert before it


def deny(host: str) -> str:
    """Deny on HOST what is documented; returns the address that is denied."""
    source, port = DOCUMENTED[host]
    firewall, address = FLEET.firewalls[host], testbed.HOSTS[source]['ansible_host']
    testbed.shell(host, f'{COMMANDS[firewall]} {DENY[firewall].format(address, port)}')
    return address


def answers(host: str, expected: bool) -> bool:
    source, port = DOCUMENTED[host]
    return testbed.connections(source, [('tcp', testbed.HOSTS[host]['ansible_host'], port)], expected)[0]


def test_what_rules_of_others_deny_is_named(plain_ufw, released):
    """It stays denied. Only an exclusive policy of firewalld comes before the zones, and says so."""
    denied = FLEET.map(deny)
    try:
        with testbed.serving({host: [('tcp', port)] for host, (_source, port) in DOCUMENTED.items()}):
            run = harden(False)
            for host in FLEET.hosts:
                (warning,) = [text for text in run.results[host]['warnings'] if 'and come first' in text]
                assert denied[host] in warning and str(DOCUMENTED[host][1]) in warning
            assert {answers(host, False) for host in FLEET.hosts} == {False}
            run = harden(True)
            for host in FIREWALLD.hosts:
                (warning,) = [text for text in run.results[host]['warnings'] if 'have no effect' in text]
                assert denied[host] in warning and 'banaction = nftables' in warning
            assert {host: answers(host, host in FIREWALLD.hosts) for host in FLEET.hosts} == {
                host: host in FIREWALLD.hosts for host in FLEET.hosts
            }
    finally:
        FIREWALLD.shell('firewall-cmd -q --reload')


def test_a_zone_that_accepts_everything_is_named(released):
    """A policy takes the place of the targets of zones, with both values."""
    hosts = FIREWALLD.hosts
    FIREWALLD.shell(f'{ZONE} --set-target=ACCEPT; firewall-cmd -q --reload')
    try:
        with testbed.serving({host: [('tcp', 9700)] for host in hosts}):
            targets = [('tcp', testbed.HOSTS[host]['ansible_host'], 9700) for host in hosts]
            assert testbed.connections(SOURCE, targets, True) == [True] * len(hosts)
            run = FIREWALLD.play('--diff', '-e', 'portmatrix_exclusive=false')
            for host in hosts:
                (warning,) = [text for text in run.results[host]['warnings'] if 'this closes' in text]
                assert 'firewalld zone public: accept (its target)' in warning and 'tcp 9700 (listening)' in warning
            assert testbed.connections('edge1', targets, False) == [False] * len(hosts)
    finally:
        FIREWALLD.release()
        FIREWALLD.shell_by_firewall(UNDO)


def test_a_release_that_locks_out_is_refused(released):
    """The zones do not admit what only the policy admits."""
    run = FIREWALLD.play()
    assert run.code == 0, run.output
    FIREWALLD.shell(f'{ZONE} --remove-service=ssh; firewall-cmd -q --reload')
    try:
        run = FIREWALLD.play(playbook='portmatrix.firewall.release')
        assert set(run.statuses().values()) == {'failed'}, run.output
        assert 'would deny the management connection' in run.output
    finally:
        FIREWALLD.shell_by_firewall(UNDO)
