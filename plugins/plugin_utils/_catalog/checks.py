# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the references inside a catalog: names that exist, ports in range, addresses that can be peers."""

from __future__ import annotations

import typing as t

from ...module_utils._base.errors import PortmatrixError
from ...module_utils._model.protocols import WITH_PORTS
from .._base import addresses
from .schema import PORT

MAX_FLOWS, MAX_PAIRS = 2000, 2500  # of a catalog, of a flow


def check_component(name: str, component: dict[str, t.Any], where: str, problems: list[str]) -> None:
    """Append to PROBLEMS what is wrong with a component; make its addresses canonical."""
    place = f'{where}: components.{name}.addresses'
    if component['addresses'] and not component['external']:
        problems.append(f'{place}: only an external component has fixed addresses; remove them, or set external: true')
    try:
        parsed = (cidr for text in component['addresses'] for cidr in addresses.parse_peer(text, place))
        component['addresses'] = addresses.merge(parsed)
    except PortmatrixError as error:
        problems.extend(error.problems)


def check_groups(data: dict[str, t.Any], where: str, problems: list[str]) -> None:
    for name, names in data['groups'].items():
        place = f'{where}: groups.{name}'
        if name in data['components']:
            problems.append(f'{place}: a component has the same name; rename the group')
        if not isinstance(names, list) or not names or not all(isinstance(member, str) for member in names):
            problems.append(f'{place}: must be a list of components')
            data['groups'][name] = []
        problems.extend(
            unknown(place, 'component', member, data['components'])
            for member in data['groups'][name]
            if member not in data['components']
        )


def check_ids(ids: t.Sequence[str], where: str, problems: list[str]) -> None:
    first: dict[str, int] = {}
    for number, flow_id in enumerate(ids):
        if flow_id in first:
            problems.append(
                f'{where}: flows[{number}]: id: {flow_id!r} is already used by flows[{first[flow_id]}]; choose '
                'another id'
            )
        first.setdefault(flow_id, number)


def check_citations(
    citations: list[dict[str, str]], documents: dict[str, t.Any], where: str, problems: list[str]
) -> None:
    if not citations:
        problems.append(f'{where}: citations: empty; cite the document, section and row of this flow')
    problems.extend(
        unknown(f'{where}: citations[{number}].document', 'document', citation['document'], documents)
        for number, citation in enumerate(citations)
        if citation['document'] not in documents
    )


def members(names: list[str], data: dict[str, t.Any], where: str, problems: list[str]) -> list[str]:
    """The components that NAMES (of components and groups) stand for."""
    components: list[str] = []
    for name in names:
        group = data['groups'].get(name, [name] if name in data['components'] else [])
        if not group and name not in data['groups']:
            problems.append(unknown(where, 'component or group', name, [*data['components'], *data['groups']]))
        components.extend(group)
    return list(dict.fromkeys(components))


def pairs(sources: list[str], destinations: list[str], where: str, problems: list[str]) -> tuple[tuple[str, str], ...]:
    """(source, destination) components of a flow."""
    number = len(sources) * len(destinations)
    if number > MAX_PAIRS:
        problems.append(
            f'{where}: joins {number} pairs of components, at most {MAX_PAIRS} are planned; use fewer components'
        )
        return ()
    return tuple((source, destination) for source in sources for destination in destinations)


def check_ports(
    entry: dict[str, t.Any], protocols: tuple[str, ...], options: dict[str, t.Any], where: str, problems: list[str]
) -> None:
    names = ', '.join(protocols)
    with_ports = [protocol for protocol in protocols if protocol in WITH_PORTS]
    if with_ports and len(with_ports) != len(protocols):
        problems.append(f'{where}: protocol: {names} cannot be combined, since only some have ports; write two flows')
    elif with_ports and not entry['ports']:
        problems.append(f'{where}: ports: missing; {with_ports[0]} needs at least one port')
    elif entry['ports'] and not with_ports:
        problems.append(f'{where}: ports: {names} has no ports; remove them')
    for number, text in enumerate(entry['ports']):
        _check_port(text, options, f'{where}: ports[{number}]', problems)


def _check_port(text: str, options: dict[str, t.Any], where: str, problems: list[str]) -> None:
    match = PORT.fullmatch(text)
    if not match:
        problems.append(
            f'{where}: {text!r} is not a port; write a decimal number, a range a-b, the name of a port '
            'option, or name+N'
        )
    elif match['option']:
        _check_port_option(match['option'], options, where, problems)
    else:
        low, high = int(match['low']), int(match['high'] or match['low'])
        if not (1 <= low <= 65535 and 1 <= high <= 65535):
            problems.append(f'{where}: must be from 1 to 65535, got {text!r}')
        elif low > high:
            problems.append(f'{where}: the range {text!r} is reversed; write {high}-{low}')


def _check_port_option(name: str, options: dict[str, t.Any], where: str, problems: list[str]) -> None:
    if name not in options:
        problems.append(unknown(where, 'port option', name, options))
    elif options[name]['type'] != 'port':
        problems.append(f'{where}: the option {name!r} must have type port, got {options[name]["type"]}')


def unknown(where: str, kind: str, name: str, known: t.Iterable[str]) -> str:
    return f'{where}: unknown {kind} {name!r}; choose from {", ".join(dict.fromkeys(known)) or "none"}'
