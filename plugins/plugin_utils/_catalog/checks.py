# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of a catalog must say of each other: names that exist, ports that are ports, addresses that can be peers."""

from __future__ import annotations

import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base import addresses
from .schema import PORT, WITH_PORTS


def check_component(name: str, component: dict[str, t.Any], where: str, problems: list[str]) -> None:
    if component['addresses'] and not component['external']:
        problems.append(
            f'{where}: components.{name}.addresses: only an external component has fixed addresses; drop them or set external: true'
        )
    try:
        component['addresses'] = addresses.merge(
            cidr
            for text in component['addresses']
            for cidr in addresses.parse_peer(text, f'{where}: components.{name}.addresses')
        )
    except PortmatrixError as error:
        problems.extend(error.problems)


def check_groups(data: dict[str, t.Any], where: str, problems: list[str]) -> None:
    for name, members in data['groups'].items():
        if name in data['components']:
            problems.append(f'{where}: groups.{name}: there is a component of this name; give the group another one')
        if not isinstance(members, list) or not members:
            problems.append(f'{where}: groups.{name}: here belongs a list of components')
            data['groups'][name] = []
        problems.extend(
            unknown(f'{where}: groups.{name}', 'component', member, data['components'])
            for member in data['groups'][name]
            if member not in data['components']
        )


def members(names: list[str], data: dict[str, t.Any], where: str, problems: list[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        members = data['groups'].get(name, [name] if name in data['components'] else [])
        if not members and name not in data['groups']:
            problems.append(unknown(where, 'component or group', name, [*data['components'], *data['groups']]))
        found.extend(members)
    return list(dict.fromkeys(found))


def check_ports(
    entry: dict[str, t.Any], protocols: tuple[str, ...], options: dict[str, t.Any], where: str, problems: list[str]
) -> None:
    with_ports = [protocol for protocol in protocols if protocol in WITH_PORTS]
    if with_ports and len(with_ports) != len(protocols):
        problems.append(
            f'{where}: protocol: {", ".join(protocols)} do not mix, some have ports and some have none; make two flows of it'
        )
    elif with_ports and not entry['ports']:
        problems.append(f'{where}: ports: missing; {with_ports[0]} needs at least one port')
    elif entry['ports'] and not with_ports:
        problems.append(f'{where}: ports: {", ".join(protocols)} has no ports; remove them')
    for number, text in enumerate(entry['ports']):
        _check_port(text, options, f'{where}: ports[{number}]', problems)


def _check_port(text: str, options: dict[str, t.Any], where: str, problems: list[str]) -> None:
    match = PORT.fullmatch(text)
    if not match:
        problems.append(
            f'{where}: {text!r} is no port; write a number, a range a-b, the name of a port option, or name+N'
        )
    elif match['option']:
        if match['option'] not in options:
            problems.append(unknown(where, 'port option', match['option'], options))
        elif options[match['option']]['type'] != 'port':
            problems.append(
                f'{where}: the option {match["option"]!r} is of type {options[match["option"]]["type"]}; a port needs an option of type port'
            )
    else:
        low, high = int(match['low']), int(match['high'] or match['low'])
        if not (1 <= low <= 65535 and 1 <= high <= 65535):
            problems.append(f'{where}: {text!r} is outside of 1-65535')
        elif low > high:
            problems.append(f'{where}: the range {text!r} runs backwards; write {high}-{low}')


def unknown(where: str, kind: str, name: str, known: t.Iterable[str]) -> str:
    return f'{where}: unknown {kind} {name!r}; known are {", ".join(known) or "none"}'
