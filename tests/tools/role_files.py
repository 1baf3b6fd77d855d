"""The files of the role of a product, as text, from the catalog of the product."""

from __future__ import annotations

import typing as t

import yaml
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog.loader import Catalog
from role_readme import SKELETON, fill_parts, readme_parts

README = 'README.md'
HEADER = '# Generated from the catalog by tests/tools/generate.py: change the catalog, then run it.\n'
# of a catalog -> of an argument spec, where they differ; what is a list may be one text as well
TYPES = {
    'port': 'int',
    'choice': 'str',
    'port_range': 'str',
    'ports': 'list',
    'networks': 'list',
    'group_addresses': 'list',
}
WIDTH = 110  # PyYAML breaks a line after the word that passes this column


def role_files(catalog: Catalog, readme: str | None) -> dict[str, str]:
    """Path in the folder of the role -> text. README is the present README of the role; None starts one from SKELETON.

    Raises PortmatrixError if README lacks a part or a marker.
    """
    name = f'Harden the hosts of {catalog.title}'
    galaxy_info = {
        'author': 'The portmatrix.firewall authors',
        'description': name,
        'license': 'GPL-3.0-or-later',
        'min_ansible_version': '2.17',
    }
    task = {
        'name': 'Apply the rules of all components that the host plays',
        'portmatrix.firewall.policy': {'state': 'enforced'},
    }
    skeleton = SKELETON.replace('{product}', catalog.product)
    return {
        README: fill_parts(skeleton if readme is None else readme, readme_parts(catalog), catalog.product),
        'meta/argument_specs.yml': _yaml({'argument_specs': {'main': argument_spec(catalog)}}),
        'meta/main.yml': _yaml({'galaxy_info': galaxy_info, 'dependencies': []}),
        'tasks/main.yml': _yaml([task]),
    }


def argument_spec(catalog: Catalog) -> dict[str, t.Any]:
    """The entry point of the role in the form of meta/argument_specs.yml."""
    return {
        'short_description': f'Harden the hosts of {catalog.title}',
        'description': [
            f'Checks the options of {catalog.title}, then applies the rules of all components that the host plays, '
            'of every product.',
            'Set the options in the inventory, not in the play, because the rules at both ends of a connection depend '
            'on the options of the listener.',
        ],
        'options': {f'{catalog.product}_{name}': _argument(option) for name, option in catalog.options.items()},
    }


def _argument(option: dict[str, t.Any]) -> dict[str, t.Any]:
    argument = {'description': option['description'], 'type': TYPES.get(option['type'], option['type'])}
    if argument['type'] == 'list':
        argument['elements'] = 'str'
    if option['choices']:
        argument['choices'] = option['choices']
    return {**argument, 'default': option['default']} if option['default'] is not None else argument


class _Dumper(yaml.SafeDumper):
    """Indents lists in mappings, as yamllint requires, folds long text, and writes a list twice instead of an alias."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: t.Any) -> bool:
        return True


def _scalar(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar('tag:yaml.org,2002:str', text, style='>' if len(text) > WIDTH - 20 else None)


_Dumper.add_representer(str, _scalar)


def _yaml(data: t.Any) -> str:
    return '---\n' + HEADER + yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)
