"""The format of catalogs as a JSON schema, for editors, from the specifications with which the loader checks them."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.portmatrix.firewall.plugins.module_utils._model import protocols
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog import form
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog.form import Spec
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog.model import INFERRED

Schema = dict[str, t.Any]
# a text may look like a number, or like true, for an editor that reads YAML in the usual way
_TEXT: Schema = {'type': ['string', 'number', 'boolean']}
_TEXTS: Schema = {'anyOf': [_TEXT, {'type': 'array', 'items': _TEXT}]}
_PORTS: Schema = {
    'anyOf': [{'type': ['string', 'integer']}, {'type': 'array', 'items': {'type': ['string', 'integer']}}]
}
_KNOWN_PROTOCOLS: Schema = {'enum': [*protocols.NUMBERS, protocols.ALL]}
_PROTOCOL: Schema = {
    'anyOf': [
        _KNOWN_PROTOCOLS,
        {'type': 'integer', 'minimum': 1, 'maximum': protocols.LAST},
        {'pattern': '^[1-9][0-9]*$'},
    ]
}
_SPECIAL: dict[str, Schema] = {
    'product': {'type': 'string', 'pattern': f'^{form.NAME.pattern}$'},
    'id': {'type': 'string', 'pattern': f'^{form.FLOW_ID.pattern}$'},
    'ports': _PORTS,
    'protocol': {'anyOf': [_PROTOCOL, {'type': 'array', 'items': _PROTOCOL, 'minItems': 1}]},
    'assumed': {
        'anyOf': [{'type': 'boolean'}, {'enum': list(INFERRED)}, {'type': 'array', 'items': {'enum': list(INFERRED)}}]
    },
    'ports_by': {
        'type': 'object',
        'maxProperties': 1,
        'additionalProperties': {'type': 'object', 'additionalProperties': _PORTS},
    },
    'default': {},
    'groups': {'type': 'object', 'additionalProperties': {'type': 'array', 'items': {'type': 'string'}, 'minItems': 1}},
}


def text() -> str:
    """The schema as the text of its file."""
    return json.dumps(schema(), indent=2) + '\n'


def schema() -> Schema:
    """The schema of a catalog file."""
    catalog = _mapping(form.CATALOG)
    for part, spec in form.PARTS:
        catalog['properties'][part] = {
            'type': 'object',
            'propertyNames': {'pattern': f'^{form.NAME.pattern}$' if part != 'documents' else '.'},
            'additionalProperties': _mapping(spec),
        }
    catalog['properties']['flows'] = {'type': 'array', 'items': _mapping(form.FLOW), 'minItems': 1}
    head = {'$schema': 'https://json-schema.org/draft/2020-12/schema', 'title': 'Catalog of portmatrix.firewall'}
    return {**head, **catalog}


def _mapping(spec: Spec) -> Schema:
    return {
        'type': 'object',
        'additionalProperties': False,
        'required': [key for key, entry in spec.items() if entry.get('required')],
        'properties': {key: _SPECIAL.get(key) or _value(entry) for key, entry in spec.items() if key != 'default'}
        | ({'default': {}} if 'default' in spec else {}),
    }


def _value(entry: dict[str, t.Any]) -> Schema:
    if 'options' in entry:
        return {'type': 'array', 'items': _mapping(entry['options']), 'minItems': 1}
    if 'choices' in entry:
        return {'enum': entry['choices']}
    return {'bool': {'type': 'boolean'}, 'list': _TEXTS, 'dict': {'type': 'object'}, 'str': _TEXT}[entry['type']]
