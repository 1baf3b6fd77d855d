"""The schema for editors: what the loader accepts is valid, and what has a wrong shape is not."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog import loader

CASES = Path(__file__).parent / 'cases'
SCHEMA = json.loads((Path(__file__).parents[2] / 'docs' / 'catalog.schema.json').read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
VALID = [*sorted(loader.SHIPPED.glob('*.yml')), loader.BASELINE_FILE, *sorted(CASES.glob('*_catalog.yml'))]
# a path in wide_catalog.yml -> what no editor should accept there
WRONG = {
    'flows.0.protocol': 'tpc',
    'flows.0.between': 'sites',
    'flows.0.advice': 'never',
    'flows.0.assumed': ['ports'],
    'flows.0.ports': {'a': 1},
    'flows.0.ports_by': {'one': {'a': [1]}, 'two': {}},
    'flows.0.forwarded': 'perhaps',
    'flows.0.citation': [],
    'flows.0.citations': [],
    'flows.0.id': 'Web Access',
    'options.low.type': 'prot',
    'components.agent.extern': True,
    'product': 'Acme',
}


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize('path', VALID, ids=lambda path: path.stem)
def test_what_the_loader_accepts_is_valid(path):
    assert list(VALIDATOR.iter_errors(yaml.safe_load(path.read_text()))) == []


@pytest.mark.parametrize('path', WRONG)
def test_a_wrong_shape_is_not(path):
    data = yaml.safe_load((CASES / 'wide_catalog.yml').read_text())
    *parents, last = [int(part) if part.isdigit() else part for part in path.split('.')]
    place = data
    for key in parents:
        place = place[key]
    place[last] = WRONG[path]
    assert not VALIDATOR.is_valid(data)
