"""Policies for the fake firewalld, and how they are brought into force there."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld.backend import Firewalld
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld.changes import Changes
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld.documents import RichRule
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import policy as policies
from fake_firewalld import ALL, FakeFirewalld

BACKEND = Firewalld()
GROUPS = ['a', 'b', 'c']


def policy(rules: t.Iterable[tuple[str, str | None, str]], groups: dict, **settings_of: t.Any) -> policies.Policy:
    """RULES: (direction, group or None for any, port)."""
    document = {
        'format': 1,
        'egress': 'allow',
        'exclusive': False,
        'management': {'sources': ['any'], 'ports': []},
        'groups': groups,
        'rules': [
            {'direction': direction, 'protocol': 'tcp', 'ports': [port], 'group': group, 'flows': ['p/f']}
            for direction, group, port in rules
        ],
        'citations': {'p/f': ['Guide | table; row 1']},
        **settings_of,
    }
    return policies.parse(json.dumps(document))


# every group has a set in both families, so the pool is large enough for all that the tests change
START = policy(
    [('ingress', name, '80') for name in GROUPS],
    dict.fromkeys(GROUPS, ['192.0.2.8/30', '192.0.2.16/30', '2001:db8:9::/64', '2001:db8:b::/64']),
)


def expected(wanted: policies.Policy) -> frozenset:
    """What WANTED allows, read from its own rules."""
    enforced = {'ingress', *(['egress'] if wanted.egress == 'deny' else [])}
    host = FakeFirewalld()
    return frozenset(
        entry
        for entry in ALL
        if entry[0] not in enforced
        or any(
            (rule.direction, rule.ports) == (entry[0], ((int(entry[2]), int(entry[2])),))
            and any(
                host.matches(RichRule(None, address, 'port', entry[2], 'tcp'), entry[1])
                for address in (rule.peers.addresses if rule.label != 'any' else [entry[1]])
            )
            for rule in wanted.rules
        )
    )


class Pending(t.NamedTuple):
    """A change that is in force; its data went through JSON, as in the rollback of another process."""

    transition: str
    snapshot: dict
    desired: dict

    def confirm(self) -> None:
        assert BACKEND.external_change(self.snapshot, self.desired) is None
        BACKEND.persist(self.desired)

    def roll_back(self) -> None:
        BACKEND.restore(self.snapshot, self.desired)


def apply(wanted: policies.Policy | None) -> Pending:
    changes = BACKEND.observe().plan(wanted, ())
    snapshot, desired = json.loads(json.dumps([changes.snapshot(), changes.desired()]))
    return Pending(changes.apply(snapshot), snapshot, desired)


def plan(wanted: policies.Policy | None) -> Changes:
    return BACKEND.observe().plan(wanted, ())
