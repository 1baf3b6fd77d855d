# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What exists only in the running firewall, put there by other programs and people.

A reload makes the running firewall what the configuration files say, so it drops rules that were added only at run
time. Below firewalld 2.0, or if there are direct rules, it also drops those of iptables (Docker, fail2ban).
"""

from __future__ import annotations

import json
import time
import typing as t

from ..._base.commands import run
from ..._kernel import native_tables, saved_rules
from . import bus
from .slots import PREFIX

# interface of D-Bus -> (method that lists names, method that reads one)
_OBJECTS = {'zone': ('getZones', 'getZoneSettings2'), 'policy': ('getPolicies', 'getPolicySettings')}
_DIRECT_LISTS = ('getAllChains', 'getAllRules', 'getAllPassthroughs')
# What firewalld lets programs change at run time.
_CHANGEABLE = (
    'services',
    'ports',
    'protocols',
    'source_ports',
    'forward_ports',
    'icmp_blocks',
    'rules_str',
    'rich_rules',
    'interfaces',
    'sources',
    'masquerade',
    'forward',
    'icmp_block_inversion',
)
NATIVE = 'nft'  # in place of a command: tables that iptables cannot print
Settings = t.Dict[str, t.Dict[str, t.Any]]
ObjectKey = t.Tuple[str, str]
Elements = t.Dict[str, t.List[t.Any]]


class Runtime(t.NamedTuple):
    """`objects`: (interface, name) -> settings of zones and policies; `sets`: name -> entries; `elements`: name of a
    set -> what its kernel set contains, in nft's JSON; `direct`: method that lists them -> direct rules; `tables`:
    command -> rules of iptables, empty if a reload preserves them; `time`: when it was read, in seconds since boot."""

    objects: t.Dict[ObjectKey, Settings]
    sets: t.Dict[str, t.List[str]]
    elements: Elements
    direct: t.Dict[str, t.List[t.Any]]
    tables: t.Dict[str, str]
    time: float

    def to_data(self) -> t.List[t.Any]:
        """As plain data, for another process."""
        objects = [[*key, settings] for key, settings in self.objects.items()]
        return [objects, *self[1:]]

    @classmethod
    def from_data(cls, data: t.List[t.Any]) -> Runtime:
        """From the result of `to_data`, by way of JSON."""
        objects, *others = data
        return cls({(interface, name): settings for interface, name, settings in objects}, *others)


def capture(version_preserves_iptables: bool) -> Runtime:
    """Everything in the running firewall that portmatrix does not manage."""
    objects = {
        (interface, name): bus.call(interface, read, 's', name)
        for interface, (list_names, read) in _OBJECTS.items()
        for name in bus.call(interface, list_names)
        if not name.startswith(PREFIX)
    }
    names = [name for name in bus.call('ipset', 'getIPSets') if not name.startswith(PREFIX)]
    sets = {name: bus.call('ipset', 'getEntries', 's', name) for name in names}
    direct = {method: bus.call('direct', method) for method in _DIRECT_LISTS}
    preserves = version_preserves_iptables and not any(direct.values())
    tables = {} if preserves else {**saved_rules.read(), NATIVE: native_tables.listing(native_tables.find())}
    return Runtime(objects, sets, capture_elements(names), direct, tables, time.monotonic())


def preserves_iptables(version_preserves_iptables: bool) -> bool:
    """Whether a reload leaves the rules of iptables alone: since firewalld 2.0, unless there are direct rules."""
    return version_preserves_iptables and not any(bus.call('direct', method) for method in _DIRECT_LISTS)


def capture_elements(names: t.List[str]) -> Elements:
    """Name -> elements of the sets NAMES in the kernel: those of a set with a timeout are unknown to firewalld."""
    result = run(['nft', '-j', 'list', 'table', 'inet', 'firewalld'], check=False) if names else None
    objects = json.loads(result.stdout)['nftables'] if result and result.returncode == 0 else []
    return {
        item['set']['name']: item['set'].get('elem', [])
        for item in objects
        if 'set' in item and item['set']['name'] in names
    }


def merged(earlier: Runtime, now: Runtime) -> Runtime:
    """What EARLIER or NOW contains; a setting that is not a list is the EARLIER one."""
    objects = {
        key: {name: _union(earlier.objects.get(key, {}).get(name), own.get(name)) for name in _names(key, earlier, own)}
        for key, own in now.objects.items()
    }
    sets = {name: _joined(earlier.sets.get(name, []), entries) for name, entries in now.sets.items()}
    elements = {name: _joined(items, earlier.elements.get(name, [])) for name, items in now.elements.items()}
    direct = {method: _joined(earlier.direct[method], items) for method, items in now.direct.items()}
    return Runtime(objects, sets, elements, direct, {**now.tables, **earlier.tables}, now.time)


def _names(key: ObjectKey, earlier: Runtime, own: Settings) -> t.List[str]:
    return list(dict.fromkeys((*earlier.objects.get(key, {}), *own)))


def _union(one: t.Any, other: t.Any) -> t.Any:
    if one is None or other is None:
        return one or other
    return {**one, 'data': _joined(one['data'], other['data'])} if isinstance(one['data'], list) else one


def _joined(one: t.List[t.Any], other: t.List[t.Any]) -> t.List[t.Any]:
    return [*one, *(item for item in other if item not in one)]


def lost_settings(before: Runtime, now: Runtime) -> t.Iterator[t.Tuple[ObjectKey, Settings]]:
    """The settings to write to each zone and policy so that NOW becomes BEFORE."""
    assigned = {name for settings in now.objects.values() for name in _interfaces(settings)}
    for key, former in before.objects.items():
        if key in now.objects:
            # an interface that is in a zone now was put there by another program (NetworkManager)
            returning = [name for name in _interfaces(former) if name not in assigned]
            lost = _lost(former, now.objects[key], returning)
            if lost:
                yield key, lost


def _lost(before: Settings, now: Settings, returning: t.List[str]) -> Settings:
    lost: Settings = {}
    for key in _CHANGEABLE:
        variant = before.get(key) or now.get(key)  # firewalld omits empty ones
        if key == 'interfaces':
            if returning:
                lost[key] = {'type': 'as', 'data': [*_interfaces(now), *returning]}
        elif variant and _content(before, key) != _content(now, key):
            empty = {'type': variant['type'], 'data': False if variant['type'] == 'b' else []}
            lost[key] = before.get(key, empty)
    return lost


def _content(settings: Settings, key: str) -> t.Any:
    """A setting for a comparison: firewalld lists what it contains in any order, and omits what is empty."""
    data = settings.get(key, {}).get('data')
    return sorted(map(str, data)) if isinstance(data, list) else data or []


def _interfaces(settings: Settings) -> t.List[str]:
    """The interfaces of a zone; policies have none."""
    return list(settings.get('interfaces', {}).get('data', []))


def lost_elements(before: Runtime, now: Elements) -> t.Iterator[t.Tuple[str, t.List[t.Any]]]:
    """Name of a set -> the elements that are missing in the kernel NOW, with what is left of their time."""
    elapsed = int(time.monotonic() - before.time)
    for name, elements in before.elements.items():
        if name in now:
            present = {json.dumps(_value(element), sort_keys=True) for element in now[name]}
            missing = [item for item in elements if json.dumps(_value(item), sort_keys=True) not in present]
            lasting = [_after(item, elapsed) for item in missing]
            if any(lasting):
                yield name, [item for item in lasting if item]


def _value(element: t.Any) -> t.Any:
    """An element without its times."""
    return element['elem']['val'] if isinstance(element, dict) and 'elem' in element else element


def _after(element: t.Any, seconds: int) -> t.Any:
    """ELEMENT when SECONDS have passed, None if its time is over."""
    if not isinstance(element, dict) or 'expires' not in element.get('elem', {}):
        return element
    rest = element['elem']['expires'] - seconds
    return {'elem': {**element['elem'], 'expires': rest}} if rest > 0 else None


def lost(before: Runtime, now: Runtime) -> t.Iterator[str]:
    """What BEFORE contains and NOW does not, in words; without the rules of iptables, which others change often."""
    for (kind, name), settings in lost_settings(before, now):
        yield f'{kind} {name}: {", ".join(settings)}'
    for name, entries in before.sets.items():
        if name in now.sets and sorted(now.sets[name]) != sorted(entries):
            yield f'entries of the set {name}'
    for name, _missing in lost_elements(before, now.elements):
        yield f'elements of the set {name} in the kernel'
    for method, items in before.direct.items():
        if any(item not in now.direct[method] for item in items):
            yield 'direct rules'
