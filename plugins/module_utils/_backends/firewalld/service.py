# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service firewalld: its version and state, and what portmatrix has switched on."""

from __future__ import annotations

import contextlib
import re
import time
import typing as t

from ..._base import memory, systemd
from ..._base.commands import exists, run
from ..._base.errors import BackendError
from . import bus
from .flushed_tables import preserving_iptables

UNIT = 'firewalld'
# Since this version, the rules of iptables survive a start, stop or reload.
PRESERVES_IPTABLES = (2, 0, 0)
START_SECONDS = 30
_OPPOSITES = {'start': 'stop', 'enable': 'disable'}


class Service(t.NamedTuple):
    """`enablement` is systemd's word ("enabled", "masked" ...); `switched_on` what portmatrix started or enabled
    ("start", "enable")."""

    version: t.Tuple[int, ...]
    active: bool
    enablement: str
    switched_on: t.Tuple[str, ...]

    @property
    def preserves_iptables(self) -> bool:
        return self.version >= PRESERVES_IPTABLES

    @property
    def starts_at_boot(self) -> bool:
        return self.enablement.startswith('enabled')

    def text(self) -> str:
        at_boot = 'starts at boot' if self.starts_at_boot else 'does not start at boot'
        return f'firewalld: {"running" if self.active else "stopped"}, {at_boot}'


class Switch(t.NamedTuple):
    """The systemctl `steps` of a change, and what is then `switched_on` by portmatrix."""

    steps: t.Tuple[str, ...]
    switched_on: t.Tuple[str, ...]


def is_installed() -> bool:
    return exists('firewall-offline-cmd')


def is_active() -> bool:
    """Whether firewalld runs now, or will after the next boot."""
    return is_installed() and (systemd.is_active(UNIT) or systemd.is_enabled(UNIT))


def observe() -> Service:
    """The service as it is. Raises BackendError if firewalld is not installed."""
    if not is_installed():
        raise BackendError(
            'firewalld is not installed on this host; install the package firewalld, or set portmatrix_backend to the '
            'firewall that is installed'
        )
    active = systemd.is_active(UNIT)
    if active:
        _wait_for(bus.answers)
    version = parse_version(bus.get_property('version')) if active else _installed_version()
    switched_on = memory.load(UNIT).get('switched_on', [])
    return Service(version, active, systemd.enablement(UNIT), tuple(switched_on))


def parse_version(text: str) -> t.Tuple[int, ...]:
    """ "2.3.1" or "1.3.3~rc1" as numbers."""
    match = re.match(r'\d+(\.\d+)*', text.strip())
    if not match:
        raise BackendError(
            f'firewalld reports an invalid version {text.strip()!r}; check that the package is installed completely'
        )
    return tuple(map(int, match.group().split('.')))


def switch_on(service: Service) -> Switch:
    """What makes the service run and start at boot."""
    enable = () if service.starts_at_boot else ('enable',)
    start = () if service.active else ('start',)
    return Switch((*enable, *start), tuple(dict.fromkeys((*service.switched_on, *enable, *start))))


def switch_off(service: Service) -> Switch:
    """What undoes the steps of `switch_on`, as far as they are still in effect."""
    in_effect = {'start': service.active, 'enable': service.starts_at_boot}
    return Switch(tuple(_OPPOSITES[step] for step in service.switched_on if in_effect[step]), ())


def execute(steps: t.Iterable[str]) -> None:
    """Carry out systemctl STEPS ("enable", "start", "stop", "disable")."""
    for step in steps:
        flushes = step in ('start', 'stop') and _installed_version() < PRESERVES_IPTABLES
        with preserving_iptables() if flushes else contextlib.nullcontext():
            systemd.execute(step, UNIT)
            if step == 'start':
                _wait_for(bus.is_running)
            elif step == 'stop':
                _remove_leftover_rules()


def restore(active: bool, enablement: str, boot: bool) -> None:
    """Return the service to its former state; at BOOT, systemd starts it if it is enabled."""
    systemd.restore_enablement(UNIT, enablement)
    if not boot and systemd.is_active(UNIT) != active:
        execute(['start' if active else 'stop'])


def save_switched_on(steps: t.Iterable[str]) -> None:
    """Store what `switch_off` has to undo; the file exists only if there is anything."""
    switched_on = list(steps)
    memory.save(UNIT, {'switched_on': switched_on} if switched_on else {})


def _installed_version() -> t.Tuple[int, ...]:
    return parse_version(run(['firewall-offline-cmd', '--version']).stdout)


def _remove_leftover_rules() -> None:
    """With CleanupOnExit=no, the rules of a firewalld that has stopped stay in force. Raises BackendError if they still
    do."""
    listing = ['nft', 'list', 'table', 'inet', UNIT]
    if run(listing, check=False).returncode == 0:
        run(['nft', 'delete', 'table', 'inet', UNIT], check=False)
        if run(listing, check=False).returncode == 0:
            raise BackendError('firewalld has stopped, but its rules are still in force: nft list table inet firewalld')


def _wait_for(condition: t.Callable[[], bool]) -> None:
    """For systemd, firewalld has started before it answers and has loaded its rules; wait at most START_SECONDS."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(BackendError):
            if condition():
                return
        time.sleep(0.1)
