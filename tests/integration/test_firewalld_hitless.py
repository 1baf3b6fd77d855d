"""After the first application, firewalld never reloads for portmatrix, neither for a change nor for its rollback: a rule
with a timeout, which every reload drops, survives them, and no connection is lost or wrongly accepted."""

from __future__ import annotations

import json
import os
import random

import faults
import pytest
from fleet import Fleet
from test_transitions import assert_none_accepted, assert_none_lost
from traffic import PEERS, during

HOSTS = ['mgmt1', 'mgmt2']  # Debian 12 and 13
FIREWALLD = Fleet(dict.fromkeys(HOSTS, 'firewalld'))
CHANGES = int(os.environ.get('PORTMATRIX_RANDOM_CHANGES', '5'))
WITH_TIMEOUT = 'firewall-cmd -q --zone=public --add-port=9102/tcp --timeout=3600'
HAS_RULE = 'firewall-cmd --zone=public --query-port=9102/tcp; true'
# every tenth change of a long run has a large group
MEMBERS = [1, 2, 3, 4, 5, 50, 100, 100, 3000, 10000]
# addresses in a row, which merge to prefixes as their number changes
ROW = [f'198.18.0.{number}' for number in range(204, 212)]
SERVICE_ENGINES = ['192.0.2.0/28', '192.0.2.99', '198.51.100.200', '198.51.100.192/28', '2001:db8:9::/64']


def random_variables(choose: random.Random) -> dict:
    """A policy under which the connections of the tests are allowed and denied as before."""
    members = choose.choice(MEMBERS)
    many = [
        f'10.{number >> 14}.{number >> 6 & 255}.{number % 64 * 4}/30' for number in choose.sample(range(40000), members)
    ]
    in_a_row = ROW[: choose.randrange(len(ROW))]
    return {
        'portmatrix_peers': {
            'enstratius.internet': choose.sample([*PEERS['enstratius.internet'], '192.0.2.128/25'], 2),
            'avi_vantage.service_engine': [*choose.sample(SERVICE_ENGINES, 2), *in_a_row, *many],
        },
        'portmatrix_exclusive': choose.random() < 0.5,
        'portmatrix_egress': choose.choice(['allow', 'deny']),
        'portmatrix_management_sources': ['198.51.100.0/24', *choose.sample(['192.0.2.77', '2001:db8:3::1'], 1)],
        'portmatrix_log_denied': choose.random() < 0.3,
        'avi_vantage_http': choose.random() < 0.5,
        'enstratius_dispatcher_port': choose.choice([3302, 3303]),
    }


@pytest.fixture
def hardened(released):
    run = FIREWALLD.play()
    assert [run.results[host]['transition'] for host in HOSTS] == ['reload', 'reload'], run.output
    FIREWALLD.shell(WITH_TIMEOUT)
    yield
    assert set(FIREWALLD.shell(HAS_RULE).values()) == {'yes\n'}, 'firewalld was reloaded'
    FIREWALLD.shell('firewall-cmd -q --zone=public --remove-port=9102/tcp')


def test_a_life_of_changes_without_a_reload(hardened, tmp_path):
    choose = random.Random(1)
    runs = []

    def change():
        for _number in range(CHANGES):
            # 10,000 members are too long for an argument
            variables = tmp_path / 'variables.json'
            variables.write_text(json.dumps(random_variables(choose)))
            runs.append(FIREWALLD.play('-e', f'@{variables}'))

    traffic = during(change, dict.fromkeys(HOSTS, 443))
    for run in runs:
        assert set(run.statuses().values()) == {'changed'}, run.output
        assert {run.results[host]['transition'] for host in HOSTS} == {'hitless'}, run.output
    assert_none_lost(traffic, 'by the changes')
    assert_none_accepted(traffic)


def test_a_rollback_without_a_reload(hardened):
    before = FIREWALLD.states()
    variables = {
        'portmatrix_exclusive': True,
        'portmatrix_egress': 'deny',
        'portmatrix_peers': {**PEERS, 'avi_vantage.service_engine': [f'10.0.{number}.0/30' for number in range(200)]},
    }
    runs = []

    def change():
        FIREWALLD.map(faults.drop_new_connections_until_decided)
        runs.append(FIREWALLD.play('-e', json.dumps(variables), window=FIREWALLD.short_window))

    try:
        traffic = during(change, dict.fromkeys(HOSTS, 443))
    finally:
        FIREWALLD.map(faults.remove)
    for host in HOSTS:
        result = runs[0].results[host]
        assert (result['transition'], result['rolled_back']) == ('hitless', True), runs[0].output
    assert_none_lost(traffic, 'by the change and its rollback')
    assert_none_accepted(traffic)
    FIREWALLD.assert_unchanged(before)
