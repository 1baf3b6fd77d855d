# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ufw as a service of the host: whether it is there, runs and starts with the host, and what we switched on."""

from __future__ import annotations

import json
import os
import re
import typing as t

from ..._base import files
from ..._base.commands import exists, run
from ..._base.errors import BackendError, Refused
from ..._model import policy as policies, traffic
from . import before_rules, kernel, settings, user_rules
from .edits import Memory
from .settings import Settings

# everything that ufw reads
PATHS = (
    settings.DEFAULTS,
    settings.CONF,
    *user_rules.PATHS.values(),
    *before_rules.BEFORE.values(),
    *before_rules.AFTER.values(),
)
# Comments, on which ownership rests, are older; the format of tuples with "proto gre" and routes is that of this version.
MINIMUM = (0, 36)
PROGRAM = '/usr/sbin/ufw'
MEMORY = '/var/lib/portmatrix/ufw.json'
OPPOSITE = {'enable': 'disable', 'disable': 'enable'}
_STATES = ('enabled', 'disabled')
_FORWARDS = ('/proc/sys/net/ipv4/ip_forward', '/proc/sys/net/ipv6/conf/all/forwarding')


class Service(t.NamedTuple):
    """`version` is text; `enabled` systemd's word for the unit ufw.service ("" without systemd); `forwards`: the kernel passes on what is for others."""

    version: str
    enabled: str
    settings: Settings
    forwards: bool = False

    @property
    def at_boot(self) -> bool:
        return self.enabled in ('enabled', '')


def installed() -> bool:
    return exists('ufw')


def active() -> bool:
    """Whether ufw is switched on. It has no daemon: its rules are in the kernel, and at every start of the host again."""
    return installed() and bool(re.search(r'(?mi)^ENABLED=["\']?yes', files.read(settings.CONF) or ''))


def present() -> bool:
    """Whether anything of ours is in ufw's files."""
    return os.path.exists(MEMORY) or any(
        before_rules.BEGIN in (files.read(path) or '') for path in before_rules.BEFORE.values()
    )


def observe() -> Service:
    """The service as it is. Raises BackendError where ufw is not installed."""
    if not installed():
        raise BackendError(
            'ufw is not installed on this host; install it (package ufw), or set portmatrix_backend to the firewall that is'
        )
    found = re.search(r'(?m)^version = [\'"]([\d.]+)', files.read(PROGRAM) or '')
    version = found.group(1) if found else run([PROGRAM, 'version']).stdout.split('\n')[0].replace('ufw', '').strip()
    enabled = run(['systemctl', 'is-enabled', 'ufw'], check=False).stdout.strip() if exists('systemctl') else ''
    texts = {path: files.read(path) or '' for path in (settings.DEFAULTS, settings.CONF)}
    forwards = any((files.read(path) or '').strip() == '1' for path in _FORWARDS)
    return Service(version, enabled, settings.parse(texts), forwards)


def warnings(service: Service, starting: bool) -> t.Tuple[str, ...]:
    """What STARTING ufw does beside the policy."""
    if not (starting and service.forwards and service.settings.policies['forward'] != 'ACCEPT'):
        return ()
    return (
        f'this host forwards traffic of others, and ufw denies that once it is started (DEFAULT_FORWARD_POLICY in {settings.DEFAULTS}); '
        'set it to ACCEPT there, or allow what is meant with ufw route',
    )


def read() -> t.Dict[str, str]:
    """Path -> text of ufw's files. Raises BackendError where one is missing."""
    texts = {path: files.read(path) for path in PATHS}
    missing = [path for path, text in texts.items() if text is None]
    if missing:
        raise BackendError(
            f'{", ".join(missing)}: missing, so ufw is not whole on this host; install its package again'
        )
    return {path: text or '' for path, text in texts.items()}


def families(settings: Settings) -> t.Tuple[str, ...]:
    """The families that ufw manages on this host."""
    return ('ipv4', 'ipv6') if settings.ipv6 and os.path.exists('/proc/sys/net/ipv6') else ('ipv4',)


