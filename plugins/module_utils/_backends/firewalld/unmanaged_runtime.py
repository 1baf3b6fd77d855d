# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What exists only in the running firewall, put there by other programs and people.

A reload makes the running firewall what the configuration files say, so it drops rules that were added only at run
time, and below firewalld 2.0 those of iptables too (Docker, fail2ban). They are captured before a reload by portmatrix
and restored after it.
"""

from __future__ import annotations

import typing as t

from ..._base.commands import run
from ..._host import iptables
from . import bus
from .slots import PREFIX

# interface of D-Bus -> (method that lists names, method that reads one, method that writes one)
_OBJECTS = {
    'zone': ('getZones', 'getZoneSettings2', 'setZoneSettings2'),
    'policy': ('getPolicies', 'getPolicySettings', 'setPolicySettings'),
}
# method that lists direct rules -> (method that adds one, its signature)
_DIRECT = {
    'getAllChains': ('addChain', 'sss'),
    'getAllRules': ('addRule', 'sssias'),
    'getAllPassthroughs': ('addPassthrough', 'sas'),
}
# What firewalld lets programs change at run time, apart from the interfaces of zones.
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
Settings = t.Dict[str, t.Dict[str, t.Any]]


class Runtime(t.NamedTuple):
    """`objects`: (interface, name) -> settings of zones and policies; `sets`: name -> entries; `direct`: method that
    lists them -> direct rules; `tables`: command -> rules of iptables, empty if a reload preserves them."""

    objects: t.Dict[t.Tuple[str, str], Settings]
    sets: t.Dict[str, t.List[str]]
    direct: t.Dict[str, t.List[t.Any]]
    tables: t.Dict[str, str]

    def to_data(self) -> t.List[t.Any]:
        """As plain data, for a rollback by another process."""
        objects = [[*key, settings] for key, settings in self.objects.items()]
        return [objects, self.sets, self.direct, self.tables]

    @classmethod
    def from_data(cls, data: t.List[t.Any]) -> Runtime:
        """From the result of `to_data`, by way of JSON."""
        objects, sets, direct, tables = data
        return cls({(interface, name): settings for interface, name, settings in objects}, sets, direct, tables)


def capture(reload_preserves_iptables: bool) -> Runtime:
    """Everything in the running firewall that portmatrix does not manage."""
    objects = {
        (interface, name): bus.call(interface, read, 's', name)
        for interface, (list_names, read, _write) in _OBJECTS.items()
        for name in bus.call(interface, list_names)
        if not name.startswith(PREFIX)
    }
    set_names = [name for name in bus.call('ipset', 'getIPSets') if not name.startswith(PREFIX)]
    sets = {name: bus.call('ipset', 'getEntries', 's', name) for name in set_names}
    direct = {method: bus.call('direct', method) for method in _DIRECT}
    return Runtime(objects, sets, direct, {} if reload_preserves_iptables else iptables.saved_rules())


def restore(before: Runtime) -> None:
    """Add what BEFORE contains and the running firewall no longer has."""
    now = capture(not before.tables)
    _restore_objects(before, now)
    for name, entries in before.sets.items():
        if name in now.sets and sorted(now.sets[name]) != sorted(entries):
            words = bus.arguments('as', entries)
            bus.call('ipset', 'setEntries', 'sas', name, *words, timeout=bus.SLOW_SECONDS)
    for method, (add, signature) in _DIRECT.items():
        for item in before.direct[method]:
            if item not in now.direct[method]:
                bus.call('direct', add, signature, *bus.arguments(f'({signature})', item))
    for command, text in before.tables.items():
        if text != now.tables.get(command):
            run([f'{command}-restore'], text=text)


def _restore_objects(before: Runtime, now: Runtime) -> None:
    for (interface, name), settings in before.objects.items():
        lost = _lost_settings(settings, now.objects.get((interface, name), {}))
        if lost and (interface, name) in now.objects:
            bus.set_dictionary(interface, _OBJECTS[interface][2], name, lost)
    assigned = {name for settings in now.objects.values() for name in _interfaces(settings)}
    for (interface, zone), settings in before.objects.items():
        for name in _interfaces(settings):
            # an interface that is in a zone now was put there by another program (NetworkManager)
            if name not in assigned and (interface, zone) in now.objects:
                bus.call(interface, 'changeZoneOfInterface', 'ss', zone, name)


def _interfaces(settings: Settings) -> t.List[str]:
    """The interfaces of a zone; policies have none."""
    return list(settings.get('interfaces', {}).get('data', []))


def _lost_settings(before: Settings, now: Settings) -> Settings:
    """The settings to write so that NOW becomes BEFORE; firewalld omits empty ones."""
    lost: Settings = {}
    for key in _CHANGEABLE:
        variant = before.get(key) or now.get(key)
        if before.get(key) != now.get(key) and variant:
            empty = {'type': variant['type'], 'data': False if variant['type'] == 'b' else []}
            lost[key] = before.get(key, empty)
    return lost
