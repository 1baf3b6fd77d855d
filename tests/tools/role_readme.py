"""The README of a role: parts from the catalog between markers, and prose around them that is edited by hand."""

from __future__ import annotations

import re
import typing as t

import yaml
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import PortmatrixError
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog.loader import Catalog

START = re.compile(r'<!-- generated from the catalog: (\w+) -->\n')
PART = re.compile(START.pattern + r'((?:(?!<!--).)*)<!-- end -->', re.DOTALL)

# What a new role starts with. Only the parts between markers are generated again later; the rest is edited by hand.
SKELETON = """\
<!-- generated from the catalog: introduction -->
<!-- end -->

The role checks its variables, then applies the rules of **all** components that the host plays, of every product.
The order of roles does not matter, and no role removes the rules of another product. The playbook
`portmatrix.firewall.harden` does the same for all products at once.

## Requirements

ansible-core 2.17 or later, and the Python libraries `netaddr` and `jmespath` on the controller.

## Components

List the components of a host in `portmatrix_components`, or put the host into a group named `{product}_<component>`.

<!-- generated from the catalog: components -->
<!-- end -->

## Role variables

<!-- generated from the catalog: options -->
<!-- end -->

The [guide](../../docs/guide.md) describes the variables that all products have in common.

## Example playbook

<!-- generated from the catalog: example -->
<!-- end -->

## Notes on the document

<!-- generated from the catalog: notes -->
<!-- end -->

## License

GNU General Public License v3.0 or later, see [COPYING](../../COPYING).
"""


def readme_parts(catalog: Catalog) -> dict[str, str]:
    """Name of a part -> its Markdown, with a line feed at the end."""
    documents = '; '.join(
        f'"{document["title"]}" (version {document["version"]}, retrieved {document["retrieved"]})'
        for document in catalog.documents.values()
    )
    hosts = next(
        (f'{catalog.product}_{name}' for name, entry in catalog.components.items() if not entry['external']), 'all'
    )
    return {
        'introduction': markdown(
            f'# {catalog.title}\n\n'
            f'Hardens the hosts of {catalog.title} according to the port matrix of the vendor: {documents}.\n'
        ),
        'components': _components(catalog),
        'options': _options(catalog),
        'example': f'```yaml\n- hosts: {hosts}\n  gather_facts: false\n  become: true\n'
        f'  roles:\n    - portmatrix.firewall.{catalog.product}\n```\n',
        'notes': markdown(''.join(f'- {note}\n' for note in catalog.notes)) or 'None.\n',
    }


def _components(catalog: Catalog) -> str:
    rows = [
        (f'`{catalog.product}.{name}`', markdown(component['title']) + _external(component))
        for name, component in catalog.components.items()
    ]
    components = table(('component', 'description'), rows)
    if all(_known(component) or not component['external'] for component in catalog.components.values()):
        return components
    return components + (
        '\nRules for an external component without addresses allow any address: set its addresses in '
        '`portmatrix_peers`.\n'
    )


def _known(component: dict[str, t.Any]) -> list[str]:
    """What says where it is: addresses, options with networks, names."""
    return [*component['addresses'], *component['networks'], *component['names']]


def _external(component: dict[str, t.Any]) -> str:
    if component['unstated']:
        return ' (not stated by the document: refused until it is declared)'
    known = ', '.join(f'`{text}`' for text in _known(component))
    return f' (external: {known})' if known else ' (external)' if component['external'] else ''


def _options(catalog: Catalog) -> str:
    if not catalog.options:
        return f'None: the catalog of {markdown(catalog.title)} has no options.\n'
    rows = [
        (f'`{catalog.product}_{name}`', _type(option), _default(option['default']), markdown(option['description']))
        for name, option in catalog.options.items()
    ]
    return (
        'Set them in the inventory, not in the play: the rules at both ends of a connection depend on the options of '
        'the listener.\n\n' + table(('variable', 'type', 'default', 'description'), rows)
    )


def _type(option: dict[str, t.Any]) -> str:
    choices = ', '.join(f'`{choice}`' for choice in option['choices'] or ())
    owners = ', '.join(f'`{component}`' for component in option['component'])
    text = f'{option["type"]}: {choices}' if choices else str(option['type'])
    return f'{text} (of {owners})' if owners else text


def _default(value: t.Any) -> str:
    """VALUE as YAML in one line."""
    if value is None:
        return 'not set'
    text = yaml.safe_dump(value, default_flow_style=True, width=1000)
    return f'`{text.splitlines()[0]}`'


def table(heads: tuple[str, ...], rows: t.Iterable[tuple[str, ...]]) -> str:
    """A table of Markdown."""
    head, *lines = [f'| {" | ".join(cell.replace("|", "&#124;") for cell in row)} |\n' for row in (heads, *rows)]
    return ''.join([head, f'|{"---|" * len(heads)}\n', *lines])


def markdown(text: str) -> str:
    """TEXT with `<` escaped, so that no text of a catalog can close a part of the README."""
    return text.replace('<', '&lt;')


def fill_parts(readme: str, parts: dict[str, str], role: str) -> str:
    """README with the text of PARTS between their markers, and the rest unchanged.

    Raises PortmatrixError, which names ROLE, if a part or a marker is missing, unknown or there twice.
    """
    present = START.findall(readme)
    if sorted(present) != sorted(parts) or len(PART.findall(readme)) != len(parts):
        raise PortmatrixError(
            f'roles/{role}/README.md: must contain each of the parts {", ".join(parts)} once, '
            f'got {", ".join(present) or "none"}; start a part with the line '
            '"<!-- generated from the catalog: NAME -->", and end it with the line "<!-- end -->" before the next part'
        )
    return PART.sub(
        lambda part: f'<!-- generated from the catalog: {part[1]} -->\n{parts[part[1]]}<!-- end -->', readme
    )
