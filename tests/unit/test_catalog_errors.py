"""Wrong catalogs: one error each, which names the file, the key and the fix."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

import pytest
import yaml
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import PortmatrixError
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog import conditions, listeners, loader, options
from hypothesis import given, settings, strategies as st

CASES = Path(__file__).parent / 'cases'
# the file with the cases -> the catalog that they change
BASES = {'bad_catalogs': 'good_catalog.yml', 'bad_extensions': 'wide_catalog.yml'}
BAD = [
    {**case, 'base': base}
    for name, base in BASES.items()
    for case in yaml.safe_load((CASES / f'{name}.yml').read_text())
]


def catalog_with(path: str, value, base: str = 'good_catalog.yml') -> str:
    """The text of the catalog BASE with VALUE (None: nothing) at PATH."""
    data = yaml.load((CASES / base).read_text(), yaml.BaseLoader if base != 'good_catalog.yml' else yaml.SafeLoader)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split('.')]
    parent = data
    for key in parents:
        parent = parent[key]
    if value is None:
        del parent[last]
    else:
        parent[last] = value
    return yaml.safe_dump(data, sort_keys=False)


def text_of(case) -> str:
    """`text` is the file, `text_set` replaces a part of the text of the good one, `set` one of its values."""
    if 'text' in case:
        return case['text']
    if 'text_set' in case:
        ((old, new),) = case['text_set'].items()
        good = (CASES / 'good_catalog.yml').read_text()
        assert good.count(old) == 1
        return good.replace(old, new)
    ((path, value),) = case['set'].items()
    for word, (part, times) in case.get('repeat', {}).items():
        value = value.replace(word, part * times)
    return catalog_with(path, value, case['base'])


@pytest.mark.parametrize('case', BAD, ids=lambda case: case['name'])
def test_bad_catalog_is_refused(case, tmp_path):
    path = tmp_path / 'acme.yml'
    path.write_text(text_of(case))
    with pytest.raises(PortmatrixError) as raised:
        loader.load_catalogs([str(path)])
    assert len(raised.value.problems) == case.get('problems', 1), raised.value
    assert str(path) in str(raised.value)
    for text in case['expect']:
        assert text.format(path=path) in str(raised.value)


def test_all_errors_of_all_files_are_reported_at_once(tmp_path):
    (tmp_path / 'a.yml').write_text(catalog_with('flows.0.ports', [0, 70000]))
    (tmp_path / 'b.yml').write_text('product: [')
    with pytest.raises(PortmatrixError) as raised:
        loader.load_catalogs([str(tmp_path)])
    assert len(raised.value.problems) == 3


@pytest.mark.parametrize(
    'path, expected', [('missing.yml', 'does not exist'), ('', 'contains no *.yml or *.yaml file')]
)
def test_a_path_without_catalogs_is_refused(path, expected, tmp_path):
    with pytest.raises(PortmatrixError, match='portmatrix_catalogs: .*' + expected.replace('*', r'\*')):
        loader.load_catalogs([str(tmp_path / path)])


def test_a_catalog_of_a_user_loads_like_those_of_the_collection():
    loaded = loader.load_catalogs([str(CASES / 'good_catalog.yml')])['acme']
    values = options.option_values(loaded.options, {'web_port': '8999', 'mode': 'pull'}, '')
    table = listeners.port_table(loaded, values, 'linux')
    assert {flow: list(listening.ports) for flow, listening in table.items()} == {
        'web': ['8999', '9000-9010'],
        'ping': [],
        'ipsec': [],
        'pull': ['7000'],
        'home': ['443'],
    }


def test_scalars_are_read_as_they_are_written(tmp_path):
    good = (CASES / 'good_catalog.yml').read_text()
    changed = good.replace('version: "1"', 'version: 7.10').replace('"2026-11-21"', '2026-11-21')
    changed = changed.replace('choices: [push, pull], default: push', 'choices: [on, off, 010], default: on')
    changed = changed.replace("mode != 'pull'", "mode != 'off'").replace("'push'", "'on'").replace("'pull'", "'010'")
    (tmp_path / 'acme.yml').write_text(changed)
    catalog = loader.load_file(tmp_path / 'acme.yml')
    assert catalog.documents['guide'] == {'title': 'Guide', 'version': '7.10', 'retrieved': '2026-11-21'}
    assert (catalog.options['mode']['choices'], catalog.options['mode']['default']) == (['on', 'off', '010'], 'on')
    assert catalog.options['tls']['default'] is True and catalog.options['web_port']['default'] == 8443


@pytest.mark.parametrize(
    'condition',
    [
        'contains(`[80, 8443]`, web_port)',
        'web_port > `1024` && web_port != `8080`',
        'length(parts) > `1`',
        'length(parts) == `2`',
        "contains(parts, 'x') || tls",
        "mode == 'push' || platform == 'windows'",
        'web_port != other_port',
        'parts == `["x", "y"]`',
    ],
)
def test_conditions_that_say_something(condition):
    catalog = yaml.safe_load((CASES / 'good_catalog.yml').read_text())
    catalog['options']['parts'] = {'type': 'list', 'default': ['x'], 'description': 'x'}
    catalog['options'].update(
        {f'p{number}_port': {'type': 'port', 'default': 1000 + number, 'description': 'x'} for number in range(30)}
    )
    catalog['options']['other_port'] = {'type': 'port', 'default': 8000, 'description': 'x'}
    catalog['flows'][5]['when'] = condition
    assert loader.build(catalog, 'test', '').flows[5].when == condition


def test_the_work_for_conditions_is_bounded():
    many = "||".join(f"contains(parts,'{letter}')" for letter in 'abcdefghijklmnopqrstuv')
    catalog = yaml.safe_load((CASES / 'good_catalog.yml').read_text())
    catalog['options']['parts'] = {'type': 'list', 'default': ['x'], 'description': 'x'}
    catalog['flows'][5]['when'] = many
    with pytest.raises(PortmatrixError, match='combinations of options, more than the 1024'):
        loader.build(catalog, 'test', '')
    names = [f'o{number}' for number in range(10)]
    catalog['options'].update({name: {'type': 'bool', 'default': False, 'description': 'x'} for name in names})
    catalog['flows'][5]['when'] = '||'.join(names)
    catalog['flows'] += [{**catalog['flows'][5], 'id': f'f{number}'} for number in range(30)]
    with pytest.raises(PortmatrixError, match='the conditions so far depend on more than 20000 combinations'):
        loader.build(catalog, 'test', '')


def test_one_variable_does_not_set_options_of_two_products(tmp_path):
    good = yaml.safe_load((CASES / 'good_catalog.yml').read_text())
    port = {'type': 'port', 'default': 1, 'description': 'x'}
    one = {**good, 'options': {**good['options'], 'agent_port': port, 'agent_deployment': port}}
    other = {**good, 'product': 'acme_agent', 'options': {**good['options'], 'port': port}}
    components = {**good['components'], 'agent_client': {'title': 'x'}}
    (tmp_path / 'a.yml').write_text(yaml.safe_dump({**one, 'components': components}))
    (tmp_path / 'b.yml').write_text(yaml.safe_dump(other))
    with pytest.raises(PortmatrixError) as raised:
        loader.load_catalogs([str(tmp_path)])
    twice = 'would also stand for'
    assert [problem.partition(';')[0] for problem in raised.value.problems] == [
        f'{tmp_path}/b.yml: options.port: the variable acme_agent_port {twice} agent_port of the product acme',
        f'{tmp_path}/b.yml: options.deployment: the variable acme_agent_deployment {twice} agent_deployment of the '
        'product acme',
        f'{tmp_path}/b.yml: components.client: the group acme_agent_client {twice} agent_client of the product acme',
    ]


NODES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(['', 'a-b', '*', '9' * 5000]),
    lambda node: st.lists(node, max_size=3) | st.dictionaries(st.text(max_size=5), node, max_size=3),
    max_leaves=5,
)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_no_catalog_ends_in_a_traceback(data):
    """A value anywhere in a good catalog is replaced by any other one."""
    catalog = yaml.safe_load((CASES / 'good_catalog.yml').read_text())
    node = catalog
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], (dict, list)) or not node[key] or data.draw(st.booleans()):
            break
        node = node[key]
    node[key] = data.draw(NODES)
    with contextlib.suppress(PortmatrixError):
        loader.build(catalog, 'test', '')


@settings(max_examples=400, deadline=None)
@given(st.text(st.sampled_from("tlsmodewb_pr '`\"!&|()[]{}.,=<>*@?:-10 "), max_size=30) | st.text(max_size=20))
def test_no_condition_ends_in_a_traceback(text):
    problems = []
    catalog = loader.load_file(CASES / 'good_catalog.yml')
    conditions.check(text, catalog.options, 'here', problems)
    assert all(problem.startswith('here: ') for problem in problems)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_file_ends_in_a_traceback(content):
    path = Path(tempfile.gettempdir()) / f'portmatrix-test-{os.getpid()}.yml'
    path.write_bytes(content)
    with contextlib.suppress(PortmatrixError):
        loader.load_file(path)
    path.unlink()


def test_a_derived_port_above_65535_is_refused():
    loaded = loader.load_file(CASES / 'good_catalog.yml')
    with pytest.raises(PortmatrixError, match=r"flow 'web': port 'web_port\+1': must be at most 65535, got 65536"):
        listeners.port_table(loaded, options.option_values(loaded.options, {'web_port': 65535}, ''), 'linux')
