# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rich rule matches beside its addresses, as firewalld and nftables write it: ports, a protocol, a type of ICMP,
or nothing."""

from __future__ import annotations

import typing as t

from ..._base.errors import Refused
from ..._model import icmp_types, policy as policies, protocols, traffic
from ..._model.traffic import Ports

PORT, PROTOCOL, ICMP_TYPE, NONE = 'port', 'protocol', 'icmp-type', ''
# the key of its value in a file
VALUE_KEYS = {PORT: 'port', PROTOCOL: 'value', ICMP_TYPE: 'name'}
# what nftables calls types of ICMP by other names than firewalld does
_OF_NFTABLES = {
    'nd-router-solicit': 'router-solicitation',
    'nd-router-advert': 'router-advertisement',
    'nd-neighbor-solicit': 'neighbour-solicitation',
    'nd-neighbor-advert': 'neighbour-advertisement',
    'nd-redirect': 'redirect',
}
_CODES_OF_NFTABLES = {'frag-needed': 4}


class Element(t.NamedTuple):
    """`kind` is one of the above; `value`: ports, the protocol, or the name of the type; `protocol` as the system calls
    it."""

    kind: str
    value: str
    protocol: str

    def words(self) -> t.List[str]:
        """In firewalld's rich language."""
        if self.kind == NONE:
            return []
        protocol = [f'protocol="{self.protocol}"'] if self.kind == PORT else []
        return [self.kind, f'{VALUE_KEYS[self.kind]}="{self.value}"', *protocol]

    def service(self) -> t.Tuple[str, str, Ports]:
        """(protocol, side, numbers) as in traffic.Service."""
        protocol = protocols.catalog_name(self.protocol)
        if self.kind == PORT:
            return protocol, 'destination', policies.parse_ports(self.value)
        if self.kind == ICMP_TYPE:
            return protocol, traffic.TYPE, icmp_types.interval(icmp_types.canonical(protocol, self.value))
        return protocol, '', traffic.NO_PORTS

    @property
    def text(self) -> str:
        """Its ports, or its type, for people."""
        return {PORT: self.value, ICMP_TYPE: f'type {self.value}'}.get(self.kind, '')


def of_rule(rule: policies.Rule) -> t.List[Element]:
    """The elements that RULE needs, one for each rich rule. Raises Refused for what firewalld cannot express."""
    protocol = protocols.system_name(rule.protocol)
    if rule.protocol == protocols.ALL:
        return [Element(NONE, '', protocols.ALL)]
    if rule.side == traffic.TYPE:
        return [Element(ICMP_TYPE, _type_name(rule, span), protocol) for span in rule.ports]
    elements = [Element(PORT, policies.ports_text(span), protocol) for span in rule.ports]
    return elements or [Element(PROTOCOL, protocol, protocol)]


def _type_name(rule: policies.Rule, span: Ports) -> str:
    name = icmp_types.name(rule.protocol, icmp_types.text(span))
    if name is None:
        raise Refused(
            f'{rule.flows[0]}: firewalld has no name for {rule.protocol} type {icmp_types.text(span)}, and takes no '
            f'numbers; it knows {", ".join(icmp_types.NAMES[rule.protocol])}'
        )
    return name


def icmp_numbers(protocol: str, kind: t.Union[str, int], code: t.Union[str, int, None]) -> Ports:
    """A type of ICMP in nftables' JSON, with its CODE or without. Raises ValueError if it is not known."""
    text = icmp_types.canonical(protocol, _OF_NFTABLES.get(str(kind), str(kind)))
    if code is not None:
        text += f'/{_CODES_OF_NFTABLES.get(str(code), code)}'
    return icmp_types.interval(icmp_types.canonical(protocol, text))
