# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of systemd: their state, and changes to it."""

from __future__ import annotations

import os
import typing as t

from .commands import exists, run

_START_SECONDS = 120


def is_running() -> bool:
    """Return whether this host was booted with systemd."""
    return os.path.isdir('/run/systemd/system') and exists('systemd-run')


def is_active(unit: str) -> bool:
    return _query('is-active', unit)


def is_enabled(unit: str) -> bool:
    return _query('is-enabled', unit)


def enablement(unit: str) -> str:
    """The state that `systemctl is-enabled` prints ("enabled", "disabled", "masked", ...); "" without systemctl."""
    return run(['systemctl', 'is-enabled', unit], check=False).stdout.strip() if exists('systemctl') else ''


def active_conflicts(unit: str) -> t.List[str]:
    """The active units that systemd stops when UNIT starts."""
    named = _properties('Conflicts', unit)[:1]
    units = [name for text in named for name in text.split()]
    states = _properties('ActiveState', *units) if units else []
    return sorted(name for name, state in zip(units, states) if state in ('active', 'activating', 'reloading'))


def _properties(name: str, *units: str) -> t.List[str]:
    """The property NAME of each of UNITS."""
    if not exists('systemctl'):
        return []
    output = run(['systemctl', 'show', f'--property={name}', '--value', *units], check=False).stdout
    return [text.strip() for text in output.split('\n\n')]


def execute(verb: str, unit: str) -> None:
    """Run `systemctl VERB UNIT` (enable, disable, start, stop). Raises BackendError if it fails."""
    run(['systemctl', '--quiet', verb, unit], timeout=_START_SECONDS)


def restore_enablement(unit: str, former: str) -> None:
    """Enable or disable UNIT as it was; a FORMER state that is neither ("masked", "static") is left alone."""
    verbs = {'enabled': 'enable', 'disabled': 'disable'}
    if former in verbs and enablement(unit) != former:
        execute(verbs[former], unit)


def start_during_boot(unit: str) -> None:
    """Queue the start of a unit that was enabled after the boot now under way had planned its jobs."""
    run(['systemctl', '--no-block', 'start', unit])


def _query(verb: str, unit: str) -> bool:
    return exists('systemctl') and run(['systemctl', verb, '--quiet', unit], check=False).returncode == 0
