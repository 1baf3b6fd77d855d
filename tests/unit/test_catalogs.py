"""The four catalogs compared with the documents, which were read by hand: every flow, for every combination of options,
with every citation."""

from __future__ import annotations

import itertools
from pathlib import Path

import matrices
import pytest
import yaml
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog import listeners, loader
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog.options import PLATFORMS

ROWS = yaml.safe_load((Path(__file__).parent / 'cases' / 'rows.yml').read_text())
CONTRACT = yaml.safe_load((Path(__file__).parent / 'cases' / 'contract.yml').read_text())
CATALOGS = loader.load_catalogs()
LISTS = {'migration_types': [[], ['os_based'], ['vm_based'], ['os_based', 'vm_based']]}


def combinations(product: str):
    """Every combination of truth values and list choices on both platforms. Ports differ from their defaults, each by
    another amount."""
    options = CATALOGS[product].options
    switches = {
        name: LISTS.get(name, [False, True]) for name, option in options.items() if option['type'] in ('bool', 'list')
    }
    ports = {
        name: option['default'] + 100 + number
        for number, (name, option) in enumerate(options.items())
        if option['type'] == 'port'
    }
    for values in itertools.product(*switches.values()):
        for platform in PLATFORMS:
            yield {**ports, **dict(zip(switches, values))}, platform


@pytest.mark.parametrize('product', matrices.PRODUCTS)
def test_a_catalog_allows_what_the_document_states(product):
    matrix = matrices.load(product)
    for options, platform in combinations(product):
        expected = {
            (row.source, row.destination, row.protocol, row.number(options))
            for row in matrix
            if row.applies(options, platform)
        }
        table = listeners.port_table(CATALOGS[product], options, platform)
        allowed = {
            (source, destination, protocol, port)
            for flow in CATALOGS[product].flows
            if flow.id in table
            for source, destination in flow.pairs
            for protocol in flow.protocols
            for port in table[flow.id].ports
        }
        assert allowed == expected, (options, platform)


@pytest.mark.parametrize('product', matrices.PRODUCTS)
def test_every_flow_cites_exactly_the_rows_that_state_it_under_its_condition(product):
    matrix = matrices.load(product)
    for options, platform in combinations(product):
        table = listeners.port_table(CATALOGS[product], options, platform)
        cited: dict[tuple, set] = {}
        for flow in CATALOGS[product].flows:
            for (source, destination), protocol, port in itertools.product(
                flow.pairs, flow.protocols, table[flow.id].ports if flow.id in table else ()
            ):
                cited.setdefault((source, destination, protocol, port), set()).update(
                    (entry['section'], entry['row']) for entry in flow.citations
                )
        expected: dict[tuple, set] = {}
        for row in matrix:
            if row.applies(options, platform):
                key = (row.source, row.destination, row.protocol, row.number(options))
                expected.setdefault(key, set()).update(tuple(ROWS[product][name]) for name in row.rows)
        assert cited == expected, (options, platform)


@pytest.mark.parametrize('product', matrices.PRODUCTS)
def test_every_row_of_the_document_is_covered(product):
    cited = {(entry['section'], entry['row']) for flow in CATALOGS[product].flows for entry in flow.citations}
    assert cited == {tuple(row) for row in ROWS[product].values()}


def test_there_is_a_matrix_for_every_shipped_catalog():
    assert sorted(CATALOGS) == matrices.PRODUCTS == sorted(ROWS)


@pytest.mark.parametrize('product', matrices.PRODUCTS)
def test_components_options_and_flags_are_those_of_the_contract(product):
    contract, catalog = CONTRACT[product], CATALOGS[product]
    assert {name: component['external'] for name, component in catalog.components.items()} == {
        **dict.fromkeys(contract['components'], False),
        **dict.fromkeys(contract['external'], True),
    }
    assert {name: option['default'] for name, option in catalog.options.items()} == contract['options']
    assert sorted(flow.id for flow in catalog.flows if flow.optional) == contract['optional']
    assert sorted(flow.id for flow in catalog.flows if flow.assumed) == contract['assumed']
