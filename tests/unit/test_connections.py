"""Connections of this host: those that are established, and those that a change would drop."""

from __future__ import annotations

import socket

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._host import established_connections, sockets
from ansible_collections.portmatrix.firewall.plugins.module_utils._host.sockets import Socket
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import traffic

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


def test_an_incoming_connection_is_dropped_if_the_rules_in_force_deny_it(connections):
    incoming = [connection for connection in connections if connection.direction == 'ingress']
    assert established_connections.dropped(incoming, lambda connection: False) == incoming
    assert established_connections.dropped(incoming, lambda connection: connection.local == '198.51.100.1') == []


def test_an_outgoing_connection_is_dropped_if_it_cannot_be_opened_again():
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]
        connection = established_connections.Connection('egress', '127.0.0.1', port)
        assert established_connections.dropped([connection], lambda _connection: False) == []
    assert established_connections.dropped([connection], lambda _connection: True) == [connection]


def test_the_sockets_of_this_machine_are_read():
    with socket.create_server(('0.0.0.0', 0)) as server:
        assert server.getsockname()[1] in {listener.port for listener in sockets.listening()}
