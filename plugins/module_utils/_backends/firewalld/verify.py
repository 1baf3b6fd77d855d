# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the kernel enforces what is wanted."""

from __future__ import annotations

import time
import typing as t

from ..._base.errors import BackendError
from . import bus, kernel, running
from .documents import Documents, kernel_rules

VERIFY_SECONDS = 60


def deviation(wanted: Documents, in_kernel: kernel.Kernel) -> t.Optional[str]:
    """How the kernel deviates from WANTED, or None."""
    if wanted.active and in_kernel.faults:
        return in_kernel.faults[0]
    if set(in_kernel.active) != wanted.active.keys():
        return f'the policies in force are {", ".join(sorted(in_kernel.active)) or "none"}'
    if in_kernel.rules != kernel_rules(wanted):
        return 'the rules in the kernel differ from the policy'
    if set(in_kernel.logging) != {name for name, document in wanted.active.items() if document.logs}:
        return 'denied packets are logged in another way than they have to be'
    return None


def full_deviation(wanted: Documents) -> t.Optional[str]:
    """The same for the running firewalld as well: policies, their priorities and targets."""
    if not bus.is_running():
        return 'firewalld is not in state RUNNING'
    if wanted.policies and not running.has_objects(running.read(), wanted.policies):
        return 'the policies of the running firewalld differ from those of portmatrix'
    return deviation(wanted, kernel.read())


def wait_until_enforced(wanted: Documents) -> None:
    """Wait until the kernel enforces WANTED: sets may be filled a while after the reload (firewalld 2.3.2 and later).

    Raises BackendError if it does not within VERIFY_SECONDS.
    """
    deadline = time.monotonic() + VERIFY_SECONDS
    while True:
        problem = full_deviation(wanted)
        if not problem:
            return
        if time.monotonic() > deadline:
            raise BackendError(f'{problem}, {VERIFY_SECONDS} s after the change')
        time.sleep(0.1)
