# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy as rules of ufw: tuples where ufw has words for the protocol, lines of iptables in our section of before.rules where it has none.

A tuple names one peer, so all ports that one peer may use stand in one tuple: rules grow with flows and with peers, not with flows times peers.
"""

from __future__ import annotations

import typing as t

from ..._model import policy as policies, traffic
from . import before_rules, tuples
from .tuples import Tuple
from .user_rules import PREFIXES

MARK = 'portmatrix'
EXCLUSIVE = f'{MARK} exclusive'
# Of the protocols of a catalog those that every ufw from 0.36 on knows.
IN_TUPLES = ('tcp', 'udp', 'esp', 'ah', 'gre')
MOST_SLOTS = 15  # ports that iptables compares in one rule; a range takes two
MOST_COMMENT = 1500  # characters; a line of iptables-restore may have 10,240, and comments stand there in hexadecimal
_DIRECTIONS = {'ingress': 'in', 'egress': 'out'}
_CHAINS = {'ingress': 'input', 'egress': 'output'}
_NUMBERS = {'icmpv6': 'ipv6-icmp'}
Span = t.Tuple[int, int]


class Rules(t.NamedTuple):
    """What is ours on a host, by family: tuples in their order and the lines of our section of before.rules ("" lines and comments included)."""

    tuples: t.Dict[str, t.Tuple[Tuple, ...]]
    sections: t.Dict[str, t.Tuple[str, ...]]


def is_ours(rule: Tuple) -> bool:
    return rule.comment != '' and (rule.note() == MARK or rule.note().startswith(f'{MARK} '))


def build(policy: policies.Policy, guard: t.Iterable[policies.Rule], answers: bool = False) -> Rules:
    """The rules that enforce POLICY, with the management GUARD first; where it is exclusive, they end with a denial of everything else. ANSWERS: also
    let answers of management leave where the policy does not deny egress, as somebody else does."""
    found: t.Dict[t.Tuple[str, str, str, bool, t.Optional[str]], t.Dict[Span, t.List[str]]] = {}
    for rule in (*guard, *policy.rules):
        if rule.direction in policy.directions or (answers and rule.source_port):
            for family, peers in policies.by_family(rule):
                for peer in (None,) if peers is None else peers:
                    spans = found.setdefault((family, rule.direction, rule.protocol, rule.source_port, peer), {})
                    for span in rule.ports or ((0, 0),):
                        spans.setdefault(span, []).extend(
                            flow for flow in rule.flows if flow not in spans.get(span, ())
                        )
    own: t.Dict[str, t.List[Tuple]] = {family: [] for family in traffic.FAMILIES}
    lines: t.Dict[str, t.List[str]] = {family: _rows(policy) for family in traffic.FAMILIES}
    for (family, direction, protocol, source_port, peer), spans in found.items():
        for part in _chunks(spans):
            if protocol in IN_TUPLES:
                own[family].append(_tuple(family, direction, protocol, source_port, peer, part))
            else:
                lines[family].extend(_line(family, direction, protocol, peer, part))
    if policy.exclusive:
        for family in traffic.FAMILIES:
            own[family].extend(_rest(family, direction) for direction in policy.directions)
    return Rules(
        {family: tuple(rules) for family, rules in own.items()}, {family: tuple(rows) for family, rows in lines.items()}
    )


def section(family: str, lines: t.Iterable[str]) -> str:
    """Our section of before.rules of FAMILY: a transaction of its own, which ufw loads after the administrator's."""
    return '\n'.join(
        [
            f'{before_rules.BEGIN} (written by portmatrix.firewall; changes are lost)',
            '*filter',
            *lines,
            'COMMIT',
            before_rules.END,
            '',
        ]
    )


def _chunks(spans: t.Dict[Span, t.List[str]]) -> t.Iterator[t.Dict[Span, t.List[str]]]:
    chunk: t.Dict[Span, t.List[str]] = {}
    slots = 0
    for span, flows in sorted(spans.items()):
        need = 1 if span[0] == span[1] else 2
        if slots + need > MOST_SLOTS:
            yield chunk
            chunk, slots = {}, 0
        chunk[span] = flows
        slots += need
    yield chunk


def _tuple(
    family: str,
    direction: str,
    protocol: str,
    source_port: bool,
    peer: t.Optional[str],
    spans: t.Dict[Span, t.List[str]],
) -> Tuple:
    ports = port_text(spans)
    address, anywhere = traffic.plain(peer) if peer else tuples.ANYWHERE[family], tuples.ANYWHERE[family]
    src, dst = (address, anywhere) if direction == 'ingress' else (anywhere, address)
    dport, sport = ('any', ports) if source_port else (ports, 'any')
    return Tuple(
        'allow', protocol, dport, dst, sport, src, _DIRECTIONS[direction], comment=tuples.comment(_note(spans))
    )


def _note(spans: t.Dict[Span, t.List[str]]) -> str:
    """The mark and the flows; a flow that has not all of the ports is followed by those that it has."""
    by_flow: t.Dict[str, t.List[Span]] = {}
    for span, flows in spans.items():
        for flow in flows:
            by_flow.setdefault(flow, []).append(span)
    words = [
        MARK,
        *(flow if len(own) == len(spans) else f'{flow}:{port_text(own)}' for flow, own in sorted(by_flow.items())),
    ]
    text = ' '.join(words)
    return text if len(text) <= MOST_COMMENT else text[:MOST_COMMENT].rpartition(' ')[0] + ' ...'


