# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ufw as a service of the host: whether it is installed, switched on and starts at boot."""

from __future__ import annotations

import os
import re
import typing as t

from ..._base import files, systemd
from ..._base.commands import exists, run
from ..._base.errors import BackendError, Refused
from . import administrator_files, kernel, settings, trial, user_rules
from .former import Former
from .ruleset import Ruleset
from .settings import Settings

UNIT = 'ufw'
# every file that ufw reads
PATHS = (
    settings.DEFAULTS,
    settings.CONF,
    *user_rules.PATHS.values(),
    *administrator_files.BEFORE.values(),
    *administrator_files.AFTER.values(),
)
# The first version with tuples for "proto gre" and routes; comments, on which ownership rests, are older.
MINIMUM_VERSION = (0, 36)
PROGRAM = '/usr/sbin/ufw'
_OPPOSITES = {'enable': 'disable', 'disable': 'enable'}
_FORWARDING = ('/proc/sys/net/ipv4/ip_forward', '/proc/sys/net/ipv6/conf/all/forwarding')
_IPV6 = '/proc/sys/net/ipv6'
_SCRIPTS = ('/etc/ufw/before.init', '/etc/ufw/after.init')


class Service(t.NamedTuple):
    """`version` as text; `enablement`: systemd's word for the unit, "" without systemd; `forwards`: whether the kernel
    forwards packets."""

    version: str
    enablement: str
    settings: Settings
    forwards: bool = False

    @property
    def starts_at_boot(self) -> bool:
        return self.enablement in ('enabled', '')


class Switch(t.NamedTuple):
    """The systemctl `steps` of a change, and those that a release has to `undo`."""

    steps: t.Tuple[str, ...]
    undo: t.Tuple[str, ...]


def is_installed() -> bool:
    return exists('ufw')


def is_active() -> bool:
    """Whether ufw is switched on. It has no daemon: its rules are in the kernel, and are loaded again at every boot."""
    return is_installed() and settings.is_enabled(files.read(settings.CONF) or '')


def observe() -> Service:
    """The service as it is. Raises BackendError if ufw is not installed."""
    if not is_installed():
        raise BackendError(
            'ufw is not installed on this host; install the package ufw, or set portmatrix_backend to the firewall '
            'that is installed'
        )
    texts = {path: files.read(path) or '' for path in (settings.DEFAULTS, settings.CONF)}
    forwards = any((files.read(path) or '').strip() == '1' for path in _FORWARDING)
    return Service(_version(), systemd.enablement(UNIT), settings.parse(texts), forwards)


def _version() -> str:
    match = re.search(r'(?m)^version = [\'"]([\d.]+)', files.read(PROGRAM) or '')
    return match.group(1) if match else run([PROGRAM, 'version']).stdout.split('\n')[0].replace('ufw', '').strip()


def read_files() -> t.Dict[str, str]:
    """Path -> text of ufw's files. Raises BackendError if one is missing."""
    texts = {path: files.read(path) for path in PATHS}
    missing = [path for path, text in texts.items() if text is None]
    if missing:
        raise BackendError(f'{", ".join(missing)}: missing, so ufw is incomplete; install its package again')
    return {path: text or '' for path, text in texts.items()}


def families(parsed: Settings) -> t.Tuple[str, ...]:
    """The families that ufw manages on this host."""
    return ('ipv4', 'ipv6') if parsed.ipv6 and os.path.exists(_IPV6) else ('ipv4',)


def require_usable(service: Service, managed_families: t.Iterable[str], ruleset: Ruleset) -> None:
    """Raise Refused if this ufw cannot or must not be used for RULESET."""
    if tuple(map(int, service.version.split('.')[:2])) < MINIMUM_VERSION:
        minimum = '.'.join(map(str, MINIMUM_VERSION))
        raise Refused(f'ufw: version must be at least {minimum}, got {service.version}; upgrade the package')
    if service.enablement.startswith('masked'):
        raise Refused(
            'the service ufw is masked on this host, so it would not start at boot; unmask it: systemctl unmask ufw'
        )
    kernel.require_one_variant()
    scripts = [path for path in _SCRIPTS if os.access(path, os.X_OK)]
    if scripts:
        raise Refused(
            f'{" and ".join(scripts)}: scripts that add rules are not supported; move their rules to before.rules or '
            f'after.rules, then: chmod -x {" ".join(scripts)}'
        )
    if 'ipv6' not in managed_families and os.path.exists(_IPV6):
        _require_no_ipv6(service, ruleset)


def _require_no_ipv6(service: Service, ruleset: Ruleset) -> None:
    """Raise Refused if IPv6, which a ufw that does not manage it denies as a whole, is needed or would be cut off."""
    if not ruleset.needs_ipv6 and service.settings.enabled:
        return
    reason = f'needed by {", ".join(ruleset.needs_ipv6[:3])}' if ruleset.needs_ipv6 else 'open now, as ufw is off'
    raise Refused(
        f'{settings.DEFAULTS}: IPV6: must be yes; ufw does not manage IPv6 on this host and denies all of it, but it '
        f'is {reason}'
    )


def warnings(service: Service, starting: bool) -> t.Tuple[str, ...]:
    """What STARTING ufw denies in addition to what the policy does."""
    if not (starting and service.forwards and service.settings.policies['forward'] != 'ACCEPT'):
        return ()
    return (
        'this host forwards traffic, and ufw denies that once it is started (DEFAULT_FORWARD_POLICY in '
        f'{settings.DEFAULTS}); set it to ACCEPT there, or allow what is intended with ufw route',
    )


def switch(service: Service, former: Former, on: bool) -> Switch:
    """What makes the unit start at boot (ON), or undoes that."""
    if on:
        steps = ('enable',) if service.enablement == 'disabled' else ()
        # if it was disabled after the first application, it was not disabled before it
        return Switch(steps, former.steps if former.originals else steps)
    return Switch(tuple(_OPPOSITES[step] for step in former.steps if service.enablement == 'enabled'), ())


def execute(steps: t.Iterable[str]) -> None:
    """Carry out systemctl STEPS ("enable", "disable")."""
    for step in steps:
        systemd.execute(step, UNIT)


def can_limit(family: str, texts: t.Dict[str, str]) -> bool:
    """Whether rates can be limited: as ufw detected it earlier, otherwise as the kernel says."""
    path = user_rules.PATHS[family]
    detected = user_rules.parse(path, texts[path]).limits
    return trial.can_limit(family) if detected is None else detected
