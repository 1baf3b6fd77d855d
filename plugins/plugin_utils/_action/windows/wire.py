# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is sent to a Windows host: a request with the rules that it is to have. Request.cs and WantedPolicy.cs read
it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import ipaddress
import json
import typing as t

from ....module_utils._model import policy as policies
from ....module_utils._model.directions import INGRESS
from ....module_utils._model.peers import Any
from . import rules as windows_rules
from .rules import Rule

FORMAT = 2


class Transport(t.NamedTuple):
    """How the controller reaches the host: the `port` that it connects to, and what listens there (ssh or winrm)."""

    port: int
    listener: str


def request(
    state: str,
    transport: Transport,
    *,
    policy: policies.Policy | None = None,
    check: bool = False,
    confirm_timeout: int = 0,
    confirm_connections: bool = False,
    token: str = '',
) -> str:
    """The request as JSON. STATE: enforced (with POLICY), absent, gathered or confirmed; CONFIRM_TIMEOUT in seconds."""
    return json.dumps(
        {
            'format': FORMAT,
            'state': state,
            'check': check,
            'confirm_timeout': confirm_timeout,
            'confirm_connections': confirm_connections,
            'token': token,
            'port': transport.port,
            'transport': transport.listener,
            'policy': _policy(policy) if policy else None,
        },
        separators=(',', ':'),
    )


def packed(text: str) -> str:
    """TEXT compressed, the same bytes for the same text."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def checksum(text: str) -> str:
    """SHA-256 of TEXT."""
    return hashlib.sha256(text.encode()).hexdigest()


def _policy(policy: policies.Policy) -> dict[str, t.Any]:
    """The rules of POLICY: lists of addresses are sent once, and named by their index (-1: every address)."""
    lists: dict[tuple[str, ...], int] = {}

    def index(rule: Rule) -> int:
        if isinstance(rule.peers, Any):
            return -1
        return lists.setdefault(tuple(map(_canonical, rule.peers.addresses)), len(lists))

    rules = [
        [
            rule.name,
            rule.description,
            'in' if rule.direction == INGRESS else 'out',
            windows_rules.protocol_number(rule.protocol),
            ','.join(rule.ports),
            index(rule),
        ]
        for rule in windows_rules.build(policy)
    ]
    management = [[rule.name, rule.description, index(rule)] for rule in windows_rules.management(policy)]
    return {
        'digest': policy.digest,
        'egress': policy.egress,
        'exclusive': policy.exclusive,
        'log_denied': policy.log_denied,
        'addresses': list(map(list, lists)),
        'rules': rules,
        'management': {
            'declared': policy.management_declared,
            'ports': list(map(str, policy.management_ports)),
            'rules': management,
        },
    }


def _canonical(cidr: str) -> str:
    """RFC 5952, which netaddr does not follow for addresses that begin with zeros."""
    return str(ipaddress.ip_network(cidr)) if cidr.startswith('::') else cidr
