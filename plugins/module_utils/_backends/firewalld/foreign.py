# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others have put into the running firewall and nowhere else.

A reload makes the runtime what the files say, so it drops rules that others added at run time only, and below firewalld 2.0 also those of
iptables (Docker, fail2ban). Both are remembered before a reload of ours and put back after it, as they were.
"""

from __future__ import annotations

import re
import typing as t

from ..._base.commands import run
from ..._model import policy as policies
from . import bus, iptables
from .documents import NAMES, PREFIX, our_priority

_OBJECTS = (
    ('zone', 'getZones', 'getZoneSettings2', 'setZoneSettings2'),
    ('policy', 'getPolicies', 'getPolicySettings', 'setPolicySettings'),
)
_DIRECT = (
    ('getAllChains', 'addChain', 'sss'),
    ('getAllRules', 'addRule', 'sssias'),
    ('getAllPassthroughs', 'addPassthrough', 'sas'),
)
_DENIES = re.compile(r'\b(reject|drop)\b')
_FIREWALLDS_OWN = ('allow-host-ipv6',)
# What firewalld lets anybody change at run time, besides the interfaces of zones.
_CHANGEABLE = (
    'services',
    'ports',
    'protocols',
    'source_ports',
    'forward_ports',
    'icmp_blocks',
    'rules_str',
    'rich_rules',
    'sources',
    'masquerade',
    'forward',
    'icmp_block_inversion',
)


class Snapshot(t.NamedTuple):
    objects: t.Dict[t.Tuple[str, str], t.Dict[str, t.Any]]
    sets: t.Dict[str, t.List[str]]
    direct: t.Dict[str, t.List[t.Any]]
    tables: t.Dict[str, str]

    def plain(self) -> t.List[t.Any]:
        """As plain data, for a rollback that another process carries out."""
        return [[[*key, settings] for key, settings in self.objects.items()], self.sets, self.direct, self.tables]

    @classmethod
    def of(cls, data: t.List[t.Any]) -> Snapshot:
        """From what `plain` gave, by way of JSON."""
        return cls({(interface, name): settings for interface, name, settings in data[0]}, *data[1:])


def snapshot(reload_keeps_iptables: bool) -> Snapshot:
    """Everything foreign in the runtime."""
    objects = {
        (interface, name): bus.call(interface, get, 's', name)
        for interface, names, get, _set in _OBJECTS
        for name in bus.call(interface, names)
        if not name.startswith(PREFIX)
    }
    sets = {
        name: bus.call('ipset', 'getEntries', 's', name)
        for name in bus.call('ipset', 'getIPSets')
        if not name.startswith(PREFIX)
    }
    direct = {method: bus.call('direct', method) for method, _add, _signature in _DIRECT}
    return Snapshot(objects, sets, direct, {} if reload_keeps_iptables else iptables.tables())


def put_back(before: Snapshot) -> None:
    """Give the runtime back what BEFORE had and a reload took away."""
    now = snapshot(not before.tables)
    for (interface, name), settings in before.objects.items():
        changed = _changed(settings, now.objects.get((interface, name), {}))
        if changed and (interface, name) in now.objects:
            bus.set_dictionary(interface, next(entry[3] for entry in _OBJECTS if entry[0] == interface), name, changed)
    at_home = {name for settings in now.objects.values() for name in _interfaces(settings)}
    for (interface, zone), settings in before.objects.items():
        for name in _interfaces(settings):
            if (
                name not in at_home and (interface, zone) in now.objects
            ):  # unless somebody (NetworkManager) has put it elsewhere meanwhile
                bus.call(interface, 'changeZoneOfInterface', 'ss', zone, name)
    for name, entries in before.sets.items():
        if name in now.sets and sorted(now.sets[name]) != sorted(entries):
            bus.call('ipset', 'setEntries', 'sas', name, *bus.arguments('as', entries), timeout=bus.SLOW)
    for method, add, signature in _DIRECT:
        for item in before.direct[method]:
            if item not in now.direct[method]:
                bus.call('direct', add, signature, *bus.arguments(f'({signature})', item))
    for command, text in before.tables.items():
        if text != now.tables.get(command):
            run([f'{command}-restore'], text=text)


def _interfaces(settings: t.Dict[str, t.Any]) -> t.List[str]:
    """The interfaces of a zone; policies have none."""
    return list(settings.get('interfaces', {}).get('data', []))


def _changed(before: t.Dict[str, t.Any], now: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
    """The settings to write so that NOW becomes BEFORE; firewalld leaves empty ones out."""
    wanted = {}
    for key in _CHANGEABLE:
        variant = before.get(key) or now.get(key)
        if before.get(key) != now.get(key) and variant:
            empty = {'type': variant['type'], 'data': False if variant['type'] == 'b' else []}
            wanted[key] = before.get(key, empty)
    return wanted


def priorities() -> t.Dict[str, int]:
    """Priorities of the running policies, firewalld's own left out: a lower number decides first."""
    return {
        name: bus.call('policy', 'getPolicySettings', 's', name)['priority']['data']
        for name in bus.call('policy', 'getPolicies')
        if name not in _FIREWALLDS_OWN
    }


class Zones(t.NamedTuple):
    """Active zones that forward ports, which firewalld accepts before it asks any policy; and those that deny something, which our policies come before."""

    forwarding: t.Tuple[str, ...] = ()
    denying: t.Tuple[str, ...] = ()


def zones() -> Zones:
    settings = {
        zone: bus.call('zone', 'getZoneSettings2', 's', zone)
        for zone in sorted(bus.call('zone', 'getActiveZones') or ())
    }
    return Zones(
        tuple(zone for zone, found in settings.items() if found.get('forward_ports', {}).get('data')),
        tuple(
            zone
            for zone, found in settings.items()
            if any(_DENIES.search(rule) for rule in found.get('rules_str', {}).get('data') or ())
        ),
    )


def warnings(priorities: t.Dict[str, int], zones: Zones, policy: t.Optional[policies.Policy]) -> t.Tuple[str, ...]:
    """What passes by a POLICY of ours: policies of others with their PRIORITIES, zones that forward ports; and what a zone denies in vain."""
    if policy is None:
        return ()
    advice = (
        'raise its priority number'
        if policy.exclusive
        else 'raise its priority number, or set portmatrix_exclusive: true'
    )
    ahead = [
        name
        for name, number in sorted(priorities.items())
        if number <= our_priority(policy) and name not in NAMES.values()
    ]
    return (
        *(
            f'the policy {name} of firewalld decides before ours and may let other traffic pass; {advice}'
            for name in ahead
        ),
        *(
            f'the zone {zone} of firewalld forwards ports, and forwarded traffic is accepted before any policy; remove the forwarding if it is not meant'
            for zone in zones.forwarding
        ),
        *(
            f'the zone {zone} of firewalld denies by rich rules, which do not cut what the policy admits, as it decides first; deny in a policy of firewalld '
            f'with a priority below {our_priority(policy)}, and let fail2ban use nftables (banaction = nftables)'
            for zone in zones.denying
        ),
    )
