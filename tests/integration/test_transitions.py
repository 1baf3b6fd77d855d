"""A policy is replaced under traffic: a connection every 10 ms that is allowed before and after, and one that is denied
before and after."""

from __future__ import annotations

import json

import cases
import pytest
import testbed
from traffic import CHANGES, MINIMUM, PEERS, UFW_PORTS, Traffic, during

MORE_PEERS = {**PEERS, 'avi_vantage.smtp_server': ['192.0.2.0/28', '2001:db8:9::/64']}
FIREWALLD = ['mgmt1', 'mgmt2']  # Debian 12 and 13


def play(playbook: str, hosts: list[str], variables: dict | None = None) -> testbed.Run:
    return testbed.play(f'portmatrix.firewall.{playbook}', '-l', ','.join(hosts), '-e', json.dumps(variables or {}))


def assert_none_lost(traffic: dict[str, Traffic], cause: str) -> None:
    for host, ((tried, answered), _denied) in traffic.items():
        assert tried >= MINIMUM and answered == tried, (
            f'{host}: {tried - answered} of {tried} allowed connections were lost {cause}'
        )


def assert_none_accepted(traffic: dict[str, Traffic]) -> None:
    for host, (_allowed, (tried, answered)) in traffic.items():
        assert tried >= MINIMUM and answered == 0, f'{host}: {answered} of {tried} denied connections were accepted'


ALWAYS = (
    'a component gets more peers',
    'what rules of others allow stays, and egress is denied',
    'a port moves and the flows of a product go',
)


@pytest.mark.parametrize('change', cases.chosen(CHANGES, *ALWAYS))
def test_a_change_neither_drops_allowed_connections_nor_accepts_denied_ones(change):
    assert play('harden', FIREWALLD).code == 0
    runs = []

    def change_and_undo():
        runs.extend(play('harden', FIREWALLD, variables) for variables in (CHANGES[change], {}, {}))

    traffic = during(change_and_undo, dict.fromkeys(FIREWALLD, 443))
    for host in FIREWALLD:
        assert [run.statuses()[host] for run in runs] == ['changed', 'changed', 'ok'], [run.output for run in runs]
        assert [run.results[host]['transition'] for run in runs] == ['hitless', 'hitless', 'none']
    assert_none_lost(traffic, 'by the change')
    assert_none_accepted(traffic)


def test_ufw_starts_and_changes_without_a_lost_connection(plain_ufw):
    """All that may change at once: rules, default policies, what unmanaged rules open. Nothing is denied before the
    first application, so only allowed connections can be lost by it."""
    hosts = list(UFW_PORTS)
    everything = {
        'portmatrix_egress': 'deny',
        'portmatrix_exclusive': True,
        'avi_vantage_kubernetes_unauthenticated': True,
        'portmatrix_peers': MORE_PEERS,
    }

    def start():
        assert play('harden', hosts).statuses() == dict.fromkeys(hosts, 'changed')

    def change_and_undo():
        for variables, status in ((everything, 'changed'), ({}, 'changed'), ({}, 'ok')):
            run = play('harden', hosts, variables)
            assert run.statuses() == dict.fromkeys(hosts, status), run.output

    assert_none_lost(during(start, UFW_PORTS, source='mgmt1'), 'at the start')
    traffic = during(change_and_undo, UFW_PORTS, source='mgmt1')
    assert_none_lost(traffic, 'by the change')
    assert_none_accepted(traffic)


@pytest.mark.long
def test_the_first_application_and_the_release_accept_no_denied_connection(released):
    def apply_and_release():
        for playbook in ('harden', 'release'):
            results = play(playbook, FIREWALLD).results
            assert [results[host]['transition'] for host in FIREWALLD] == ['reload', 'reload']

    assert_none_accepted(during(apply_and_release, dict.fromkeys(FIREWALLD, 443)))
