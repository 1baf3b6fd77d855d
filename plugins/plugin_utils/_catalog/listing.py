# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Catalogs for a terminal: which products there are, and one product as a table."""

from __future__ import annotations

import textwrap
import typing as t

from . import words
from .model import Catalog, Catalogs, Flow, citation_text

_MIN_WIDTH, _INDENT = 60, '    '


def overview(catalogs: Catalogs, width: int) -> str:
    """One line for each product: its name, what it is, and how much of it is known."""
    rows = [('PRODUCT', 'FLOWS', 'DOCUMENTS')]
    rows += [(product, str(len(catalog.flows)), _documents(catalog)) for product, catalog in sorted(catalogs.items())]
    return '\n'.join(_columns(rows, width))


def details(catalog: Catalog, width: int) -> str:
    """The whole catalog: documents, components with their groups, options, flows, notes."""
    width = max(width, _MIN_WIDTH)
    parts = [
        [catalog.title, *(f'{_INDENT}{text}' for text in _document_lines(catalog))],
        ['COMPONENTS (as groups of the inventory)', *_components(catalog, width)],
        ['OPTIONS (variables of hosts)', *(_options(catalog, width) or [f'{_INDENT}none'])],
        ['FLOWS', *(line for flow in catalog.flows for line in _flow(flow, width))],
        ['NOTES', *(_wrapped(note, width, '  - ') for note in catalog.notes)] if catalog.notes else [],
    ]
    return '\n\n'.join('\n'.join(part) for part in parts if part)


def _documents(catalog: Catalog) -> str:
    return '; '.join(f'{document["title"]} ({document["version"]})' for document in catalog.documents.values())


def _document_lines(catalog: Catalog) -> t.Iterator[str]:
    for name, document in catalog.documents.items():
        yield f'{name}: {document["title"]}, version {document["version"]}, retrieved {document["retrieved"]}'


def _components(catalog: Catalog, width: int) -> list[str]:
    rows = [
        (f'{catalog.product}_{name}', ', '.join([component['title'], *_kinds(component)]))
        for name, component in catalog.components.items()
    ]
    return [f'{_INDENT}{line}' for line in _columns(rows, width - len(_INDENT))]


def _kinds(component: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    known = [*component['addresses'], *component['networks'], *component['names']]
    if component['external']:
        yield f'external: {", ".join(known)}' if known else 'external: open to any unless declared'
    if component['unstated']:
        yield 'not stated by the document: refused until it is declared'


def _options(catalog: Catalog, width: int) -> list[str]:
    rows = [
        (f'{catalog.product}_{name}', _value(option), option['description']) for name, option in catalog.options.items()
    ]
    return [f'{_INDENT}{line}' for line in _columns(rows, width - len(_INDENT))]


def _value(option: t.Mapping[str, t.Any]) -> str:
    default = option['default']
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, list):
        return f'[{", ".join(map(str, default))}]'
    return '(not set)' if default is None else str(default)


def _flow(flow: Flow, width: int) -> t.Iterator[str]:
    yield _wrapped(f'{flow.id}: {words.ends(flow)}  {words.service(flow)}', width, '  ')
    yield _wrapped(flow.title, width, _INDENT)
    if words.condition(flow):
        yield _wrapped(f'when {words.condition(flow)}', width, _INDENT)
    for remark in words.remarks(flow):
        yield _wrapped(remark, width, _INDENT)
    for citation in flow.citations:
        yield _wrapped(f'[{citation_text(citation)}]', width, _INDENT)


def _wrapped(text: str, width: int, indent: str) -> str:
    return textwrap.fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=' ' * (len(indent) + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _columns(rows: t.Sequence[tuple[str, ...]], width: int) -> list[str]:
    """ROWS in columns; the last one is wrapped."""
    if not rows:
        return []
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    room = max(width - sum(widths) - 2 * len(widths), 24)
    lines: list[str] = []
    for row in rows:
        head = ''.join(f'{text:{size}}  ' for text, size in zip(row, widths))
        first, *others = textwrap.wrap(row[-1], room, break_on_hyphens=False) or ['']
        lines.append(f'{head}{first}'.rstrip())
        lines.extend(' ' * len(head) + text for text in others)
    return lines
