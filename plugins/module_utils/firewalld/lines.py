# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our documents and the kernel's state in the words of module_utils.words."""

from __future__ import annotations

import typing as t

from .. import reach
from ..words import MOST_PEERS, Line
from .documents import PROTOCOLS, Documents, describe_key, runtime_rules
from .kernel import Kernel

_NAMES = {firewalld: name for name, firewalld in PROTOCOLS.items()}
_DENIED = {'DROP': 'denied in silence', 'REJECT': 'denied with an answer'}


def rules(documents: Documents) -> t.List[Line]:
    """One line for what one set of flows opens to one group of peers, both families and all ports together."""
    found: t.Dict[t.Tuple, t.Dict[str, t.List[str]]] = {}
    for document in documents.policies.values():
        for rule in document.rules:
            key = describe_key(rule)
            flows = document.described.get(key, ())
            # what serves the same flows is one rule of the policy, whether its addresses stand in sets or not
            group = key[2] if key[2] == 'any' or not flows else ''
            ports = found.setdefault((document.direction, rule.protocol, group, flows, rule.element == 'source-port'), {})
            ports.setdefault('' if rule.element == 'protocol' else rule.value, []).extend(_peers(rule.peer, documents))
    lines: t.Dict[Line, t.List[str]] = {}
    for (direction, protocol, _group, flows, source_port), by_port in found.items():
        for port, peers in by_port.items():
            line = Line(direction, _NAMES.get(protocol, protocol), '', tuple(sorted(set(peers), key=_order)), flows, source_port)
            lines.setdefault(line, []).append(port)
    return [line._replace(ports=', '.join(sorted(ports, key=lambda port: int(port.partition('-')[0] or 0)))) for line, ports in lines.items()]


def state(service: str, documents: Documents, kernel: t.Optional[Kernel]) -> t.List[str]:
    """Lines about everything but the rules: the service, what is denied, what was changed by hand, how the kernel deviates from the files."""
    lines = [service]
    for name, document in sorted(documents.policies.items()):
        lines.append(
            f'rest of {document.direction}: {_DENIED.get(document.target, document.target or "unknown")} (policy {name}, priority {document.priority})'
        )
        lines.extend(f'by hand in {name}: {text}' for text in document.strange)
    if kernel is not None and (documents.policies or kernel.directions):
        lines.extend(f'drift: {fault}' for fault in kernel.faults)
        lines.extend(_drift(kernel, documents))
    return lines


def _drift(kernel: Kernel, documents: Documents) -> t.Iterator[str]:
    stated = runtime_rules(documents, kernel.sets)
    for where, rules in (('only in the kernel', kernel.rules - stated), ('missing in the kernel', stated - kernel.rules)):
        yield from sorted(f'drift, {where}: {_rule(*rule)}' for rule in rules)


def _rule(
    direction: str, family: t.Optional[str], protocol: str, side: str, span: t.Tuple[int, int], intervals: t.Optional[t.Tuple[reach.Interval, ...]]
) -> str:
    low, high = span
    ports = f" {'from port ' if side == 'source' else ''}{low if low == high else f'{low}-{high}'}" if side else ''
    peers = 'any' if intervals is None else _intervals(intervals, family or 'ipv4')
    return f"{direction} {protocol}{ports} {'from' if direction == 'ingress' else 'to'} {peers}"


def _intervals(intervals: t.Tuple[reach.Interval, ...], family: str) -> str:
    texts = [
        reach.text(first, family) if first == last else f'{reach.text(first, family)}-{reach.text(last, family)}' for first, last in intervals[:MOST_PEERS]
    ]
    return ', '.join(texts) + (f' and {len(intervals) - MOST_PEERS} more' if len(intervals) > MOST_PEERS else '') or 'nothing'


def _peers(peer: t.Optional[str], documents: Documents) -> t.Iterable[str]:
    if peer is None:
        return ()
    if not peer.startswith('@'):
        return (peer,)
    stored = documents.sets.get(peer[1:])
    return stored.entries if stored else (f'a missing set {peer[1:]}',)


def _order(peer: str) -> t.Tuple:
    try:
        return (0, reach.family(peer), reach.interval(peer))
    except (OSError, ValueError):
        return (1, peer, (0, 0))
