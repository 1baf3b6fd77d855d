# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the kernel enforces what is wanted."""

from __future__ import annotations

import time
import typing as t

from ..._base.errors import BackendError
from . import bus, kernel
from .documents import Documents, kernel_rules

VERIFY_SECONDS = 20


def deviation(wanted: Documents, running: kernel.Kernel) -> t.Optional[str]:
    """How the kernel deviates from WANTED, or None."""
    if wanted.policies and running.faults:
        return running.faults[0]
    has_all_policies = len(running.directions) == len(wanted.policies)
    if running.rules != kernel_rules(wanted, running.sets) or not has_all_policies:
        return 'the rules in the kernel differ from the policy'
    return None


def wait_until_enforced(wanted: Documents) -> None:
    """Wait until the kernel enforces WANTED: sets may be filled a while after the reload (firewalld 2.3.2 and later).

    Raises BackendError if it does not within VERIFY_SECONDS.
    """
    deadline = time.monotonic() + VERIFY_SECONDS
    while True:
        problem = deviation(wanted, kernel.read()) if bus.is_running() else 'firewalld is not in state RUNNING'
        if not problem:
            return
        if time.monotonic() > deadline:
            raise BackendError(f'{problem}, {VERIFY_SECONDS} s after the change')
        time.sleep(0.1)
