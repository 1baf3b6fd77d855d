"""Two deployments of one product on real hosts: packets pass within each, and not between them. A host that is only a
peer keeps its firewall, and one that nobody sees at its declared address says so."""

from __future__ import annotations

import fleet
import pytest
import testbed
import yaml

# host -> component, deployment; edge1 serves both, and is not managed
PLACES = {
    'mgmt1': ('avi_vantage.controller', 'prod'),
    'data1': ('avi_vantage.service_engine', 'prod'),
    'mgmt2': ('avi_vantage.controller', 'staging'),
    'data2': ('avi_vantage.service_engine', 'staging'),
    'edge1': ('avi_vantage.external_client', '*'),
}
MANAGED = ['data1', 'data2', 'mgmt1', 'mgmt2']
# who opens port 8443 or 443 where -> whether it passes
BEFORE = {('data1', 'mgmt1', 8443): True, ('data1', 'mgmt2', 8443): False, ('data2', 'mgmt2', 8443): True}
BEFORE |= {('data2', 'mgmt1', 8443): False, ('edge1', 'mgmt1', 443): True, ('edge1', 'mgmt2', 443): True}
AFTER_DATA1_MOVED = {**BEFORE, ('data1', 'mgmt1', 8443): False, ('data1', 'mgmt2', 8443): True}


@pytest.fixture
def inventory(tmp_path):
    """Writes the inventory, with the deployments of some hosts replaced and variables added; returns its path."""

    def write(moved=(), **variables):
        lab = testbed.inventory()
        lab['vars'] = {**lab['vars'], 'portmatrix_unresolved': 'skip', 'portmatrix_peers': {}}
        hosts = {}
        for host, (component, deployment) in PLACES.items():
            own = {key: value for key, value in lab['hosts'][host].items() if not key.startswith('portmatrix_')}
            own['portmatrix_components'] = [component]
            own['portmatrix_deployment'] = dict(moved).get(host, deployment)
            hosts[host] = {**own, **variables.get(host, {})}
        hosts['edge1']['portmatrix_managed'] = False
        path = tmp_path / 'hosts.yml'
        path.write_text(yaml.safe_dump({'all': {'vars': lab['vars'], 'hosts': hosts}}))
        return path

    yield write
    fleet.release()


def passing(cases):
    """The same keys -> whether a connection was answered, over IPv4 and IPv6."""
    result = {}
    with testbed.serving({host: [('tcp', 443), ('tcp', 8443)] for host in ('mgmt1', 'mgmt2')}):
        for (source, destination, port), expected in cases.items():
            host = testbed.HOSTS[destination]
            targets = [('tcp', host[key], port) for key in ('ansible_host', 'lab_ipv6')]
            answers = testbed.connections(source, targets, expected)
            assert len(set(answers)) == 1, f'IPv4 and IPv6 differ: {source} {destination} {port}'
            result[source, destination, port] = answers[0]
    return result


def play(playbook, path, *arguments):
    run = testbed.play(f'portmatrix.firewall.{playbook}', *arguments, inventory_path=path)
    assert run.code == 0, run.output
    return run


def test_deployments_do_not_see_each_other(inventory, released):
    path = inventory()
    former = testbed.host_states(PLACES)
    check = play('harden', path, '--check', '--diff')
    assert testbed.host_states(PLACES) == former, 'check mode changed something'
    run = play('harden', path, '--diff')
    assert run.statuses() == {**dict.fromkeys(MANAGED, 'changed'), 'edge1': 'skipped'}
    for host in MANAGED:
        assert [run.results[host][key] for key in ('diff', 'digest')] == [
            check.results[host][key] for key in ('diff', 'digest')
        ]
    assert passing(BEFORE) == BEFORE
    assert play('harden', path).statuses() == {**dict.fromkeys(MANAGED, 'ok'), 'edge1': 'skipped'}

    moved = inventory(moved={'data1': 'staging'})
    assert play('harden', moved).statuses() == {
        'mgmt1': 'changed',
        'mgmt2': 'changed',
        'data1': 'ok',  # its egress is not restricted
        'data2': 'ok',
        'edge1': 'skipped',
    }
    assert passing(AFTER_DATA1_MOVED) == AFTER_DATA1_MOVED
    assert testbed.host_states(['edge1']) == {'edge1': former['edge1']}, 'a host that is not managed was changed'

    play('release', moved)
    assert testbed.host_states(PLACES) == former, 'release did not restore the hosts'


def test_addresses_that_a_host_does_not_have_are_named(inventory, released):
    elsewhere = {'portmatrix_addresses': ['192.0.2.77']}
    run = play(
        'harden', inventory(mgmt1=elsewhere, mgmt2={'portmatrix_addresses': ['192.0.2.78', '198.51.100.12']}), '--check'
    )
    own = '198.51.100.11, 2001:db8:1::11'
    said = ' '.join(run.output.split())
    assert (
        f'mgmt1: none of the addresses that the inventory gives it (192.0.2.77) is on one of its interfaces ({own}'
        in said
    )
    assert said.count('none of the addresses that the inventory gives it') == 1
