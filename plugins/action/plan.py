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
from ..plugin_utils._action.platforms import registry as platforms
from ..plugin_utils._base.words import few
from ..plugin_utils._inventory import address_book_file
from ..plugin_utils._inventory.host_variables import PLAYBOOK_VARIABLES, Inventory
from ..plugin_utils._inventory.settings import Settings
from ..plugin_utils._plan import report, symmetry
from ..plugin_utils._plan.rules import Plans
from ..plugin_utils._policy import play_checks, preflight as preflights
from ..plugin_utils._policy.compiler import jump_rules, management_rule, own_host, plan_baseline, plan_resolved
from ..plugin_utils._policy.preflight import Preflight

ARGUMENTS = dict(path=dict(type='path'), address_book=dict(type='path'), table=dict(type='bool', default=True))


class ActionModule(PortmatrixAction):
    """portmatrix.firewall.plan"""

    ARGUMENTS = ARGUMENTS
    _requires_connection = False

    def perform(self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        inventory = Inventory(task_vars, self._templar, self._task)
        inventory.refuse_facts_in(PLAYBOOK_VARIABLES)
        preflight = preflights.run_preflight(inventory)
        plans = plan_hosts(preflight, inventory)
        if arguments['table']:
            self._display.display(_terminal_text(plans, preflight, inventory.play_hosts))
        is_partial = len(plans) < sum(host.managed for host in preflight.hosts.values())
        for warning in (
            *_grouped_warnings(plans, preflight, inventory),
            *_of_a_part(plans, preflight, arguments['path']),
        ):
            self._display.warning(warning)
        plan_text = report.plan_file(preflight.hosts, plans, preflight.catalogs, is_partial)
        diffs = [
            self._write(arguments['path'], plan_text),
            self._write(arguments['address_book'], address_book_file.render(preflight.hosts)),
        ]
        changes = [diff for diff in diffs if diff]
        return {'changed': bool(changes), 'diff': changes, 'path': arguments['path'], **report.summary(plans)}

    def _write(self, path: str | None, content: str) -> dict[str, str] | None:
        """Write CONTENT to PATH, unless it has this content already or this is check mode. Returns the diff, if any."""
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
                f'{path}: cannot be written ({error.strerror}); set another path in portmatrix_plan_file'
            ) from error
        return {'before_header': path, 'after_header': path, 'before': before, 'after': content}


def plan_hosts(preflight: Preflight, inventory: Inventory) -> Plans:
    """The plans of the hosts of the play that have a component. Raises PortmatrixError if rules do not match."""
    plans: Plans = {}
    for name in preflights.managed_play_hosts(preflight, inventory):
        host, variables = preflight.hosts[name], inventory.in_play(name)
        if preflight.is_from_file:
            own_host(variables, preflight.catalogs, host, [])  # refuses what the inventory says otherwise
        settings = play_checks.host_settings(variables, preflight.catalogs, None)
        plan = plan_resolved(host, settings, preflight.catalogs, preflight.book)
        management = management_rule(settings, platforms.choose(variables, settings.backend).port)
        baseline = plan_baseline(host, settings, preflight.catalogs, variables).rules
        warnings = (*plan.warnings, *preflight.warnings.get(name, ()), *_default_openings(settings))
        jumps = jump_rules(name, settings, preflight.hops.get(name, []))
        plans[name] = plan._replace(warnings=warnings, baseline=(management, *jumps, *baseline))
    problems = symmetry.asymmetries(preflight.hosts, plans, preflight.catalogs, preflight.book)
    if problems:
        raise PortmatrixError(*problems)
    return plans


def _terminal_text(plans: Plans, preflight: Preflight, play_hosts: list[str]) -> str:
    notes = (f'- {note}' for note in report.notes(plans, preflight.catalogs))
    text = ['', report.table(plans, preflight.catalogs), '', 'Notes of the documents:', *notes, '']
    peers_only = [name for name in sorted(play_hosts) if name in preflight.hosts and name not in plans]
    without = [name for name in sorted(play_hosts) if name not in preflight.hosts]
    text += [f'Not planned, since portmatrix_managed is false: {few(peers_only)}'] if peers_only else []
    text += [f'Not planned, since they have no component: {few(without)}'] if without else []
    return '\n'.join([*text, ''] if peers_only or without else text)


def _grouped_warnings(plans: Plans, preflight: Preflight, inventory: Inventory) -> list[str]:
    """Each warning once, with its hosts: also of hosts that have no component, perhaps because of a misspelt group."""
    by_text: dict[str, list[str]] = {}
    for name in sorted(inventory.play_hosts):
        plan = plans.get(name)
        for warning in plan.warnings if plan else preflight.warnings.get(name, ()):
            by_text.setdefault(warning, []).append(name)
    return [f'{few(names)}: {text}' for text, names in by_text.items()]


def _of_a_part(plans: Plans, preflight: Preflight, path: str | None) -> t.Iterator[str]:
    managed = sum(host.managed for host in preflight.hosts.values())
    if not preflight.hosts:
        yield (
            'no host of the inventory has a component, so nothing is planned; declare components with groups named '
            '<product>_<component>, or with portmatrix_components'
        )
    elif not managed:
        yield f'nothing is planned: portmatrix_managed is false for all {len(preflight.hosts)} hosts with a component'
    elif not plans:
        yield f'nothing is planned: the {managed} managed hosts with a component are not in this play'
    if len(plans) < managed and path:
        replaced = ', in place of the plan of the whole inventory' if report.is_whole(path) else ''
        yield (
            f'this is the plan of {len(plans)} of {managed} hosts only (--limit, or the hosts of the play); it is '
            f'written to {path}{replaced}, with the mark "partial"'
        )


def _default_openings(settings: Settings) -> t.Iterator[str]:
    """What the firewall allows by default in addition to the policy, if the inventory sets which firewall a host
    has."""
    backend = registry.BACKENDS.get(settings.backend)
    if backend and backend.default_openings and not settings.exclusive:
        yield f'{backend.default_openings}; set portmatrix_exclusive: true to close that'
