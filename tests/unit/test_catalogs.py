"""The catalogs compared with the documents, which were read by hand a second time: every flow, for the combinations of
options, with every citation."""

from __future__ import annotations

from pathlib import Path

import catalog_matrix
import matrices
import pytest
import yaml
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog import loader

CASES = Path(__file__).parent / 'cases'
CONTRACT = yaml.safe_load((CASES / 'contract.yml').read_text())
CATALOGS = loader.load_catalogs()


def rows(product: str) -> dict[str, tuple[str, str]]:
    """Short name of a row -> (section, row) as cited."""
    data = yaml.load((CASES / 'rows' / f'{product}.yml').read_text(), yaml.BaseLoader)
    return {name: tuple(row) for name, row in data.items()}


def test_there_is_a_matrix_for_every_shipped_catalog():
    assert sorted(CATALOGS) == matrices.PRODUCTS == sorted(path.stem for path in (CASES / 'rows').glob('*.yml'))


@pytest.mark.parametrize('product', matrices.PRODUCTS)
def test_a_catalog_says_what_the_document_states_and_cites_the_rows_that_state_it(product):
    catalog, matrix, names = CATALOGS[product], matrices.load(product), rows(product)
    for options, platform in matrices.combinations(catalog.options):
        expected = {
            key: {names[row] for row in cited} for key, cited in matrices.stated(matrix, options, platform).items()
        }
        found = catalog_matrix.stated(catalog, options, platform)
        assert {key for key in found if '/?' in key[2]} == {key for key in expected if '/?' in key[2]}
        assert catalog_matrix.comparable(found) == catalog_matrix.comparable(expected), (options, platform)


@pytest.mark.parametrize('product', matrices.PRODUCTS)
def test_every_row_of_the_document_is_covered(product):
    cited = {(entry['section'], entry['row']) for flow in CATALOGS[product].flows for entry in flow.citations}
    assert cited == set(rows(product).values())


@pytest.mark.parametrize('product', CONTRACT)
def test_components_options_and_flags_are_those_of_the_contract(product):
    contract, catalog = CONTRACT[product], CATALOGS[product]
    assert {name: component['external'] for name, component in catalog.components.items()} == {
        **dict.fromkeys(contract['components'], False),
        **dict.fromkeys(contract['external'], True),
    }
    assert {name: option['default'] for name, option in catalog.options.items()} == contract['options']
    assert sorted(flow.id for flow in catalog.flows if flow.optional) == contract['optional']
    assert sorted(flow.id for flow in catalog.flows if flow.assumed) == contract['assumed']


@pytest.mark.parametrize('product', CATALOGS)
def test_a_catalog_names_who_connects_and_leaves_nobody_in_by_default(product):
    """Who opens connections into a product is declared, except where its document says that anybody may."""
    catalog = CATALOGS[product]
    for name, component in catalog.components.items():
        flows = [flow for flow in catalog.flows if any(name in pair for pair in flow.pairs)]
        assert flows, f'{name}: no flow'
        is_source = any(source == name for flow in flows for source, _destination in flow.pairs)
        is_known = component['addresses'] or component['networks'] or component['names']
        is_anybody = component['external'] and is_source and not is_known
        assert not is_anybody or f'{product}.{name}' in ANYBODY, name


# external components that open connections: a SaaS platform, the internet
ANYBODY = {'rightscale.platform', 'rivermeadow.platform', 'enstratius.internet', 'proxmox_ve.internet'}


@pytest.mark.parametrize('path', sorted((CASES / 'unread').glob('*.yml')), ids=lambda path: path.stem)
def test_a_catalog_that_nobody_has_read_a_second_time_loads_and_is_not_shipped(path):
    """Each waits for its matrix; CONTRIBUTING.md says how it gets one."""
    assert loader.load_file(path).product not in CATALOGS
