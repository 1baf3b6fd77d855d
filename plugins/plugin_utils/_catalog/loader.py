# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Catalogs: the port matrix of one product each, as checked data."""

from __future__ import annotations

import hashlib
import os
import typing as t
from pathlib import Path

import yaml

from ...module_utils._base.errors import PortmatrixError
from . import checks, conditions, strict_yaml
from .schema import check_shape

DATA = Path(__file__).parent / 'data'
SHIPPED = DATA / 'products'
BASELINE = DATA / 'baseline.yml'


class Flow(t.NamedTuple):
    """One documented flow. `pairs` are (source, destination) components of its product; `ports` are still unresolved ("22", "80-90", "api_port+1")."""

    id: str
    product: str
    title: str
    note: str | None
    pairs: tuple[tuple[str, str], ...]
    protocols: tuple[str, ...]
    ports: tuple[str, ...]
    when: str | None
    optional: bool
    assumed: bool
    citations: tuple[dict[str, str], ...]

    @property
    def name(self) -> str:
        return f'{self.product}/{self.id}'


class Catalog(t.NamedTuple):
    """One product. `options` and `components` keep the form of the file, defaults filled in."""

    product: str
    title: str
    path: str
    sha256: str
    documents: dict[str, dict[str, str]]
    options: dict[str, dict[str, t.Any]]
    components: dict[str, dict[str, t.Any]]
    notes: tuple[str, ...]
    flows: tuple[Flow, ...]


def flows_by_name(catalogs: dict[str, Catalog]) -> dict[str, Flow]:
    """ "product/id" -> flow."""
    return {flow.name: flow for catalog in catalogs.values() for flow in catalog.flows}


def citation_text(citation: dict[str, str]) -> str:
    return f'{citation["document"]}, {citation["section"]}, {citation["row"]}'


def existing(path: str, inventory_dir: str | None) -> str:
    """PATH as it stands, relative to the working directory, or else to the folder of the inventory."""
    candidates = [os.path.abspath(os.path.expanduser(path)), os.path.join(inventory_dir or '', path)]
    return next((candidate for candidate in candidates if os.path.exists(candidate)), candidates[0])


def load_catalogs(extra: t.Iterable[str] = ()) -> dict[str, Catalog]:
    """All catalogs by product: ours, then the files and folders in EXTRA (existing paths). A product may be defined once."""
    catalogs: dict[str, Catalog] = {}
    problems: list[str] = []
    for path in [*sorted(SHIPPED.glob('*.yml')), *_files(extra, problems)]:
        try:
            catalog = load_file(path)
        except PortmatrixError as error:
            problems.extend(error.problems)
            continue
        if catalog.product in catalogs or catalog.product == 'baseline':
            problems.append(
                f'{path}: product: {catalog.product!r} is defined already, in '
                f'{catalogs[catalog.product].path if catalog.product in catalogs else BASELINE}; give this catalog a product name of its own'
            )
        else:
            catalogs[catalog.product] = catalog
    if problems:
        raise PortmatrixError(*problems)
    return catalogs


def _files(extra: t.Iterable[str], problems: list[str]) -> t.Iterator[Path]:
    for path in map(Path, extra):
        found = (
            sorted([*path.glob('*.yml'), *path.glob('*.yaml')]) if path.is_dir() else [path] if path.is_file() else []
        )
        if not found:
            problems.append(
                f'portmatrix_catalogs: {path} {"holds no *.yml file" if path.is_dir() else "does not exist"}; name an existing catalog file or a folder of them'
            )
        yield from found


def load_file(path: Path) -> Catalog:
    """The catalog in the YAML file PATH; every fault is one PortmatrixError that names file, key and fix."""
    try:
        content = path.read_bytes()
        data = strict_yaml.load(content)
    except (yaml.YAMLError, ValueError, RecursionError, OSError) as error:
        raise PortmatrixError(
            f'{path}: does not parse as YAML: {" ".join(str(error).split())}; mend the line it names'
        ) from error
    return build(data, str(path), hashlib.sha256(content).hexdigest())


def build(data: t.Any, where: str, sha256: str) -> Catalog:
    """A catalog from DATA in the form of a catalog file. WHERE names its origin in errors."""
    data = check_shape(data, where)
    problems: list[str] = []
    conditions.check_options(data['options'], where, problems)
    checks.check_groups(data, where, problems)
    flows = [
        _flow(entry, data, f'{where}: flows[{number}] ({entry["id"]!r})', problems)
        for number, entry in enumerate(data['flows'])
    ]
    seen: dict[str, int] = {}
    for number, flow in enumerate(flows):
        if flow.id in seen:
            problems.append(
                f'{where}: flows[{number}]: id: {flow.id!r} is taken by flows[{seen[flow.id]}]; give each flow an id of its own'
            )
        seen.setdefault(flow.id, number)
    for name, component in data['components'].items():
        checks.check_component(name, component, where, problems)
    if problems:
        raise PortmatrixError(*problems)
    return Catalog(
        data['product'],
        data['title'],
        where,
        sha256,
        data['documents'],
        data['options'],
        data['components'],
        tuple(data['notes']),
        tuple(flows),
    )


def _flow(entry: dict[str, t.Any], data: dict[str, t.Any], where: str, problems: list[str]) -> Flow:
    sources, destinations = (
        checks.members(entry[end], data, f'{where}: {end}', problems) for end in ('source', 'destination')
    )
    protocols = tuple(dict.fromkeys(entry['protocol']))
    checks.check_ports(entry, protocols, data['options'], where, problems)
    if entry['when'] is not None:
        conditions.check(entry['when'], data['options'], f'{where}: when', problems)
    problems.extend(
        checks.unknown(f'{where}: citations[{number}].document', 'document', citation['document'], data['documents'])
        for number, citation in enumerate(entry['citations'])
        if citation['document'] not in data['documents']
    )
    if not entry['citations']:
        problems.append(f'{where}: citations: empty; cite the document, section and row that this flow comes from')
    pairs = tuple(dict.fromkeys((source, destination) for source in sources for destination in destinations))
    return Flow(
        entry['id'],
        data['product'],
        entry['title'],
        entry['note'],
        pairs,
        protocols,
        tuple(entry['ports']),
        entry['when'],
        entry['optional'],
        entry['assumed'],
        tuple({key: citation[key] for key in ('document', 'section', 'row')} for citation in entry['citations']),
    )
