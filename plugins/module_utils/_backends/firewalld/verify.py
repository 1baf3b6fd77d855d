# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the kernel enforces what is wanted."""

from __future__ import annotations

import time
import typing as t

from ..._base.errors import BackendError
from . import bus, kernel
from .documents import Documents, runtime_rules

VERIFY_SECONDS = 20


def deviation(wanted: Documents, running: kernel.Kernel) -> t.Optional[str]:
    """How the kernel deviates from WANTED, or None."""
    if wanted.policies and running.faults:
        return running.faults[0]
    if running.rules != runtime_rules(wanted, running.sets) or len(running.directions) != len(wanted.policies):
        return 'the kernel does not hold the rules that are wanted'
    return None


def wait_for(wanted: Documents) -> None:
    """Wait until the kernel enforces WANTED: sets may fill a while after the reload (firewalld 2.3.2 and later)."""
    deadline = time.monotonic() + VERIFY_SECONDS
    while True:
        state = bus.get('state')
        found = deviation(wanted, kernel.read()) if state == 'RUNNING' else f'firewalld is in state {state}'
        if not found:
            return
        if time.monotonic() > deadline:
            raise BackendError(f'{found}, {VERIFY_SECONDS} s after the change')
        time.sleep(0.1)
