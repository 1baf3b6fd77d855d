"""Replacing a policy under traffic: a connection every 10 ms that is allowed before and after, and one that is denied before and after."""

from __future__ import annotations

import concurrent.futures
import json

import pytest
import world

SECONDS = 12
PEERS = {'enstratius.internet': ['203.0.113.0/24', '2001:db8:2::/64']}
PEERS_OF_UFW = {**PEERS, 'avi_vantage.smtp_server': ['192.0.2.0/28', '2001:db8:9::/64']}
# what mgmt1 may open there by the documents
UFW_PORTS = {'data1': 3306, 'data2': 443}
CHANGES = {
    'an option opens a port': {'avi_vantage_http': True},
    'a component gets more peers': {'portmatrix_peers': {**PEERS, 'avi_vantage.service_engine': ['192.0.2.0/28', '192.0.2.99', '2001:db8:9::/64']}},
    'a single peer becomes many': {'portmatrix_peers': {'enstratius.internet': ['203.0.113.0/24', '192.0.2.128/25', '2001:db8:2::/64', '2001:db8:7::1']}},
    'a port moves and a product\'s flows go': {'enstratius_dispatcher_port': 3303, 'rivermeadow_migration_types': ['os_based']},
}


def under_traffic(host: str, change, allowed_port: int = 443, source: str = 'edge1') -> tuple[list[int], list[int]]:
    """([tried, answered] of the allowed, the same of the denied) while CHANGE runs."""
    address = world.HOSTS[host]['ansible_host']
    server = world.serve(host, [('tcp', allowed_port), ('tcp', 9999)])
    try:
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            allowed = pool.submit(world.probe, source, 'stream', {'target': [address, allowed_port], 'seconds': SECONDS})
            denied = pool.submit(world.probe, 'edge2', 'stream', {'target': [address, 9999], 'seconds': SECONDS})
            pool.submit(change).result()
            return allowed.result(), denied.result()
    finally:
        world.stop_serving(host, server)


@pytest.mark.parametrize('host', ['mgmt1', 'mgmt2'])
@pytest.mark.parametrize('change', CHANGES)
def test_a_change_loses_no_allowed_connection_and_lets_no_denied_one_in(host, change):
    assert world.play('portmatrix.firewall.harden', '-l', host).code == 0
    runs = []

    def there_and_back():
        runs.append(world.play('portmatrix.firewall.harden', '-l', host, '-e', json.dumps(CHANGES[change])))
        runs.append(world.play('portmatrix.firewall.harden', '-l', host))
        runs.append(world.play('portmatrix.firewall.harden', '-l', host))

    allowed, denied = under_traffic(host, there_and_back)
    assert [run.statuses()[host] for run in runs] == ['changed', 'changed', 'ok'], [run.output for run in runs]
    assert [run.results[host]['transition'] for run in runs] == ['hitless', 'hitless', 'none']
    assert allowed[0] > 500 and allowed[1] == allowed[0], f'{allowed[0] - allowed[1]} of {allowed[0]} allowed connections were lost'
    assert denied[0] > 500 and denied[1] == 0


@pytest.mark.parametrize('host', ['data1', 'data2'])
def test_ufw_changes_and_starts_without_a_lost_connection(plain_ufw, host):
    """All that may change at once: rules, default policies, what others let in. Nothing is denied before the first application, so that only an allowed
    connection can tell of it."""
    arguments = json.dumps(
        {'portmatrix_egress': 'deny', 'portmatrix_exclusive': True, 'avi_vantage_kubernetes_unauthenticated': True, 'portmatrix_peers': PEERS_OF_UFW}
    )

    def start():
        assert world.play('portmatrix.firewall.harden', '-l', host).statuses() == {host: 'changed'}

    def there_and_back():
        for variables, status in ((arguments, 'changed'), ('{}', 'changed'), ('{}', 'ok')):
            run = world.play('portmatrix.firewall.harden', '-l', host, '-e', variables)
            assert run.statuses() == {host: status}, run.output

    port = UFW_PORTS[host]
    allowed, _denied = under_traffic(host, start, allowed_port=port, source='mgmt1')
    assert allowed[0] > 500 and allowed[1] == allowed[0], f'{allowed[0] - allowed[1]} of {allowed[0]} allowed connections were lost at the start'
    allowed, denied = under_traffic(host, there_and_back, allowed_port=port, source='mgmt1')
    assert allowed[0] > 500 and allowed[1] == allowed[0], f'{allowed[0] - allowed[1]} of {allowed[0]} allowed connections were lost'
    assert denied[0] > 500 and denied[1] == 0


@pytest.mark.parametrize('host', ['mgmt1', 'mgmt2'])
def test_the_first_application_and_the_release_let_nothing_denied_in(released, host):
    def there_and_back():
        assert world.play('portmatrix.firewall.harden', '-l', host).results[host]['transition'] == 'reload'
        assert world.play('portmatrix.firewall.release', '-l', host).results[host]['transition'] == 'reload'

    _allowed, denied = under_traffic(host, there_and_back)
    assert denied[0] > 500 and denied[1] == 0
