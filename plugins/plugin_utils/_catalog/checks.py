# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the references inside a catalog: names that exist, and addresses that can be peers."""

from __future__ import annotations

import re
import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base import addresses
from .options import Options

MAX_FLOWS, MAX_PAIRS = 2000, 2500  # of a catalog, of a flow
_NETWORK_OPTION = re.compile(r'[a-z][a-z0-9_]*')


def check_component(name: str, component: dict[str, t.Any], options: Options, where: str, problems: list[str]) -> None:
    """Append to PROBLEMS what is wrong with a component; make its addresses canonical, and list the options among them
    as `networks`."""
    place = f'{where}: components.{name}'
    for key in ('addresses', 'names'):
        if component[key] and not component['external']:
            problems.append(
                f'{place}.{key}: only an external component has fixed {key}; remove them, or set external: true'
            )
    if component['unstated'] and component['external']:
        problems.append(
            f'{place}.unstated: an external component is open to any unless it is declared, one that the document does '
            'not state is refused; remove one of both'
        )
    problems.extend(
        f'{place}.names: {text!r} is not the name of a host; write it in full, without a pattern'
        for text in component['names']
        if not addresses.is_name(text) or '.' not in text
    )
    component['networks'] = [text for text in component['addresses'] if _NETWORK_OPTION.fullmatch(text)]
    for option in component['networks']:
        check_option(option, 'networks', options, f'{place}.addresses', problems)
    try:
        fixed = [text for text in component['addresses'] if text not in component['networks']]
        parsed = (cidr for text in fixed for cidr in addresses.parse_peer(text, f'{place}.addresses'))
        component['addresses'] = addresses.merge(parsed)
    except PortmatrixError as error:
        problems.extend(error.problems)


def check_option(name: str, kind: str, options: Options, where: str, problems: list[str]) -> None:
    """Append to PROBLEMS what is wrong with a reference to the option NAME, which must have the type KIND."""
    if name not in options:
        problems.append(unknown(where, f'option of type {kind}', name, options))
    elif options[name]['type'] != kind:
        problems.append(f'{where}: the option {name!r} must have type {kind}, got {options[name]["type"]}')


def check_option_components(data: dict[str, t.Any], where: str, problems: list[str]) -> None:
    """Options that belong to components which do not exist."""
    for name, option in data['options'].items():
        stray = [component for component in option['component'] if component not in data['components']]
        problems.extend(
            unknown(f'{where}: options.{name}.component', 'component', component, data['components'])
            for component in stray
        )
        option['component'] = [component for component in option['component'] if component not in stray]


def check_owners(
    used: t.Iterable[str], destinations: list[str], options: Options, where: str, problems: list[str]
) -> None:
    """An option that belongs to a component says something about this listener only."""
    for name in dict.fromkeys(used):
        owners = options.get(name, {}).get('component', [])
        others = [component for component in destinations if owners and component not in owners]
        if others:
            problems.append(
                f'{where}: the option {name!r} belongs to {", ".join(owners)}, but {", ".join(others)} '
                f'listen{"s" if len(others) == 1 else ""} here; write a flow of its own, or remove component from the '
                'option'
            )


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


def unknown(where: str, kind: str, name: str, known: t.Iterable[str]) -> str:
    return f'{where}: unknown {kind} {name!r}; choose from {", ".join(dict.fromkeys(known)) or "none"}'
