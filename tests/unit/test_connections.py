"""Connections of this host: those that are established, and those that a change would drop."""

from __future__ import annotations

import json
import socket

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import Refused
from ansible_collections.portmatrix.firewall.plugins.module_utils._converge import planning
from ansible_collections.portmatrix.firewall.plugins.module_utils._host import (
    established_connections,
    noticing,
    sockets,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._host.sockets import Socket
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import policy as policies, traffic
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.openings import Opening, everything
from fake_backend import FakeBackend
from fake_host import Host
from fake_rollback import FakeManagement

ALLOWED = {
    traffic.Service('ingress', 'ipv4', 'tcp', 'destination', 443, 443): (traffic.interval('192.0.2.0/24'),),
    traffic.Service('egress', 'ipv6', 'tcp', 'destination', 8443, 8444): (traffic.interval('2001:db8::5'),),
}
LISTENING = [Socket('0.0.0.0', 443, '0.0.0.0', 0, '1')]
ESTABLISHED = [
    Socket('198.51.100.1', 443, '192.0.2.7', 50000, '2'),
    Socket('198.51.100.1', 443, '192.0.2.7', 50001, '3'),
    Socket('198.51.100.1', 443, '203.0.113.7', 50000, '4'),
    Socket('2001:db8::1', 40000, '2001:db8::5', 8444, '5'),
    Socket('2001:db8::1', 40000, '2001:db8::6', 8444, '6'),
]


@pytest.fixture
def connections(monkeypatch):
    monkeypatch.setattr(sockets, 'listening', lambda: LISTENING)
    monkeypatch.setattr(sockets, 'established', lambda: ESTABLISHED)
    return established_connections.documented(ALLOWED)


def test_documented_connections_are_listed_once_for_each_service_and_peer(connections):
    assert [connection.display() for connection in connections] == [
        'egress tcp 8444 to 2001:db8::5',
        'ingress tcp 443 from 192.0.2.7',
    ]


def test_what_this_host_has_opened_without_a_document_is_named(connections):
    standing = established_connections.undocumented(ALLOWED, 'egress')
    assert [connection.display() for connection in standing] == ['egress tcp 8444 to 2001:db8::6']


EGRESS_DENIED = {'format': 1, 'egress': 'deny', 'exclusive': False, 'management': {'sources': ['any'], 'ports': []}}
POLICY = policies.parse(json.dumps({**EGRESS_DENIED, 'groups': {}, 'rules': [], 'citations': {}}))


@pytest.mark.parametrize('is_carried', [False, True])
def test_what_carries_management_is_not_cut(monkeypatch, is_carried):
    """An outbound tunnel of the host brings the session of this run in: the kernel knows it now, but not after its
    restart."""
    monkeypatch.setattr(sockets, 'listening', lambda: LISTENING)
    monkeypatch.setattr(sockets, 'established', lambda: ESTABLISHED)
    host = Host()
    host.connection = None if is_carried else host.connection
    backend, management = FakeBackend(host), FakeManagement(host)
    if is_carried:
        with pytest.raises(Refused, match=r'a tunnel or an agent carries it.*egress tcp 8444 to 2001:db8::5.*document'):
            planning.plan(backend, backend.observe(), POLICY, management)
    else:
        assert planning.plan(backend, backend.observe(), POLICY, management).warnings == [
            'connections of this host that could not be opened again: egress tcp 8444 to 2001:db8::5, egress tcp 8444 '
            'to 2001:db8::6'
        ]
    is_open = POLICY._replace(egress='allow')
    assert planning.plan(backend, backend.observe(), is_open, management).warnings == []


# what closes and what stays open -> what is used of it
CLOSING = {
    'everything': (
        (everything('it is stopped'),),
        (),
        ['tcp 22 (listening)', 'tcp 443 (connected from 203.0.113.7)', 'udp 123 (listening)'],
    ),
    'a port': ((Opening('ingress', ('tcp',), ((443, 443),), 'x'),), (), ['tcp 443 (connected from 203.0.113.7)']),
    'ports of both protocols': ((Opening('ingress', (), ((100, 200),), 'x'),), (), ['udp 123 (listening)']),
    'what stays open by another rule': (
        (everything('x'),),
        (Opening('ingress', ('tcp',), (), 'y', for_all=True),),
        ['udp 123 (listening)'],
    ),
    'what stays open to some': (
        (everything('x'),),
        (Opening('ingress', (), (), 'y'),),
        ['tcp 22 (listening)', 'tcp 443 (connected from 203.0.113.7)', 'udp 123 (listening)'],
    ),
    'what goes out': ((Opening('egress', ('tcp',), ((443, 443),), 'x'),), (), []),
}


@pytest.mark.parametrize('name', CLOSING)
def test_who_will_notice_is_named(monkeypatch, connections, name):
    monkeypatch.setattr(sockets, 'listening', lambda: [*LISTENING, Socket('0.0.0.0', 22, '0.0.0.0', 0, '7')])
    monkeypatch.setattr(sockets, 'receiving_udp', lambda: [Socket('0.0.0.0', 123, '0.0.0.0', 0, '8')])
    closing, staying, expected = CLOSING[name]
    assert noticing.in_use(closing, staying, ALLOWED) == expected


def test_the_sockets_of_this_machine_are_read():
    with socket.create_server(('0.0.0.0', 0)) as server:
        assert server.getsockname()[1] in {listener.port for listener in sockets.listening()}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service, socket.socket(type=socket.SOCK_DGRAM) as client:
        service.bind(('0.0.0.0', 1053))
        client.bind(('0.0.0.0', 0))
        ports = {receiver.port for receiver in sockets.receiving_udp()}
        assert 1053 in ports and client.getsockname()[1] not in ports
