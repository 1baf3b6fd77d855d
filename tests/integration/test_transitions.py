"""Replacing a policy under traffic: a connection every 10 ms that is allowed before and after, and one that is denied
before and after."""

from __future__ import annotations

import concurrent.futures
import json

import pytest
import world

SECONDS = 15
PEERS = {'enstratius.internet': ['203.0.113.0/24', '2001:db8:2::/64']}
PEERS_OF_UFW = {**PEERS, 'avi_vantage.smtp_server': ['192.0.2.0/28', '2001:db8:9::/64']}
# what mgmt1 may open there by the documents
UFW_PORTS = {'data1': 3306, 'data2': 443}
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
    'a port moves and a product\'s flows go': {
        'enstratius_dispatcher_port': 3303,
        'rivermeadow_migration_types': ['os_based'],
    },
}


FIREWALLD = ['mgmt1', 'mgmt2']  # Debian 12 and 13


def play(playbook: str, hosts: list[str], variables: dict | None = None) -> world.Run:
    return world.play(f'portmatrix.firewall.{playbook}', '-l', ','.join(hosts), '-e', json.dumps(variables or {}))


def under_traffic(ports: dict[str, int], change, source: str = 'edge1') -> dict[str, tuple[list[int], list[int]]]:
    """Host -> ([tried, answered] of the allowed, the same of the denied) while CHANGE runs; PORTS are those that
    SOURCE may open."""
    servers = {host: world.serve(host, [('tcp', port), ('tcp', 9999)]) for host, port in ports.items()}

    def stream(origin: str, host: str, port: int):
        return pool.submit(
            world.probe, origin, 'stream', {'target': [world.HOSTS[host]['ansible_host'], port], 'seconds': SECONDS}
        )

    try:
        with concurrent.futures.ThreadPoolExecutor(1 + 2 * len(ports)) as pool:
            streams = {host: (stream(source, host, port), stream('edge2', host, 9999)) for host, port in ports.items()}
            pool.submit(change).result()
            return {host: (allowed.result(), denied.result()) for host, (allowed, denied) in streams.items()}
    finally:
        for host, server in servers.items():
            world.stop_serving(host, server)


def assert_none_lost(counts: dict[str, tuple[list[int], list[int]]], when: str) -> None:
    for host, ((tried, answered), _denied) in counts.items():
        assert tried > 500 and answered == tried, (
            f'{host}: {tried - answered} of {tried} allowed connections were lost {when}'
        )


def assert_none_came_in(counts: dict[str, tuple[list[int], list[int]]]) -> None:
    for host, (_allowed, (tried, answered)) in counts.items():
        assert tried > 500 and answered == 0, f'{host}: {answered} of {tried} denied connections came in'


@pytest.mark.parametrize('change', CHANGES)
def test_a_change_loses_no_allowed_connection_and_lets_no_denied_one_in(change):
    assert play('harden', FIREWALLD).code == 0
    runs = []

    def there_and_back():
        runs.extend(play('harden', FIREWALLD, variables) for variables in (CHANGES[change], {}, {}))

    counts = under_traffic(dict.fromkeys(FIREWALLD, 443), there_and_back)
    for host in FIREWALLD:
        assert [run.statuses()[host] for run in runs] == ['changed', 'changed', 'ok'], [run.output for run in runs]
        assert [run.results[host]['transition'] for run in runs] == ['hitless', 'hitless', 'none']
    assert_none_lost(counts, 'by the change')
    assert_none_came_in(counts)


def test_ufw_changes_and_starts_without_a_lost_connection(plain_ufw):
    """All that may change at once: rules, default policies, what others let in. Nothing is denied before the first
    application, so that only an allowed connection can tell of it."""
    hosts = list(UFW_PORTS)
    everything = {
        'portmatrix_egress': 'deny',
        'portmatrix_exclusive': True,
        'avi_vantage_kubernetes_unauthenticated': True,
        'portmatrix_peers': PEERS_OF_UFW,
    }

    def start():
        assert play('harden', hosts).statuses() == dict.fromkeys(hosts, 'changed')

    def there_and_back():
        for variables, status in ((everything, 'changed'), ({}, 'changed'), ({}, 'ok')):
            run = play('harden', hosts, variables)
            assert run.statuses() == dict.fromkeys(hosts, status), run.output

    assert_none_lost(under_traffic(UFW_PORTS, start, source='mgmt1'), 'at the start')
    counts = under_traffic(UFW_PORTS, there_and_back, source='mgmt1')
    assert_none_lost(counts, 'by the change')
    assert_none_came_in(counts)


def test_the_first_application_and_the_release_let_nothing_denied_in(released):
    def there_and_back():
        for playbook in ('harden', 'release'):
            results = play(playbook, FIREWALLD).results
            assert [results[host]['transition'] for host in FIREWALLD] == ['reload', 'reload']

    assert_none_came_in(under_traffic(dict.fromkeys(FIREWALLD, 443), there_and_back))
