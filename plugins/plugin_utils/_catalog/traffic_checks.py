# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check what a flow in a catalog says of its traffic: protocols, ports, types of ICMP, group addresses."""

from __future__ import annotations

import typing as t

from ...module_utils._base.errors import PortmatrixError
from ...module_utils._model import icmp_types, protocols
from ...module_utils._model.protocols import ALL, WITH_PORTS, WITH_TYPES
from .._base import addresses
from . import ports
from .checks import check_option, unknown
from .options import BOTH, Options

Entry = dict[str, t.Any]  # a flow as it stands in the file


def read_protocols(texts: t.Iterable[str], where: str, problems: list[str]) -> tuple[str, ...]:
    """The protocols in TEXTS, names or numbers, by their names where they have one here."""
    found: dict[str, None] = {}
    for text in texts:
        name = text if text in protocols.NUMBERS or text == ALL else _by_number(text)
        if name is None:
            known = ', '.join([*protocols.NUMBERS, ALL])
            problems.append(
                f'{where}: protocol: unknown protocol {text!r}; choose from {known}, or write the number of an IP '
                f'protocol, from 1 to {protocols.LAST}'
            )
        elif protocols.number(name) in protocols.EXTENSION_HEADERS:
            problems.append(
                f'{where}: protocol: {text} is an extension header of IPv6, which firewalls skip; write the protocol '
                'that follows it'
            )
        else:
            found[name] = None
    return tuple(found)


def _by_number(text: str) -> str | None:
    if not text.isascii() or not text.isdigit() or str(int(text)) != text or int(text) > protocols.LAST:
        return None
    return protocols.catalog_name(text)


def check_ports(entry: Entry, names: tuple[str, ...], options: Options, where: str, problems: list[str]) -> None:
    """Append to PROBLEMS what is wrong with the ports of a flow with the protocols NAMES."""
    with_ports = [name for name in names if name in WITH_PORTS]
    has_ports = entry['ports'] or entry['ports_by']
    if with_ports and len(with_ports) != len(names):
        problems.append(
            f'{where}: protocol: {", ".join(names)} cannot be combined, since only some have ports; write two flows'
        )
    elif with_ports and not has_ports:
        problems.append(f'{where}: ports: missing; {with_ports[0]} needs at least one port')
    elif has_ports and not with_ports and names:
        problems.append(f'{where}: ports: {", ".join(names)} has no ports; remove them')
    if entry['ports'] and entry['ports_by']:
        problems.append(f'{where}: ports, ports_by: a flow has one of both; write two flows')
    if ALL in names and len(names) > 1:
        problems.append(f'{where}: protocol: {ALL} includes the others; remove them')
    _check_entries(entry['ports'], options, f'{where}: ports', problems)


def read_ports_by(
    entry: Entry, options: Options, where: str, problems: list[str]
) -> tuple[str, dict[str, list[str]]] | None:
    """(option, its value -> ports) of the key `ports_by`, with a port list for each choice of the option."""
    if not entry['ports_by']:
        return None
    place = f'{where}: ports_by'
    if len(entry['ports_by']) != 1:
        problems.append(f'{place}: must be a mapping of one option, got {len(entry["ports_by"])}')
        return None
    ((name, by_choice),) = entry['ports_by'].items()
    number = len(problems)
    check_option(str(name), 'choice', options, place, problems)
    if not isinstance(by_choice, dict) or not all(isinstance(entries, list) for entries in by_choice.values()):
        problems.append(f'{place}.{name}: must be a mapping of each choice to a list of ports')
    if len(problems) > number:
        return None
    choices = options[name]['choices'] or []
    by_choice = {str(choice): list(map(str, entries)) for choice, entries in by_choice.items()}
    if set(choices) == set(BOTH) and BOTH[-1] not in by_choice:
        by_choice[BOTH[-1]] = [port for choice in BOTH[:-1] for port in by_choice.get(choice, [])]
    problems.extend(
        unknown(place, f'choice of {name}', choice, choices) for choice in by_choice if choice not in choices
    )
    problems.extend(
        f'{place}.{name}: {choice}: missing; list its ports, or [] if the flow does not exist then'
        for choice in choices
        if choice not in by_choice
    )
    if not any(by_choice.values()):
        problems.append(f'{place}.{name}: no choice has ports, so the flow would never apply')
    for choice, entries in by_choice.items():
        _check_entries(entries, options, f'{place}.{name}.{choice}', problems)
    return name, by_choice


def _check_entries(entries: list[str], options: Options, where: str, problems: list[str]) -> None:
    for number, text in enumerate(entries):
        _check_entry(text, options, f'{where}[{number}]', problems)


def _check_entry(text: str, options: Options, where: str, problems: list[str]) -> None:
    both = ports.ends(text)
    if not both:
        problems.append(
            f'{where}: {text!r} is not a port; write a decimal number, a range a-b, the name of a port option, or '
            'name+N'
        )
        return
    is_single = both[0] == both[1] and '-' not in text
    for end in dict.fromkeys(both):
        if end.option and (end.number or not is_single):
            check_option(end.option, 'port', options, where, problems)
        elif end.option:
            _check_port_option(end.option, options, where, problems)
        elif not 1 <= end.number <= ports.LAST:
            problems.append(f'{where}: must be from 1 to {ports.LAST}, got {text!r}')
            return
    low, high = both
    if not low.option and not high.option and low.number > high.number:
        problems.append(f'{where}: the range {text!r} is reversed; write {high.number}-{low.number}')


def _check_port_option(name: str, options: Options, where: str, problems: list[str]) -> None:
    if name not in options:
        problems.append(unknown(where, 'port option', name, options))
    elif options[name]['type'] not in ports.TYPES:
        problems.append(
            f'{where}: the option {name!r} must have type port, port_range or ports, got {options[name]["type"]}'
        )


def read_icmp_types(entry: Entry, names: tuple[str, ...], where: str, problems: list[str]) -> tuple[str, ...]:
    """The types of ICMP of a flow in their canonical form."""
    place = f'{where}: icmp_types'
    if not entry['icmp_types']:
        return ()
    if len(names) != 1 or names[0] not in WITH_TYPES:
        problems.append(f'{place}: only a flow with the one protocol icmp or icmpv6 has them; write a flow for each')
        return ()
    found: dict[str, None] = {}
    for text in entry['icmp_types']:
        try:
            found[icmp_types.canonical(names[0], text)] = None
        except ValueError:
            known = ', '.join(icmp_types.NAMES[names[0]])
            problems.append(f'{place}: unknown type {text!r}; choose from {known}, or write its number, or type/code')
    return tuple(sorted(found, key=icmp_types.interval))


def read_group_addresses(
    entry: Entry, names: tuple[str, ...], options: Options, where: str, problems: list[str]
) -> tuple[str, ...]:
    """The group addresses of a flow: canonical, and names of options."""
    place = f'{where}: group_addresses'
    found: dict[str, None] = {}
    for text in entry['group_addresses']:
        if text.replace('_', '').isalnum() and not text[:1].isdigit() and ':' not in text:
            check_option(text, 'group_addresses', options, place, problems)
            found[text] = None
            continue
        try:
            found[addresses.parse_group(text, place)] = None
        except PortmatrixError as error:
            problems.extend(error.problems)
    if found and 'vrrp' in names:
        problems.append(f'{place}: those of vrrp are known; remove them')
    return tuple(found)
