# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comments of managed tuples: the mark of portmatrix, and the flows that need each port."""

from __future__ import annotations

import typing as t

from ..._model.policy import GUARD
from ..._model.traffic import Ports
from .long_lines import MAX_COMMENT_BYTES
from .tuples import Tuple

MARK = 'portmatrix'
EXCLUSIVE = f'{MARK} exclusive'
PortFlows = t.Dict[Ports, t.List[str]]


def is_managed(rule: Tuple) -> bool:
    """Whether portmatrix manages RULE: its comment begins with the mark."""
    return rule.comment != '' and (rule.note() == MARK or rule.note().startswith(f'{MARK} '))


def is_exclusive(rules: t.Iterable[Tuple]) -> bool:
    """Whether RULES end the list for all others: see portmatrix_exclusive."""
    return any(is_managed(rule) and rule.note() == EXCLUSIVE for rule in rules)


def note(port_flows: PortFlows) -> str:
    """The mark and the flows; a flow that needs only some of the ports is followed by them."""
    by_flow: t.Dict[str, t.List[Ports]] = {}
    for ports, flows in port_flows.items():
        for flow in flows:
            by_flow.setdefault(flow, []).append(ports)
    labels = [
        flow if len(ports) == len(port_flows) else f'{flow}:{port_text(ports)}'
        for flow, ports in sorted(by_flow.items())
    ]
    text = ' '.join([MARK, *labels])
    return text if len(text) <= MAX_COMMENT_BYTES else text[:MAX_COMMENT_BYTES].rpartition(' ')[0] + ' ...'


def flows_of(rule: Tuple) -> t.Iterator[t.Tuple[str, t.Tuple[str, ...]]]:
    """(port, flows) of each port of a managed tuple; "" if the protocol has none."""
    labels = [word.partition(':') for word in rule.note().split()[1:] if '/' in word or word.split(':')[0] == GUARD]
    for port in rule.dport.split(',') if rule.dport != 'any' else ['']:
        flows = tuple(flow for flow, _colon, only in labels if not only or port in only.split(','))
        yield port.replace(':', '-'), flows


def port_text(ports: t.Iterable[Ports]) -> str:
    """Ports as ufw and iptables write them; "any" for protocols without ports."""
    return ','.join(f'{low}' if low == high else f'{low}:{high}' for low, high in sorted(ports) if high) or 'any'
