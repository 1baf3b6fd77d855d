# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents and kernel state of firewalld in the words of _model.report."""

from __future__ import annotations

import typing as t

from ..._model import logs, protocols, traffic
from ..._model.directions import INGRESS, preposition
from ..._model.peers import ANY, Any, Peer
from ..._model.policy import service_text
from ..._model.report import MAX_PEERS, AtomicRule, DisplayRule, display_rules, shorten
from ..._model.traffic import TrafficRule
from .documents import Documents, PolicyDocument, RichRule, description_key, kernel_rules
from .kernel import Kernel

_DENIED = {'DROP': 'dropped', 'REJECT': 'rejected'}


def rules(documents: Documents) -> t.List[DisplayRule]:
    """The rules managed by portmatrix."""
    atomic_rules: t.List[AtomicRule] = []
    for document in documents.active.values():
        for rule in document.rules:
            atomic_rules.extend(_atomic_rules(document, rule, documents))
    return display_rules(atomic_rules)


def state(service: str, documents: Documents, kernel: t.Optional[Kernel]) -> t.List[str]:
    """Lines about everything but the rules: the SERVICE, what is denied, changes by hand, drift of the kernel."""
    lines = [service]
    for name, document in sorted(documents.policies.items()):
        lines.extend(f'changed by hand in {name}: {text}' for text in document.unknown)
    for name, document in sorted(documents.active.items()):
        denied = _DENIED.get(document.target, document.target or 'unknown')
        lines.append(f'rest of {document.direction}: {denied} (policy {name}, priority {document.priority})')
        if document.logs and document.direction == INGRESS:
            lines.append(logs.LINE)
    if kernel is not None and (documents.active or kernel.active):
        if set(kernel.logging) != {name for name, document in documents.active.items() if document.logs}:
            lines.append('drift: denied packets are logged in another way than the files say')
        lines.extend(f'drift: {fault}' for fault in kernel.faults)
        if set(kernel.active) != documents.active.keys():
            lines.append(f'drift: the policies in force are {", ".join(kernel.active) or "none"}')
        lines.extend(_drift(kernel, documents))
    return lines


def _atomic_rules(document: PolicyDocument, rule: RichRule, documents: Documents) -> t.Iterator[AtomicRule]:
    flows = document.described.get(description_key(rule), ())
    ports = rule.matches().text + (f' to {rule.to}' if rule.to else '')
    for peer in _peers(rule, documents):
        protocol = protocols.catalog_name(rule.protocol)
        yield AtomicRule(document.direction, protocol, ports.strip(), peer, flows)


def _peers(rule: RichRule, documents: Documents) -> t.Sequence[Peer]:
    if isinstance(rule.peer, Any):
        return (ANY,)
    if rule.set_name is None:
        return (rule.peer,)
    document = documents.sets.get(rule.set_name)
    return document.entries if document else (f'the missing set {rule.set_name}',)


def _drift(kernel: Kernel, documents: Documents) -> t.Iterator[str]:
    expected = kernel_rules(documents)
    only_in_kernel, missing = kernel.rules - expected, expected - kernel.rules
    for where, drifted in (('only in the kernel', only_in_kernel), ('missing in the kernel', missing)):
        yield from sorted(f'drift, {where}: {_traffic_text(rule)}' for rule in drifted)


def _traffic_text(rule: TrafficRule) -> str:
    words = {'source': 'from port ', traffic.TYPE: 'type '}.get(rule.port_side, '')
    ports = f' {words}{service_text(rule.protocol, rule.ports)}' if rule.port_side else ''
    group = f' to {rule.to}' if rule.to else ''
    return f'{rule.direction} {rule.protocol}{ports}{group} {preposition(rule.direction)} {_peers_text(rule)}'


def _peers_text(rule: TrafficRule) -> str:
    if isinstance(rule.peers, Any):
        return rule.peers.value
    family = rule.family or 'ipv4'
    ranges = [[traffic.address_text(number, family) for number in interval] for interval in rule.peers]
    return shorten([first if first == last else f'{first}-{last}' for first, last in ranges], MAX_PEERS) or 'nobody'
