# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our documents and the kernel's state in the words of _model.report."""

from __future__ import annotations

import typing as t

from ..._model import report, traffic
from ..._model.report import MOST_PEERS, Grant, Line
from .documents import PROTOCOLS, Documents, PolicyDocument, RichRule, describe_key, runtime_rules
from .kernel import Kernel

_NAMES = {firewalld: name for name, firewalld in PROTOCOLS.items()}
_DENIED = {'DROP': 'denied in silence', 'REJECT': 'denied with an answer'}


def rules(documents: Documents) -> t.List[Line]:
    """Our rules in words."""
    return report.lines(
        grant
        for document in documents.policies.values()
        for rule in document.rules
        for grant in _grants(document, rule, documents)
    )


def _grants(document: PolicyDocument, rule: RichRule, documents: Documents) -> t.Iterator[Grant]:
    flows = document.described.get(describe_key(rule), ())
    port = '' if rule.element == 'protocol' else rule.value
    for peer in _peers(rule.peer, documents):
        yield Grant(
            document.direction,
            _NAMES.get(rule.protocol, rule.protocol),
            rule.element == 'source-port',
            port,
            peer,
            flows,
        )


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
    for where, rules in (
        ('only in the kernel', kernel.rules - stated),
        ('missing in the kernel', stated - kernel.rules),
    ):
        yield from sorted(f'drift, {where}: {_rule(*rule)}' for rule in rules)


def _rule(
    direction: str,
    family: t.Optional[str],
    protocol: str,
    side: str,
    span: t.Tuple[int, int],
    intervals: t.Optional[t.Tuple[traffic.Interval, ...]],
) -> str:
    low, high = span
    ports = f" {'from port ' if side == 'source' else ''}{low if low == high else f'{low}-{high}'}" if side else ''
    peers = 'any' if intervals is None else _intervals(intervals, family or 'ipv4')
    return f"{direction} {protocol}{ports} {'from' if direction == 'ingress' else 'to'} {peers}"


def _intervals(intervals: t.Tuple[traffic.Interval, ...], family: str) -> str:
    texts = [
        traffic.text(first, family) if first == last else f'{traffic.text(first, family)}-{traffic.text(last, family)}'
        for first, last in intervals[:MOST_PEERS]
    ]
    return (
        ', '.join(texts) + (f' and {len(intervals) - MOST_PEERS} more' if len(intervals) > MOST_PEERS else '')
        or 'nothing'
    )


def _peers(peer: t.Optional[str], documents: Documents) -> t.Iterable[t.Optional[str]]:
    if peer is None or not peer.startswith('@'):
        return (peer,)
    stored = documents.sets.get(peer[1:])
    return stored.entries if stored else (f'a missing set {peer[1:]}',)
