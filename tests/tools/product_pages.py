"""A page of the documentation for each product, from its catalog."""

from __future__ import annotations

import typing as t

import role_readme
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog import words
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog.loader import Catalog
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog.model import Flow

HEADER = '<!-- generated from the catalog by tests/tools/generate.py: change the catalog, then run it -->\n'


def index(catalogs: t.Mapping[str, Catalog]) -> str:
    """The list of all products."""
    rows = [
        (f'[{catalog.title}]({product}.md)', f'`{product}`', str(len(catalog.flows)), _documents(catalog))
        for product, catalog in sorted(catalogs.items())
    ]
    table = role_readme.table(('product', 'name', 'flows', 'documents'), rows)
    return (
        f'{HEADER}# Products\n\nThe port matrices that are shipped. A group `<name>_<component>` of the inventory is '
        'all that a host needs; see the page of the product for its components, options and notes. Catalogs of your '
        f'own: [catalogs](../catalogs.md).\n\n{table}'
    )


def page(catalog: Catalog) -> str:
    """The page of one product."""
    parts = role_readme.readme_parts(catalog)
    documents = role_readme.table(
        ('document', 'title', 'version', 'retrieved'),
        (
            (f'`{name}`', role_readme.markdown(entry['title']), entry['version'], entry['retrieved'])
            for name, entry in catalog.documents.items()
        ),
    )
    flows = role_readme.table(
        ('flow', 'who opens it > who listens', 'ports, protocol', 'when', 'for', 'cited'), map(_row, catalog.flows)
    )
    return (
        f'{HEADER}# {role_readme.markdown(catalog.title)}\n\n{documents}\n'
        f'Role: [portmatrix.firewall.{catalog.product}](../../roles/{catalog.product}/README.md).\n\n'
        f'## Components\n\nEach is a group of the inventory (`{catalog.product}_<component>`).\n\n'
        f'{parts["components"]}\n'
        f'## Options\n\n{parts["options"]}\n'
        f'## Flows\n\n{flows}\n'
        f'## Notes\n\n{parts["notes"]}'
    )


def _row(flow: Flow) -> tuple[str, ...]:
    remarks = ''.join(f' *{text}*' if text != flow.note else f' {text}' for text in words.remarks(flow))
    cited = '; '.join(f'{entry["document"]}, {entry["section"]}, {entry["row"]}' for entry in flow.citations)
    condition = words.condition(flow)
    return (
        f'`{flow.id}`',
        words.ends(flow).replace('>', '&gt;'),
        words.service(flow),
        f'`{condition}`' if condition else '',
        role_readme.markdown(flow.title + '.' + remarks if remarks else flow.title),
        role_readme.markdown(cited),
    )


def _documents(catalog: Catalog) -> str:
    return '; '.join(
        f'{role_readme.markdown(entry["title"])} ({entry["version"]})' for entry in catalog.documents.values()
    )
