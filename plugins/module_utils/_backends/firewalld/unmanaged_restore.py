# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore what a reload has dropped of what other programs have only in the running firewall: only what is missing,
with as few calls as possible. Safe to repeat."""

from __future__ import annotations

import json
import typing as t

from ..._base.commands import fits_arguments, run
from ..._base.errors import BackendError
from ..._kernel import native_tables
from . import bus, unmanaged_runtime
from .unmanaged_runtime import Runtime

_WRITERS = {'zone': 'setZoneSettings2', 'policy': 'setPolicySettings'}
# method that lists direct rules -> (method that adds one, its signature)
_DIRECT = {
    'getAllChains': ('addChain', 'sss'),
    'getAllRules': ('addRule', 'sssias'),
    'getAllPassthroughs': ('addPassthrough', 'sas'),
}
# A call for one entry takes 0.1 s and denies nothing meanwhile; one for a whole set is quicker, but first empties it.
_MAX_SINGLE_ENTRIES = 50


def restore(before: Runtime, version_preserves_iptables: bool) -> None:
    """Add what BEFORE contains and the running firewall no longer has. Raises BackendError if something is still
    missing then."""
    _restore(before, unmanaged_runtime.capture(version_preserves_iptables))
    missing = list(unmanaged_runtime.lost(before, unmanaged_runtime.capture(version_preserves_iptables)))
    if missing:
        raise BackendError(
            'a reload of firewalld dropped what other programs had only in the running firewall, and it cannot be '
            f'restored: {"; ".join(missing)}'
        )


def _restore(before: Runtime, now: Runtime) -> None:
    for (interface, name), settings in unmanaged_runtime.lost_settings(before, now):
        bus.set_dictionary(interface, _WRITERS[interface], name, settings)
    for name, entries in before.sets.items():
        if name in now.sets:
            _restore_entries(name, entries, now.sets[name])
    _restore_elements(before)
    for method, (add, signature) in _DIRECT.items():
        for item in before.direct[method]:
            if item not in now.direct[method]:
                bus.call('direct', add, signature, *bus.arguments(f'({signature})', item))
    for command, text in before.tables.items():
        if text == now.tables.get(command) or not text:
            continue
        if command == unmanaged_runtime.NATIVE:
            native_tables.load(text, native_tables.names_in(text))
        else:
            run([f'{command}-restore'], text=text)


def _restore_entries(name: str, before: t.List[str], now: t.List[str]) -> None:
    former, current = set(before), set(now)
    surplus, missing = [item for item in now if item not in former], [item for item in before if item not in current]
    if len(surplus) + len(missing) > _MAX_SINGLE_ENTRIES and fits_arguments(before):
        bus.call('ipset', 'setEntries', 'sas', name, *bus.arguments('as', before), timeout=bus.SLOW_SECONDS)
        return
    for method, entries in (('removeEntry', surplus), ('addEntry', missing)):
        for entry in entries:
            bus.call('ipset', method, 'ss', name, entry)


def _restore_elements(before: Runtime) -> None:
    """What other programs added to kernel sets without firewalld, with the rest of its time."""
    names = [name for name, elements in before.elements.items() if elements]
    commands = [
        {'add': {'element': {'family': 'inet', 'table': 'firewalld', 'name': name, 'elem': elements}}}
        for name, elements in unmanaged_runtime.lost_elements(before, unmanaged_runtime.capture_elements(names))
    ]
    if commands:
        run(['nft', '-j', '-f', '-'], text=json.dumps({'nftables': commands}))
