"""Connections every 10 ms while something changes on a host: allowed ones, and denied ones."""

from __future__ import annotations

import json
import typing as t

import testbed

MINIMUM = 501  # connections of each kind
DENIED_PORT = 9999
# host with ufw -> a port that mgmt1 may open there according to the documents
UFW_PORTS = {'data1': 3306, 'data2': 443}
PEERS = {'enstratius.internet': ['203.0.113.0/24', '2001:db8:2::/64']}
# what changes -> variables; none of them changes whether the connections of the tests are allowed
CHANGES = {
    'an option opens a port': {'avi_vantage_http': True},
    'a component gets more peers': {
        'portmatrix_peers': {**PEERS, 'avi_vantage.service_engine': ['192.0.2.0/28', '192.0.2.99', '2001:db8:9::/64']}
    },
    'a single peer becomes many': {
        'portmatrix_peers': {
            'enstratius.internet': ['203.0.113.0/24', '192.0.2.128/25', '2001:db8:2::/64', '2001:db8:7::1']
        }
    },
    'what rules of others allow stays, and egress is denied': {
        'portmatrix_exclusive': False,
        'portmatrix_egress': 'deny',
    },
    'a set of 5,000 members': {
        'portmatrix_peers': {
            **PEERS,
            'avi_vantage.service_engine': ['192.0.2.0/28', *(f'10.{n // 256}.{n % 256}.0/30' for n in range(5000))],
        }
    },
    'a port moves and the flows of a product go': {
        'enstratius_dispatcher_port': 3303,
        'rivermeadow_migration_types': ['os_based'],
    },
}


class Stream(t.NamedTuple):
    tried: int
    answered: int


class Traffic(t.NamedTuple):
    allowed: Stream
    denied: Stream


def during(change: t.Callable[[], object], ports: dict[str, int], source: str = 'edge1') -> dict[str, Traffic]:
    """Host -> what happened to connections while CHANGE ran. PORTS: host -> a port that SOURCE may open there."""
    with testbed.serving({host: [('tcp', port), ('tcp', DENIED_PORT)] for host, port in ports.items()}):
        streams = {
            host: (_start_stream(source, host, port, True), _start_stream('edge2', host, DENIED_PORT, False))
            for host, port in ports.items()
        }
        try:
            change()
        finally:
            for pair in streams.values():
                for stream in pair:
                    stream.stdin.close()  # which ends it
        return {host: Traffic(*(_result(stream) for stream in pair)) for host, pair in streams.items()}


def _start_stream(source: str, host: str, port: int, is_allowed: bool):
    target = [testbed.HOSTS[host]['ansible_host'], port]
    return testbed.start_probe(source, 'stream', {'target': target, 'allowed': is_allowed, 'minimum': MINIMUM})


def _result(stream) -> Stream:
    result = Stream(*json.loads(stream.stdout.read()))
    stream.wait(60)
    return result
