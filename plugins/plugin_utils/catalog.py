# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Catalogs: the port matrix of one product each, as checked data."""
from __future__ import annotations

import hashlib
import typing as t
from pathlib import Path

import yaml

from ..module_utils.errors import PortmatrixError
from . import addresses, conditions
from .catalog_schema import PORT, WITH_PORTS, check_shape

DATA = Path(__file__).parent / '_data'
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
    """"product/id" -> flow."""
    return {flow.name: flow for catalog in catalogs.values() for flow in catalog.flows}


def citation_text(citation: dict[str, str]) -> str:
    return f'{citation["document"]}, {citation["section"]}, {citation["row"]}'


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
            problems.append(f'{path}: product: {catalog.product!r} is defined already, in '
                            f'{catalogs[catalog.product].path if catalog.product in catalogs else BASELINE}; give this catalog a product name of its own')
        else:
            catalogs[catalog.product] = catalog
    if problems:
        raise PortmatrixError(*problems)
    return catalogs


def _files(extra: t.Iterable[str], problems: list[str]) -> t.Iterator[Path]:
    for path in map(Path, extra):
        found = sorted([*path.glob('*.yml'), *path.glob('*.yaml')]) if path.is_dir() else [path] if path.is_file() else []
        if not found:
            problems.append(f'portmatrix_catalogs: {path} {"holds no *.yml file" if path.is_dir() else "does not exist"}; '
                            'name an existing catalog file or a folder of them')
        yield from found


