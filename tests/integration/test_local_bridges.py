"""What lives on bridges of the host itself: named where it is cut, and admitted by portmatrix_local_bridges."""

from __future__ import annotations

import pytest
from fleet import Fleet

BRIDGES = Fleet({'edge1': 'firewalld', 'edge2': 'firewalld'})  # they deny egress
ADD = """
set -e
ip link add virbr9 type bridge; ip address add 192.0.2.129/26 dev virbr9; ip link set virbr9 up
ip netns add guest; ip link add vguest type veth peer name eth0 netns guest; ip link set vguest master virbr9 up
ip -n guest address add 192.0.2.140/26 dev eth0; ip -n guest link set eth0 up; ip -n guest link set lo up
systemd-run -q --unit=names python3 -c '
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); server.bind(("192.0.2.129", 53))
while True:
    data, peer = server.recvfrom(512); server.sendto(data, peer)'
systemd-run -q --unit=guest ip netns exec guest python3 -c '
import socket
server = socket.create_server(("192.0.2.140", 8000))
while True:
    server.accept()[0].close()'
sleep 0.5
"""
REMOVE = 'systemctl stop names guest; ip netns del guest; ip link del virbr9'
ASK = (
    "ip netns exec guest python3 -c 'import socket; one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
    'one.settimeout(1); one.sendto(b"x", ("192.0.2.129", 53)); print(one.recv(9))\' 2>/dev/null | grep -c x; true'
)
REACH = (
    'python3 -c \'import socket; socket.create_connection(("192.0.2.140", 8000), 1); print("reached")\' '
    '2>/dev/null | grep -c reached; true'
)


@pytest.mark.parametrize('firewall', ['firewalld', pytest.param('ufw', marks=pytest.mark.long)])
def test_guests_on_a_bridge(request, firewall):
    request.getfixturevalue('released' if firewall == 'firewalld' else 'ufw')
    hosts = BRIDGES.hosts
    try:
        BRIDGES.shell(ADD)
        before = BRIDGES.states()
        run = BRIDGES.play()
        assert set(run.statuses().values()) == {'changed'}, run.output
        text = ' '.join(run.output.split())
        assert '(virbr9) cannot reach its DNS and cannot be reached by it, unless a flow documents it' in text, text
        assert BRIDGES.shell(f'{ASK}; {REACH}') == dict.fromkeys(hosts, '0\n0\n')
        admit = ('-e', 'portmatrix_local_bridges=true')
        check, run = BRIDGES.play('--check', '--diff', *admit), BRIDGES.play('--diff', *admit)
        for one in (check, run):
            assert set(one.statuses().values()) == {'changed'}
            assert 'ingress udp 53 from 192.0.2.128/26 (baseline/local-bridges)' in one.output, one.output
            assert 'virbr9' not in one.output
        assert BRIDGES.shell(f'{ASK}; {REACH}') == dict.fromkeys(hosts, '1\n1\n')
        assert set(BRIDGES.play(*admit).statuses().values()) == {'ok'}
        assert set(BRIDGES.play(playbook='portmatrix.firewall.release').statuses().values()) == {'changed'}
        BRIDGES.assert_unchanged(before)
    finally:
        BRIDGES.shell(REMOVE, check=False)
