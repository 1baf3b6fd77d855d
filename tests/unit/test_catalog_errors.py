"""Wrong catalogs: one error each, which names the file, the key and the fix."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import PortmatrixError
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog import conditions, listeners, loader

CASES = Path(__file__).parent / 'cases'
BAD = yaml.safe_load((CASES / 'bad_catalogs.yml').read_text())


def catalog_with(path: str, value) -> str:
    """The text of the good catalog with VALUE (None: nothing) at PATH."""
    data = yaml.safe_load((CASES / 'good_catalog.yml').read_text())
    *parents, last = [int(part) if part.isdigit() else part for part in path.split('.')]
    parent = data
    for key in parents:
        parent = parent[key]
    if value is None:
        del parent[last]
    else:
        parent[last] = value
    return yaml.safe_dump(data, sort_keys=False)


@pytest.mark.parametrize('case', BAD, ids=lambda case: case['name'])
def test_bad_catalog_is_refused(case, tmp_path):
    path = tmp_path / 'acme.yml'
    path.write_text(case['text'] if 'text' in case else catalog_with(*next(iter(case['set'].items()))))
    with pytest.raises(PortmatrixError) as raised:
        loader.load_catalogs([str(path)])
    assert len(raised.value.problems) == 1, raised.value
    assert str(path) in str(raised.value)
    for text in case['expect']:
        assert text.format(path=path) in str(raised.value)


def test_all_errors_of_all_files_are_reported_at_once(tmp_path):
    (tmp_path / 'a.yml').write_text(catalog_with('flows.0.ports', [0, 70000]))
    (tmp_path / 'b.yml').write_text('product: [')
    with pytest.raises(PortmatrixError) as raised:
        loader.load_catalogs([str(tmp_path)])
    assert len(raised.value.problems) == 3


@pytest.mark.parametrize('path, expected', [('missing.yml', 'does not exist'), ('', 'contains no *.yml file')])
def test_a_path_without_catalogs_is_refused(path, expected, tmp_path):
    with pytest.raises(PortmatrixError, match='portmatrix_catalogs: .*' + expected.replace('*', r'\*')):
        loader.load_catalogs([str(tmp_path / path)])


def test_a_catalog_of_a_user_loads_like_those_of_the_collection():
    loaded = loader.load_catalogs([str(CASES / 'good_catalog.yml')])['acme']
    values = conditions.option_values(loaded.options, {'web_port': '8999', 'mode': 'pull'}, '')
    assert listeners.port_table(loaded, values, 'linux') == {
        'web': ['8999', '9000-9010'],
        'ping': [],
        'ipsec': [],
        'pull': ['7000'],
        'home': ['443'],
    }


def test_a_derived_port_above_65535_is_refused():
    loaded = loader.load_file(CASES / 'good_catalog.yml')
    with pytest.raises(PortmatrixError, match=r"flow 'web': port 'web_port\+1': must be at most 65535, got 65536"):
        listeners.port_table(loaded, conditions.option_values(loaded.options, {'web_port': 65535}, ''), 'linux')
