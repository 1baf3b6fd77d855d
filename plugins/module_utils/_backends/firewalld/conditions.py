# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this firewalld can be used, started and changed; each problem with its fix."""

from __future__ import annotations

import re
import typing as t

from ..._base import files, systemd
from ..._base.errors import Refused
from ..._kernel import native_tables
from . import bus, unmanaged_runtime
from .service import UNIT, Service

# Since this version, rich rules of policies can have an address set as their destination.
MINIMUM_VERSION = (1, 0, 0)


def require_usable(service: Service) -> None:
    """Raise Refused if this firewalld cannot or must not be used."""
    if service.version < MINIMUM_VERSION:
        version, minimum = ('.'.join(map(str, numbers)) for numbers in (service.version, MINIMUM_VERSION))
        raise Refused(
            f'firewalld: version must be at least {minimum}, got {version}; upgrade the package or the distribution'
        )
    if service.enablement.startswith('masked'):
        raise Refused('the service firewalld is masked on this host; unmask it: systemctl unmask firewalld')
    if _is_set('FirewallBackend', 'iptables'):
        raise Refused(
            '/etc/firewalld/firewalld.conf: FirewallBackend: must be nftables, got iptables; change it and restart '
            'firewalld'
        )


def require_startable() -> None:
    """Raise Refused if a start of firewalld would stop another service that is active, and so remove its rules."""
    stopped = systemd.active_conflicts(UNIT)
    if stopped:
        units = ', '.join(stopped)
        raise Refused(
            f'starting firewalld would stop {units} and remove its rules, since systemd lets only one of them run; '
            f'if firewalld is to take its place: systemctl disable --now {" ".join(stopped)}'
        )


def require_restorable(service: Service) -> None:
    """Raise Refused if loading the files would flush tables of others that cannot be restored."""
    keeps = service.preserves_iptables
    if not (unmanaged_runtime.preserves_iptables(keeps) if service.active else keeps):
        native_tables.require_restorable()


def is_in_panic() -> bool:
    """Whether firewalld drops everything: it then refuses all changes at run time."""
    return bool(bus.call('', 'queryPanicMode'))


def require_changeable(service: Service) -> None:
    """Raise Refused if firewalld lets nobody change the running firewall, or not root."""
    if not service.active:
        return
    if is_in_panic():
        raise Refused(
            'firewalld is in panic mode: nothing passes, and nothing can be changed; end it: firewall-cmd --panic-off'
        )
    if bus.call('policies', 'queryLockdown') and not any(
        bus.call('policies', f'queryLockdownWhitelist{kind}', signature, value)
        for kind, signature, value in (('Uid', 'i', '0'), ('User', 's', 'root'))
    ):
        raise Refused(
            'the lockdown of firewalld does not let root change the running firewall; add <user id="0"/> to '
            '/etc/firewalld/lockdown-whitelist.xml, then: firewall-cmd --reload'
        )


def warnings() -> t.Tuple[str, ...]:
    """What in firewalld.conf weakens what a change promises."""
    if not _is_set('IndividualCalls', 'yes|true'):
        return ()
    return (
        '/etc/firewalld/firewalld.conf: IndividualCalls is set, so firewalld changes one rule after the other, and '
        'allowed connections may be lost for a moment; set it to no and restart firewalld',
    )


def _is_set(name: str, pattern: str) -> bool:
    text = files.read('/etc/firewalld/firewalld.conf') or ''
    return re.search(rf'(?mi)^\s*{name}\s*=\s*({pattern})\s*$', text) is not None
