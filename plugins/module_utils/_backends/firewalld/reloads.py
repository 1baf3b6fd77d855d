# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reloads of firewalld that lose nothing which other programs have only in the running firewall.

What they have is written to a file before the reload, and the file is removed when all of it was found again. So an
attempt that fails or dies is completed by the next one, in whatever process, and never taken for what was there.
"""

from __future__ import annotations

import contextlib
import json
import typing as t

from ..._base import files
from ..._base.errors import BackendError
from . import bus, conditions, service, trial, unmanaged_restore, unmanaged_runtime
from .unmanaged_runtime import Runtime

# gone after a reboot, as are the rules themselves
_UNFINISHED = '/run/portmatrix-firewalld-runtime.json'


def reload(*, is_tried: bool) -> None:
    """Load the configuration files into the running firewall.

    Unless that IS_TRIED already, it is tried out first: a reload that fails would open all ports. Raises BackendError
    in panic mode, if firewalld cannot load the files, or if what the reload drops cannot be restored.
    """
    if conditions.is_in_panic():
        raise BackendError('firewalld is in panic mode, in which nothing can be changed')
    observed = service.observe()
    problem = None
    if not is_tried:
        with contextlib.suppress(trial.CannotTell):
            problem = trial.load(observed, {}).problem
    if problem:
        raise BackendError(f'firewalld cannot load its configuration files: {problem}')
    before = _capture(observed.preserves_iptables)
    bus.reload()
    _restore(before, observed.preserves_iptables)


def _capture(version_preserves_iptables: bool) -> Runtime:
    """What others have now, with what an earlier reload has dropped."""
    with contextlib.suppress(BackendError):
        finish()
    now = unmanaged_runtime.capture(version_preserves_iptables)
    earlier = _unfinished()
    return _begin(unmanaged_runtime.merged(earlier, now) if earlier else now)


def is_unfinished() -> bool:
    """Whether an earlier reload has dropped rules of others that were not restored."""
    return _unfinished() is not None


def finish() -> None:
    """Restore what an earlier reload has dropped. Raises BackendError if that fails."""
    before = _unfinished()
    if before is not None:
        _restore(before, service.observe().preserves_iptables)


def _restore(before: Runtime, version_preserves_iptables: bool) -> None:
    unmanaged_restore.restore(before, version_preserves_iptables)
    _end()


def _begin(before: Runtime) -> Runtime:
    files.write(_UNFINISHED, json.dumps(before.to_data()), 0o600)
    return before


def _end() -> None:
    files.remove(_UNFINISHED)


def _unfinished() -> t.Optional[Runtime]:
    """What an unfinished reload has to restore, None if there is none."""
    text = files.read(_UNFINISHED)
    return Runtime.from_data(json.loads(text)) if text else None
