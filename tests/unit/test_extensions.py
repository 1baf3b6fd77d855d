"""What catalogs can say beyond tcp, udp and fixed ports, as plans."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import PortmatrixError
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import peers as peers_of
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.traffic import without_full_prefix
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._base import addresses
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog import loader, options
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory import address_book, document_names
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory.address_book import Host
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory.settings import Settings
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._plan import planner, symmetry
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._policy import play_checks

CASES_FOLDER = Path(__file__).parent / 'cases'
CASES = yaml.safe_load((CASES_FOLDER / 'extensions.yml').read_text())
CATALOG = loader.load_file(CASES_FOLDER / 'wide_catalog.yml')
HOSTS = {
    's1': ('acme.server', ('192.0.2.1/32', '2001:db8::1/128')),
    's2': ('acme.server', ('192.0.2.2/32',)),
    'a1': ('acme.agent', ('192.0.2.11/32',)),
}
PEERS = {'acme.client': ['203.0.113.0/24'], 'acme.pods': None}


class KnownNames:
    """The resolver of a controller that knows these names."""

    def __init__(self, known):
        self._known = known

    def prepare(self, names):
        list(names)

    def cidrs(self, name, where):
        if name not in self._known:
            raise PortmatrixError(f'{where}: {name}')
        return [cidr for text in self._known[name] for cidr in addresses.parse_peer(text, where)]


def plan(case):
    """(host -> plan, symmetry problems)"""
    given = {'pod_cidr': ['10.42.0.0/16'], **case.get('options', {})}
    values = options.option_values(CATALOG.options, {k: v for k, v in given.items() if v is not None}, 'acme_')
    floating = case.get('floating', {})
    hosts = {
        name: Host(
            name,
            (component,),
            own,
            'linux',
            {'acme': values},
            floating=tuple(f'{one}/32' for one in floating.get(name, ())),
        )
        for name, (component, own) in HOSTS.items()
    }
    catalogs = document_names.resolve({'acme': CATALOG}, hosts.values(), KnownNames(case.get('resolved', {})))
    book = address_book.build(hosts.values(), catalogs).book()
    declared = case.get('peers', {'acme.client': ['203.0.113.0/24']})
    settings = Settings(
        {name: addresses.parse_peers(members, '') for name, members in declared.items()},
        egress=case.get('egress', 'allow'),
    )
    plans = {name: planner.plan_host(host, settings, catalogs, book) for name, host in hosts.items()}
    refused = {gap for one in plans.values() for gap in one.refused}
    if refused:
        raise PortmatrixError(*(play_checks.unresolved(gap, ['s1']) for gap in sorted(refused)))
    return plans, symmetry.asymmetries(hosts, plans, catalogs, book)


def text_of(rule):
    service = f'{rule.protocol} {",".join(rule.ports)}'.strip()
    service += f' type {",".join(rule.icmp_types)}' if rule.icmp_types else ''
    peers = ' '.join(map(without_full_prefix, peers_of.to_data(rule.peers)))
    group = f' to {" ".join(rule.to)}' if rule.to else ''
    way = 'from' if rule.direction == 'ingress' else 'to'
    return f'{rule.direction} {service} {way} {peers}{group} ({", ".join(rule.flows)})'


def mention(entry):
    return f'{entry.flow} {entry.protocol} {",".join(entry.ports)} {entry.peer}'


@pytest.mark.parametrize('case', CASES, ids=lambda case: case['name'])
def test_plan(case):
    if 'error' in case:
        with pytest.raises(PortmatrixError) as raised:
            plan(case)
        parts = case['error'].split(': ')
        assert case['error'] in str(raised.value) or all(part in str(raised.value) for part in parts), raised.value
        return
    plans, asymmetries = plan(case)
    assert asymmetries == []
    for host, lines in case.get('rules', {}).items():
        planned = [text_of(rule) for rule in plans[host].rules]
        assert not set(lines) - set(planned), planned
    for host, flows in case.get('absent', {}).items():
        assert not {flow for rule in plans[host].rules if rule.direction == 'ingress' for flow in rule.flows} & set(
            flows
        )
    for key in ('forwarded', 'never_expose'):
        for host, lines in case.get(key, {}).items():
            assert [mention(entry) for entry in getattr(plans[host], key)] == lines
    for host, texts in case.get('warnings', {}).items():
        for text in texts:
            assert any(text in warning for warning in plans[host].warnings), plans[host].warnings


def test_a_port_that_applies_and_has_no_value_names_its_variable(tmp_path):
    text = (CASES_FOLDER / 'wide_catalog.yml').read_text().replace('''\n     when: "metrics_port != `null`",''', '')
    (tmp_path / 'acme.yml').write_text(text)
    catalog = loader.load_file(tmp_path / 'acme.yml')
    values = options.option_values(catalog.options, {'pod_cidr': ['10.42.0.0/16']}, '')
    hosts = {name: Host(name, (component,), own, 'linux', {'acme': values}) for name, (component, own) in HOSTS.items()}
    book = address_book.build(hosts.values(), {'acme': catalog}).book()
    for name in ('s1', 'a1'):  # the listener, and who opens the connection
        with pytest.raises(PortmatrixError) as raised:
            planner.plan_host(hosts[name], Settings({}, 'skip'), {'acme': catalog}, book)
        assert 's1: acme_metrics_port: has no value, but the flow acme/metrics (Metrics) applies and needs it' in str(
            raised.value
        )
