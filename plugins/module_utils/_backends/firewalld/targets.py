# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects a host's firewalld is to have, and whether it gets there without a reload."""

from __future__ import annotations

import typing as t

from . import hitless, pool, running, verify
from .documents import EMPTY, Documents
from .service import Switch
from .slots import SLOTS

if t.TYPE_CHECKING:
    from .planning import State


def compute(
    state: State, built: t.Optional[Documents], switch: Switch
) -> t.Tuple[Documents, str, t.Optional[hitless.Steps]]:
    """(the objects that BUILT becomes on this host, the transition to them, its steps if it is hitless)."""
    if built is None:
        # with FlushAllOnReload=no, empty sets without a file may exist until firewalld restarts
        has_objects = bool(state.running) or (state.kernel is not None and any(state.kernel.sets.values()))
        is_reload = state.kernel is not None and 'stop' not in switch.steps and (has_objects or state.closed)
        return EMPTY, 'reload' if is_reload else 'none', None
    in_files = _fitted_to_files(state, built)
    if state.kernel is None:
        # what the files contain is what will be loaded
        return in_files or pool.fresh(built), 'none', None
    fitted = _fitted_to_kernel(state, built)
    steps = hitless.compute_steps(fitted, state.kernel.sets, state.running) if fitted else None
    if fitted is None or steps is None:
        return in_files or pool.fresh(built), 'reload', None
    return fitted, 'hitless' if steps.any else 'none', steps


def _fitted_to_files(state: State, built: Documents) -> t.Optional[Documents]:
    """BUILT with the sets of the configuration files, None if these are not those of this version, or too few."""
    documents = state.documents
    if not pool.is_in_use(documents):
        return None
    entries = {name: document.entries for name, document in documents.sets.items()}
    return pool.fitted(built, entries, documents.used_sets, pool.labels(documents))


def _fitted_to_kernel(state: State, built: Documents) -> t.Optional[Documents]:
    """BUILT with the objects of the running firewalld, None if these are not those that a hitless change needs."""
    in_kernel = state.kernel
    if in_kernel is None or in_kernel.faults or not running.has_objects(state.running, SLOTS):
        return None
    if not pool.is_in_use(state.documents) or not in_kernel.sets.keys() >= state.documents.sets.keys():
        return None
    # what another program did to the kernel is unknown to firewalld, which can only load everything again
    if running.has_rules(state.running, state.documents) and verify.deviation(state.documents, in_kernel):
        return None
    if set(in_kernel.active) != {name for name, policy in state.running.items() if policy.active}:
        return None
    loaded = {name: in_kernel.sets[name] for name in state.documents.sets}
    return pool.fitted(built, loaded, running.used_sets(state.running), pool.labels(state.documents))
