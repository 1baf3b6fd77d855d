"""The four catalogs against the documents, as read by hand: every flow, for every combination of options, with every citation."""

from __future__ import annotations

import itertools
from pathlib import Path

import matrices
import pytest
import yaml
from ansible_collections.portmatrix.firewall.plugins.plugin_utils import catalog, conditions

ROWS = yaml.safe_load((Path(__file__).parent / 'cases' / 'rows.yml').read_text())
CATALOGS = catalog.load_catalogs()
LISTS = {'migration_types': [[], ['os_based'], ['vm_based'], ['os_based', 'vm_based']]}


def combinations(product: str):
    """Every combination of truth values and list choices on both platforms; ports moved away from their defaults, each by its own amount."""
    options = CATALOGS[product].options
    switches = {name: LISTS.get(name, [False, True]) for name, option in options.items() if option['type'] in ('bool', 'list')}
    ports = {name: option['default'] + 100 + number for number, (name, option) in enumerate(options.items()) if option['type'] == 'port'}
    for values in itertools.product(*switches.values()):
        for platform in conditions.PLATFORMS:
            yield {**ports, **dict(zip(switches, values))}, platform


@pytest.mark.parametrize('product', matrices.PRODUCTS)
def test_catalog_opens_what_the_document_says(product):
    matrix = matrices.load(product)
    for options, platform in combinations(product):
        expected = {(row.source, row.destination, row.protocol, row.number(options)) for row in matrix if row.applies(options, platform)}
        table = conditions.listening(CATALOGS[product], options, platform)
        found = {
            (source, destination, protocol, port)
            for flow in CATALOGS[product].flows
            if flow.id in table
            for source, destination in flow.pairs
            for protocol in flow.protocols
            for port in table[flow.id]
        }
        assert found == expected, (options, platform)


@pytest.mark.parametrize('product', matrices.PRODUCTS)
def test_every_flow_cites_exactly_the_rows_that_state_it(product):
    matrix = matrices.load(product)
    defaults = {name: option['default'] for name, option in CATALOGS[product].options.items()}
    cited: dict[tuple, set] = {}
    for flow in CATALOGS[product].flows:
        for (source, destination), protocol, port in itertools.product(flow.pairs, flow.protocols, flow.ports):
            number = port if port.isdigit() else str(defaults[port])
            cited.setdefault((source, destination, protocol, number), set()).update((entry['section'], entry['row']) for entry in flow.citations)
    expected: dict[tuple, set] = {}
    for row in matrix:
        expected.setdefault((row.source, row.destination, row.protocol, row.number(defaults)), set()).update(tuple(ROWS[product][name]) for name in row.rows)
    assert cited == expected


@pytest.mark.parametrize('product', matrices.PRODUCTS)
def test_every_row_of_the_document_is_covered(product):
    cited = {(entry['section'], entry['row']) for flow in CATALOGS[product].flows for entry in flow.citations}
    assert cited == {tuple(row) for row in ROWS[product].values()}


def test_there_is_a_matrix_for_every_shipped_catalog():
    assert sorted(CATALOGS) == matrices.PRODUCTS == sorted(ROWS)


def test_ports_without_a_figure_in_the_document_are_marked_assumed():
    assumed = {flow.name for entry in CATALOGS.values() for flow in entry.flows if flow.assumed}
    assert assumed == {'enstratius/console-ldap', *(f'enstratius/{name}-cloud-api' for name in ('dispatcher', 'monitor', 'worker'))}


@pytest.mark.parametrize('product', matrices.PRODUCTS)
def test_role_offers_every_option_of_its_catalog(product):
    role = Path(__file__).parents[2] / 'roles' / product
    assert (role / 'README.md').is_file()
    spec = yaml.safe_load((role / 'meta' / 'argument_specs.yml').read_text())['argument_specs']['main']
    types = {'bool': 'bool', 'port': 'int', 'list': 'list', 'choice': 'str', 'int': 'int'}
    expected = {f'{product}_{name}': (types[option['type']], option['default'], option['choices']) for name, option in CATALOGS[product].options.items()}
    assert {name: (entry['type'], entry['default'], entry.get('choices')) for name, entry in spec['options'].items()} == expected