def flows_of(rule: Tuple) -> t.Iterator[t.Tuple[str, t.Tuple[str, ...]]]:
    """(port, flows) of each port of a tuple of ours, "" where the protocol has none."""
    ports = [port for port in (rule.dport, rule.sport) if port != 'any']
    stated = [
        word.partition(':')
        for word in rule.note().split()[1:]
        if '/' in word or word == policies.GUARD or word.startswith(f'{policies.GUARD}:')
    ]
    for port in ports[0].split(',') if ports else ['']:
        yield port.replace(':', '-'), tuple(flow for flow, _colon, own in stated if not own or port in own.split(','))


def port_text(spans: t.Iterable[Span]) -> str:
    """Ports as ufw and iptables write them; "any" for protocols without ports."""
    return ','.join(f'{low}' if low == high else f'{low}:{high}' for low, high in sorted(spans) if high) or 'any'


def overlap(one: Tuple, other: Tuple) -> bool:
    """Whether a connection may match both rules (interfaces aside; a mask that is no prefix may match anything)."""
    if one.direction != other.direction or (
        'any' not in (one.protocol, other.protocol) and one.protocol != other.protocol
    ):
        return False
    try:
        addresses = all(
            _meet(traffic.interval(a), traffic.interval(b)) for a, b in ((one.src, other.src), (one.dst, other.dst))
        )
    except (ValueError, OSError):
        addresses = True
    return addresses and all(
        'any' in (a, b) or any(_meet(low, high) for low in _spans(a) for high in _spans(b))
        for a, b in ((one.dport, other.dport), (one.sport, other.sport))
    )


def _spans(ports: str) -> t.Iterator[Span]:
    for part in ports.split(','):
        low, _colon, high = part.partition(':')
        yield int(low), int(high or low)


def _meet(one: Span, other: Span) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def admitted(rule: Tuple, family: str, admits: traffic.Reach) -> bool:
    """Whether a reach ADMITS everything that the RULE of somebody else lets in or out."""
    direction = 'ingress' if rule.direction == 'in' else 'egress'
    peer = rule.src if rule.direction == 'in' else rule.dst
    whole = (0, 65535) if rule.protocol in ('tcp', 'udp', 'any') else (0, 0)
    spans = [whole] if rule.dport == 'any' else list(_spans(rule.dport))
    protocols = ('tcp', 'udp') if rule.protocol == 'any' and rule.dport != 'any' else (rule.protocol,)
    try:
        return all(
            traffic.covers(admits, direction, family, protocol, span, peer) for protocol in protocols for span in spans
        )
    except (ValueError, OSError):
        return False


def _rest(family: str, direction: str) -> Tuple:
    """Everything that comes behind it is without effect; what it denies is logged as ufw logs what its default policy denies."""
    anywhere = tuples.ANYWHERE[family]
    action = {'ingress': 'deny', 'egress': 'reject'}[direction]
    return Tuple(
        action,
        'any',
        'any',
        anywhere,
        'any',
        anywhere,
        _DIRECTIONS[direction],
        log='log',
        comment=tuples.comment(EXCLUSIVE),
    )


def _line(
    family: str, direction: str, protocol: str, peer: t.Optional[str], spans: t.Dict[Span, t.List[str]]
) -> t.Tuple[str, str]:
    address = traffic.plain(peer) if peer else ''
    return f'# {_note(spans)}', _accept(family, direction, protocol, address, 'd', port_text(spans))


def _accept(family: str, direction: str, protocol: str, address: str, side: str, ports: str) -> str:
    several = any(mark in ports for mark in ',:')
    option = '' if ports == 'any' else f' -m multiport --{side}ports {ports}' if several else f' --{side}port {ports}'
    peer = f' {"-s" if direction == "ingress" else "-d"} {address}' if address else ''
    return f'-A {PREFIXES[family]}-before-{_CHAINS[direction]}{peer} -p {_NUMBERS.get(protocol, protocol)}{option} -j ACCEPT'


def apart(family: str, own: Rules, keys: t.Container[t.Tuple[t.Any, ...]]) -> t.Tuple[t.Tuple[Tuple, ...], t.List[str]]:
    """(tuples, lines for our section): a tuple whose key stands among KEYS would be taken for somebody else's by ufw, so it goes into the section."""
    lines: t.List[str] = []
    for rule in own.tuples[family]:
        if rule.key in keys and rule.action == 'allow':
            address = rule.src if rule.direction == 'in' else rule.dst
            side, ports = ('s', rule.sport) if rule.sport != 'any' else ('d', rule.dport)
            direction = 'ingress' if rule.direction == 'in' else 'egress'
            known = '' if address in tuples.ANYWHERE.values() else address
            lines += [f'# {rule.note()}', _accept(family, direction, rule.protocol, known, side, ports)]
    return tuple(rule for rule in own.tuples[family] if rule.key not in keys or rule.action != 'allow'), lines


def _rows(policy: policies.Policy) -> t.List[str]:
    """The vendor's rows behind every flow, as comments."""
    used = {flow for rule in policy.rules if rule.direction in policy.directions for flow in rule.flows}
    return [
        f'# {flow} = {" ".join(text.split())[:1000]}'
        for flow in sorted(used & set(policy.citations))
        for text in policy.citations[flow]
    ]
