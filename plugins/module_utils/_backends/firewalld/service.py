# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service firewalld: what it is, whether it runs, and what we switched on."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
import typing as t

from ..._base import files
from ..._base.commands import exists, run
from ..._base.errors import BackendError, Refused
from . import bus, iptables

# Rich rules of policies may name an address set as destination from here on.
MINIMUM = (1, 0, 0)
KEEPS_IPTABLES = (2, 0, 0)
START_SECONDS = 30
MEMORY = '/var/lib/portmatrix/firewalld.json'


class Service(t.NamedTuple):
    """`enabled` is systemd's word for it; `switched_on` what we started or enabled on this host ("start", "enable")."""

    version: t.Tuple[int, ...]
    active: bool
    enabled: str
    switched_on: t.Tuple[str, ...]

    def text(self) -> str:
        at_boot = 'starts with the host' if self.enabled.startswith('enabled') else 'does not start with the host'
        return f"firewalld: {'running' if self.active else 'stopped'}, {at_boot}"


def installed() -> bool:
    return exists('firewall-offline-cmd')


def active() -> bool:
    """Whether firewalld runs, or will with the next start of the host."""
    return installed() and any(
        run(['systemctl', verb, '--quiet', 'firewalld'], check=False).returncode == 0
        for verb in ('is-active', 'is-enabled')
    )


def observe() -> Service:
    """The service as it is. Raises BackendError where firewalld is not installed."""
    if not installed():
        raise BackendError(
            'firewalld is not installed on this host; install it (package firewalld), or set portmatrix_backend to the firewall that is'
        )
    active = run(['systemctl', 'is-active', '--quiet', 'firewalld'], check=False).returncode == 0
    version = parse_version(bus.get('version')) if active else _installed_version()
    enabled = run(['systemctl', 'is-enabled', 'firewalld'], check=False).stdout.strip()
    return Service(version, active, enabled, tuple(json.loads(files.read(MEMORY) or '{}').get('switched_on', [])))


def _installed_version() -> t.Tuple[int, ...]:
    return parse_version(run(['firewall-offline-cmd', '--version']).stdout)


def parse_version(text: str) -> t.Tuple[int, ...]:
    """ "2.3.1" or "1.3.3~rc1" as numbers."""
    match = re.match(r'\d+(\.\d+)*', text.strip())
    if not match:
        raise BackendError(f'firewalld gives its version as {text.strip()!r}, which is none; is the package whole?')
    return tuple(map(int, match.group().split('.')))


def require_usable(service: Service) -> None:
    """Raise Refused where we cannot or must not work with this firewalld."""
    if service.version < MINIMUM:
        raise Refused(
            f"firewalld {'.'.join(map(str, service.version))} is too old: portmatrix.firewall needs {'.'.join(map(str, MINIMUM))} or later; "
            'upgrade the package or the distribution'
        )
    if service.enabled.startswith('masked'):
        raise Refused('the service firewalld is masked on this host; allow it with: systemctl unmask firewalld')
    if re.search(r'(?m)^\s*FirewallBackend\s*=\s*iptables', files.read('/etc/firewalld/firewalld.conf') or ''):
        raise Refused(
            'firewalld works with iptables on this host; portmatrix.firewall needs FirewallBackend=nftables in /etc/firewalld/firewalld.conf'
        )
    if re.search(r'(?m)^\s*ENABLED\s*=\s*yes', files.read('/etc/ufw/ufw.conf') or ''):
        raise Refused(
            'ufw is active on this host, and a packet would need both firewalls; stop one: ufw disable, or systemctl disable --now firewalld'
        )


def switch_on(observed: Service) -> t.Tuple[t.Tuple[str, ...], t.Tuple[str, ...]]:
    """(systemctl steps to a running and enabled service, what is then ours to switch off again)."""
    steps = (*(() if observed.enabled.startswith('enabled') else ('enable',)), *(() if observed.active else ('start',)))
    return steps, tuple(dict.fromkeys((*observed.switched_on, *steps)))


def switch_off(observed: Service) -> t.Tuple[t.Tuple[str, ...], t.Tuple[str, ...]]:
    """(systemctl steps that undo what we switched on, nothing)."""
    opposite = {'start': ('stop', observed.active), 'enable': ('disable', observed.enabled.startswith('enabled'))}
    return tuple(opposite[step][0] for step in observed.switched_on if opposite[step][1]), ()


def take(steps: t.Iterable[str]) -> None:
    """Carry out systemctl STEPS ("enable", "start", "stop", "disable")."""
    for step in steps:
        flushes = step in ('start', 'stop') and _installed_version() < KEEPS_IPTABLES
        with iptables.kept() if flushes else contextlib.nullcontext():
            run(['systemctl', step, 'firewalld'], timeout=120)
            if flushes and step == 'start':
                _wait_until_running()


def _wait_until_running() -> None:
    """systemd takes firewalld for started before it has done its work."""
    deadline = time.monotonic() + START_SECONDS
    while bus.get('state') != 'RUNNING' and time.monotonic() < deadline:
        time.sleep(0.1)


def start_later() -> None:
    """Start the service in a start of the host that is under way, and does not know of it yet."""
    run(['systemctl', '--no-block', 'start', 'firewalld'])


def bring(active: bool, enabled: str, boot: bool = False) -> None:
    """Give the service its former state back."""
    now = observe()
    if enabled in ('enabled', 'disabled') and now.enabled != enabled:
        take([enabled[:-1]])
    if now.active != active and not boot:
        take(['start' if active else 'stop'])


def remember(steps: t.Iterable[str]) -> None:
    """Store what is ours to switch off again; nothing is stored for nothing."""
    kept = list(steps)
    if kept:
        text = json.dumps({'switched_on': kept}) + '\n'
        if files.read(MEMORY) != text:
            files.write(MEMORY, text, 0o600)
    else:
        files.remove(MEMORY)
        files.remove_folder(os.path.dirname(MEMORY))