def load_file(path: Path) -> Catalog:
    """The catalog in the YAML file PATH; every fault is one PortmatrixError that names file, key and fix."""
    content = path.read_bytes()
    try:
        data = yaml.load(content, Loader=_UniqueKeyLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PortmatrixError(f'{path}: does not parse as YAML: {" ".join(str(error).split())}; mend the line it names') from error
    return build(data, str(path), hashlib.sha256(content).hexdigest())


def build(data: t.Any, where: str, sha256: str) -> Catalog:
    """A catalog from DATA in the form of a catalog file. WHERE names its origin in errors."""
    data = check_shape(data, where)
    problems: list[str] = []
    conditions.check_options(data['options'], where, problems)
    _check_groups(data, where, problems)
    flows = [_flow(entry, data, f'{where}: flows[{number}] ({entry["id"]!r})', problems) for number, entry in enumerate(data['flows'])]
    seen: dict[str, int] = {}
    for number, flow in enumerate(flows):
        if flow.id in seen:
            problems.append(f'{where}: flows[{number}]: id: {flow.id!r} is taken by flows[{seen[flow.id]}]; give each flow an id of its own')
        seen.setdefault(flow.id, number)
    for name, component in data['components'].items():
        _check_component(name, component, where, problems)
    if problems:
        raise PortmatrixError(*problems)
    return Catalog(data['product'], data['title'], where, sha256, data['documents'], data['options'], data['components'], tuple(data['notes']), tuple(flows))


def _check_component(name: str, component: dict[str, t.Any], where: str, problems: list[str]) -> None:
    if component['addresses'] and not component['external']:
        problems.append(f'{where}: components.{name}.addresses: only an external component has fixed addresses; drop them or set external: true')
    try:
        component['addresses'] = addresses.merge(
            cidr for text in component['addresses'] for cidr in addresses.parse_peer(text, f'{where}: components.{name}.addresses'))
    except PortmatrixError as error:
        problems.extend(error.problems)


def _check_groups(data: dict[str, t.Any], where: str, problems: list[str]) -> None:
    for name, members in data['groups'].items():
        if name in data['components']:
            problems.append(f'{where}: groups.{name}: there is a component of this name; give the group another one')
        if not isinstance(members, list) or not members:
            problems.append(f'{where}: groups.{name}: here belongs a list of components')
            data['groups'][name] = []
        problems.extend(_unknown(f'{where}: groups.{name}', 'component', member, data['components'])
                        for member in data['groups'][name] if member not in data['components'])


def _flow(entry: dict[str, t.Any], data: dict[str, t.Any], where: str, problems: list[str]) -> Flow:
    sources, destinations = (_components(entry[end], data, f'{where}: {end}', problems) for end in ('source', 'destination'))
    protocols = tuple(dict.fromkeys(entry['protocol']))
    _check_ports(entry, protocols, data['options'], where, problems)
    if entry['when'] is not None:
        conditions.check(entry['when'], data['options'], f'{where}: when', problems)
    problems.extend(_unknown(f'{where}: citations[{number}].document', 'document', citation['document'], data['documents'])
                    for number, citation in enumerate(entry['citations']) if citation['document'] not in data['documents'])
    if not entry['citations']:
        problems.append(f'{where}: citations: empty; cite the document, section and row that this flow comes from')
    pairs = tuple(dict.fromkeys((source, destination) for source in sources for destination in destinations))
    return Flow(entry['id'], data['product'], entry['title'], entry['note'], pairs, protocols, tuple(entry['ports']), entry['when'],
                entry['optional'], entry['assumed'], tuple({key: citation[key] for key in ('document', 'section', 'row')} for citation in entry['citations']))


def _components(names: list[str], data: dict[str, t.Any], where: str, problems: list[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        members = data['groups'].get(name, [name] if name in data['components'] else [])
        if not members and name not in data['groups']:
            problems.append(_unknown(where, 'component or group', name, [*data['components'], *data['groups']]))
        found.extend(members)
    return list(dict.fromkeys(found))


def _check_ports(entry: dict[str, t.Any], protocols: tuple[str, ...], options: dict[str, t.Any], where: str, problems: list[str]) -> None:
    with_ports = [protocol for protocol in protocols if protocol in WITH_PORTS]
    if with_ports and len(with_ports) != len(protocols):
        problems.append(f'{where}: protocol: {", ".join(protocols)} do not mix, some have ports and some have none; make two flows of it')
    elif with_ports and not entry['ports']:
        problems.append(f'{where}: ports: missing; {with_ports[0]} needs at least one port')
    elif entry['ports'] and not with_ports:
        problems.append(f'{where}: ports: {", ".join(protocols)} has no ports; remove them')
    for number, text in enumerate(entry['ports']):
        _check_port(text, options, f'{where}: ports[{number}]', problems)


def _check_port(text: str, options: dict[str, t.Any], where: str, problems: list[str]) -> None:
    match = PORT.fullmatch(text)
    if not match:
        problems.append(f'{where}: {text!r} is no port; write a number, a range a-b, the name of a port option, or name+N')
    elif match['option']:
        if match['option'] not in options:
            problems.append(_unknown(where, 'port option', match['option'], options))
        elif options[match['option']]['type'] != 'port':
            problems.append(f'{where}: the option {match["option"]!r} is of type {options[match["option"]]["type"]}; a port needs an option of type port')
    else:
        low, high = int(match['low']), int(match['high'] or match['low'])
        if not (1 <= low <= 65535 and 1 <= high <= 65535):
            problems.append(f'{where}: {text!r} is outside of 1-65535')
        elif low > high:
            problems.append(f'{where}: the range {text!r} runs backwards; write {high}-{low}')


def _unknown(where: str, kind: str, name: str, known: t.Iterable[str]) -> str:
    return f'{where}: unknown {kind} {name!r}; known are {", ".join(known) or "none"}'


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML that refuses a key written twice: the first value would be lost in silence."""


def _mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict:
    keys = [loader.construct_object(key) for key, value in node.value]
    for number, key in enumerate(keys):
        if key in keys[:number]:
            raise yaml.constructor.ConstructorError(None, None, f'the key {key!r} stands here twice', node.value[number][0].start_mark)
    return loader.construct_mapping(node, deep=True)


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