def require_usable(service: Service, managed: t.Tuple[str, ...], policy: policies.Policy) -> None:
    """Raise Refused where we cannot or must not work with this ufw."""
    if tuple(map(int, service.version.split('.')[:2])) < MINIMUM:
        raise Refused(
            f"ufw {service.version} is too old: portmatrix.firewall needs {'.'.join(map(str, MINIMUM))} or later; upgrade the package"
        )
    if service.enabled.startswith('masked'):
        raise Refused(
            'the service ufw is masked on this host, so it would not start with it; allow it with: systemctl unmask ufw'
        )
    if (
        exists('firewalld')
        and exists('systemctl')
        and run(['systemctl', 'is-active', '--quiet', 'firewalld'], check=False).returncode == 0
    ):
        raise Refused(
            'firewalld is active on this host, and a packet would need both firewalls; stop one: systemctl disable --now firewalld, or ufw disable'
        )
    kernel.require_one_variant()
    scripts = [path for path in ('/etc/ufw/before.init', '/etc/ufw/after.init') if os.access(path, os.X_OK)]
    if scripts:
        raise Refused(
            f'{" and ".join(scripts)}: scripts that put rules beside those of the files are not supported; put their rules into before.rules or after.rules, '
            f'then: chmod -x {" ".join(scripts)}'
        )
    if 'ipv6' not in managed and os.path.exists('/proc/sys/net/ipv6'):
        _require_no_ipv6(service, policy)


def _require_no_ipv6(service: Service, policy: policies.Policy) -> None:
    """Raise Refused where ufw does not manage IPv6, which denies all of it, and something here needs it, or ufw is still to be started."""
    named = sorted(
        {
            flow
            for rule in policy.rules
            for peer in rule.peers or ()
            if traffic.family(peer) == 'ipv6'
            for flow in rule.flows
        }
    )
    named += [
        f'management from {source}' for source in policy.management_sources or () if traffic.family(source) == 'ipv6'
    ]
    if named or not service.settings.enabled:
        needed = f'{", ".join(named[:3])} need it' if named else 'ufw is to be started'
        raise Refused(
            f'ufw does not manage IPv6 on this host, which denies all of it, but {needed}; set IPV6=yes in {settings.DEFAULTS}'
        )


def switch(service: Service, memory: Memory, on: bool) -> t.Tuple[t.Tuple[str, ...], t.Tuple[str, ...]]:
    """(systemctl steps, what is then ours to undo)."""
    if on:
        steps = ('enable',) if service.enabled == 'disabled' else ()
        # what was switched off after our first application is mended, and was not off before us
        return steps, memory.steps if memory.originals else steps
    return tuple(OPPOSITE[step] for step in memory.steps if service.enabled == 'enabled'), ()


def take(steps: t.Iterable[str]) -> None:
    for step in steps:
        run(['systemctl', '--quiet', step, 'ufw'], timeout=120)


def start_later() -> None:
    """Start the unit in a start of the host that is under way, and does not know of it yet."""
    run(['systemctl', '--no-block', 'start', 'ufw'])


def bring(enabled: str) -> None:
    """Give the unit its former state back, where that was "enabled" or "disabled"."""
    if enabled in _STATES and run(['systemctl', 'is-enabled', 'ufw'], check=False).stdout.strip() != enabled:
        take([enabled[:-1]])


def recall() -> Memory:
    """What was here before us."""
    return Memory.of(json.loads(files.read(MEMORY) or '{}'))


def remember(memory: Memory) -> None:
    """Store MEMORY unless it is known already; an empty one goes."""
    if memory == Memory():
        files.remove(MEMORY)
        files.remove_folder(os.path.dirname(MEMORY))
    elif memory != recall():
        files.write(MEMORY, json.dumps(memory._asdict()) + '\n', 0o600)


def limits(family: str, texts: t.Dict[str, str]) -> bool:
    """Whether ufw limits rates in FAMILY: what it found out before, else what the kernel can."""
    path = user_rules.PATHS[family]
    known = user_rules.parse(path, texts[path]).limits
    return kernel.can_limit(family) if known is None else known
