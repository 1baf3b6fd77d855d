# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan a whole play without a connection to any host. Documented in plugins/modules/plan.py."""

from __future__ import annotations

import os
import typing as t

from ..module_utils._backends import registry
from ..module_utils._base import files
from ..module_utils._base.errors import PortmatrixError
from ..plugin_utils._action.base import PortmatrixAction
from ..plugin_utils._inventory import address_book_file, inventory
from ..plugin_utils._plan import report, symmetry
from ..plugin_utils._plan.planner import HostPlan, Settings
from ..plugin_utils._policy import compiler, preflight

ARGUMENTS = dict(path=dict(type='path'), address_book=dict(type='path'), table=dict(type='bool', default=True))


class ActionModule(PortmatrixAction):
    """portmatrix.firewall.plan"""

    ARGUMENTS = ARGUMENTS
    _requires_connection = False

    def perform(self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        found = inventory.Inventory(task_vars, self._templar)
        play_hosts = [str(host) for host in task_vars['ansible_play_hosts_all']]

        def get(name: str, default: t.Any = None) -> t.Any:
            return found.resolve(task_vars, name, default)

        taken = preflight.take(found, preflight.load_catalogs(get), get, play_hosts)
        plans = plan_hosts(taken, found, play_hosts)
        if arguments['table']:
            text = [
                report.table(plans, taken.catalogs),
                '',
                'Notes of the documents:',
                *(f'- {note}' for note in report.notes(plans, taken.catalogs)),
            ]
            self._display.display('\n'.join(['', *text, '']))
        for name, plan in sorted(plans.items()):
            for warning in plan.warnings:
                self._display.warning(f'{name}: {warning}')
        written = [
            self._put(arguments['path'], report.plan_file(taken.hosts, plans, taken.catalogs)),
            self._put(arguments['address_book'], address_book_file.write(taken.hosts)),
        ]
        return {
            'changed': any(diff for diff in written),
            'diff': [diff for diff in written if diff],
            'path': arguments['path'],
            **report.summary(plans),
        }

    def _put(self, path: str | None, content: str) -> dict[str, str] | None:
        """Write CONTENT to PATH unless it is there already or this is check mode; the diff where it differs."""
        if not path:
            return None
        path = os.path.abspath(path)
        try:
            before = files.read(path) or ''
            if before == content:
                return None
            if not self._task.check_mode:
                files.write(path, content)
        except OSError as error:
            raise PortmatrixError(
                f'{path}: cannot be written ({error.strerror}); give another path in portmatrix_plan_file'
            ) from error
        return {'before_header': path, 'after_header': path, 'before': before, 'after': content}


def plan_hosts(taken: preflight.Survey, found: inventory.Inventory, names: t.Iterable[str]) -> dict[str, HostPlan]:
    """The plans of those hosts among NAMES that play a component. Raises PortmatrixError where an opening lacks its other end."""
    plans = {}
    for name in sorted(set(names) & set(taken.hosts)):
        settings = inventory.settings(
            name, taken.catalogs, lambda variable, default=None, name=name: found.setting(name, variable, default)
        )
        plan = compiler.plan_resolved(taken.hosts[name], settings, taken.catalogs, taken.book)
        plans[name] = plan._replace(warnings=(*plan.warnings, *taken.warnings.get(name, ()), *_beside(settings)))
    broken = symmetry.asymmetries(taken.hosts, plans, taken.book)
    if broken:
        raise PortmatrixError(*broken)
    return plans


def _beside(settings: Settings) -> t.Iterator[str]:
    """What the firewall itself lets in beside any policy, where the inventory says which firewall a host has."""
    backend = registry.BACKENDS.get(settings.backend)
    if backend and backend.stock_openings and not settings.exclusive:
        yield f'{backend.stock_openings}; portmatrix_exclusive: true closes that'
