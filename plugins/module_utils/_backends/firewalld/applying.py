# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring planned changes into force in the running firewall, and return to the former state.

firewalld reads its configuration files only at a start and a reload. While a change is not confirmed they have their
former content, so that a reboot returns to the former rules by itself.
"""

from __future__ import annotations

import contextlib
import typing as t

from ..._base import files
from ..._base.errors import BackendError
from ..base import PlainData
from . import closing, docker, hitless, kernel, pool, reloads, running, service, verify
from .documents import Documents
from .slots import SLOTS

if t.TYPE_CHECKING:
    from .changes import Changes


def apply(changes: Changes, snapshot: PlainData) -> str:
    """Bring CHANGES into force and verify them; returns the transition that was needed. Raises BackendError if they are
    not in force."""
    transition = changes.transition
    if transition == 'hitless' and not _succeeds_without_reload(changes):
        transition = 'reload'
    if transition == 'reload' or {'start', 'stop'} & set(changes.switch.steps):
        with docker.preserving_isolation(snapshot['isolation']):
            _apply_files(changes, transition)
    elif changes.state.unfinished:
        reloads.finish()
    closing.open_again()
    return transition


def _succeeds_without_reload(changes: Changes) -> bool:
    try:
        hitless.execute(t.cast(hitless.Steps, changes.steps))
    except BackendError:
        return False
    return not verify.full_deviation(changes.wanted)


def _apply_files(changes: Changes, transition: str) -> None:
    steps = changes.switch.steps
    if transition == 'reload' or 'start' in steps:
        try:
            files.write_all(changes.files)
            if 'start' in steps:
                service.execute(['start'])
                verify.wait_until_enforced(changes.wanted)
            else:
                _reload(changes.wanted, is_tried=changes.transition == 'reload')
        finally:
            files.write_all({path: changes.state.files.get(path) for path in changes.files})
    if 'stop' in steps:
        service.execute(['stop'])


def _reload(wanted: Documents, *, is_tried: bool) -> None:
    """Load the files, which contain WANTED, and wait until it is enforced."""
    reloads.reload(is_tried=is_tried)
    _remove_surplus_members(wanted)
    verify.wait_until_enforced(wanted)


def _remove_surplus_members(wanted: Documents) -> None:
    """With FlushAllOnReload=no, sets keep their members over a reload, and those without a file exist until firewalld
    restarts."""
    for name, entries in kernel.read().sets.items():
        expected = wanted.sets[name].entries if name in wanted.sets else ()
        if not pool.same_members((*entries, *expected), expected):
            hitless.execute(hitless.Steps((hitless.Fill(name, expected),), ()))


def restore_running(former: Documents) -> None:
    """Make the running firewall enforce the FORMER files again, without a reload if it has the objects for that."""
    with contextlib.suppress(BackendError):
        if not _is_restored(former):
            # where a reload is needed in the end, this ends the effect of the change before it
            _restore_without_reload(former)
        if _is_restored(former):
            reloads.finish()
            empty_idle_sets()
            closing.open_again()
            return
    # what other programs have put into the running firewall since the change was applied stays
    _reload(former, is_tried=False)
    closing.open_again()


def _is_restored(former: Documents) -> bool:
    """Whether the running firewall is what a reload of the FORMER files would make it: also which sets exist."""
    if verify.full_deviation(former):
        return False
    now = running.read()
    if not former.policies:
        return not now  # those of the change have to be removed, which only a reload does
    return kernel.read().sets.keys() == former.sets.keys()


def _restore_without_reload(former: Documents) -> None:
    if former.policies and not pool.is_in_use(former):
        return
    in_kernel, now = kernel.read(), running.read()
    if in_kernel.faults or not running.has_objects(now, SLOTS):
        return
    fitted = pool.fitted(former, in_kernel.sets, running.used_sets(now), pool.labels(former))
    steps = hitless.compute_steps(fitted, in_kernel.sets, now) if fitted else None
    if steps:
        hitless.execute(steps)


def empty_idle_sets() -> None:
    """Make the sets that no rule uses what they are in the configuration files. They have no effect, so this may
    fail."""
    with contextlib.suppress(BackendError):
        used = running.used_sets(running.read())
        idle = (name for name, entries in kernel.read().sets.items() if entries and name not in used)
        hitless.execute(hitless.Steps(tuple(hitless.Fill(name, ()) for name in idle), ()))
