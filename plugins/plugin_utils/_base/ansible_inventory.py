# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-core knows of the inventory beyond its public interface: which group sets what, what comes from facts.

Together with ansible_core.py the only file that uses such parts; when a new ansible-core breaks something, it is to be
fixed in these two.
"""

from __future__ import annotations

import typing as t

from ansible import constants
from ansible.plugins.loader import connection_loader
from ansible.utils.vars import combine_vars
from ansible.vars.hostvars import HostVars
from ansible.vars.plugins import get_vars_from_inventory_sources, get_vars_from_path

_LIKE_SSH = ('ssh', 'smart', 'paramiko', 'libssh')
_STAGE = 'task'  # when vars plugins are asked


def raw_variables(hostvars: t.Any, host: str) -> dict[str, t.Any]:
    """The variables of HOST with unresolved templates. Takes up to 5 ms a host."""
    return t.cast('dict[str, t.Any]', hostvars.raw_get(host))


def names_from_facts(hostvars: t.Any, host: str, variables: t.Mapping[str, t.Any]) -> set[str]:
    """Names of the VARIABLES of HOST that modules have set: facts, cached ones too, `set_fact` and `register`.

    Facts of Ansible's own are here without their prefix "ansible_".
    """
    facts = variables.get('ansible_facts')
    set_by_tasks = hostvars._variable_manager._nonpersistent_fact_cache.get(host, ())
    return {*(facts if isinstance(facts, dict) else ()), *set_by_tasks}


def task_variables(task_vars: t.Mapping[str, t.Any], own: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """TASK_VARS, without what ansible-core adds of the connection that the task uses, perhaps that of a delegate. OWN:
    the variables of the host from the inventory."""
    stated = task_vars.get('vars')
    stated = stated if isinstance(stated, dict) else own
    added = {name for name in constants.COMMON_CONNECTION_VARS if name not in stated}
    return {name: value for name, value in task_vars.items() if name not in added}


def connection_variables(plugin: str, option: str) -> list[str]:
    """The variables from which a connection PLUGIN (its short name) reads its `host` or `port`; the last one that is
    set wins. If the plugin is not installed: those that plugins have by convention."""
    of_ssh = [f'ansible_ssh_{option}'] if plugin in _LIKE_SSH else []
    convention = [f'ansible_{option}', *of_ssh, f'ansible_{plugin}_{option}']
    try:
        if connection_loader.get(plugin, class_only=True) is None:
            return convention
    except Exception:  # it may be of a collection that is not installed, or broken
        return convention
    definitions = constants.config.get_configuration_definitions('connection', plugin)
    for name in ('host', 'remote_addr') if option == 'host' else (option,):
        names = [str(entry['name']) for entry in (definitions.get(name) or {}).get('vars', ())]
        found = [entry for entry in names if entry.startswith('ansible_')]
        if found:
            return found
    return convention


def without_facts(variables: t.Mapping[str, t.Any], from_facts: t.Collection[str]) -> dict[str, t.Any]:
    """VARIABLES without those that modules have set (FROM_FACTS), and without Ansible's own facts."""
    facts = variables.get('ansible_facts')
    facts = facts if isinstance(facts, dict) else {}
    injected = {f'ansible_{name}' for name in facts if variables.get(f'ansible_{name}') == facts[name]}
    hidden = {*from_facts, *injected, 'ansible_facts', 'ansible_local', 'vars'}
    return {name: value for name, value in variables.items() if name not in hidden}


class HostVarsWithoutFacts(HostVars):
    """The `hostvars` of templates, without what any host says of itself."""

    def __init__(self, hostvars: t.Any) -> None:
        # without that of HostVars, which makes itself known to the variable manager
        self.__dict__.update(vars(hostvars))

    def raw_get(self, host_name: str) -> t.Any:
        variables = super().raw_get(host_name)
        if not isinstance(variables, dict):
            return variables  # what stands for a host that does not exist
        return without_facts(variables, names_from_facts(self, host_name, variables))


class GroupVariables:
    """What each group of the inventory sets by itself, before Ansible lets one of them win for a host."""

    def __init__(self, hostvars: t.Any) -> None:
        self._inventory, self._loader = hostvars._inventory, hostvars._loader
        self._manager = hostvars._variable_manager
        self._own: dict[str, t.Mapping[str, t.Any]] = {}

    def of_group(self, group: t.Any) -> t.Mapping[str, t.Any]:
        """The variables that GROUP sets itself: in the inventory, and in group_vars beside it and beside the play."""
        if group.name not in self._own:
            self._own[group.name] = self._of(group)
        return self._own[group.name]

    def setters(self, host: str, name: str) -> list[tuple[t.Any, t.Any]]:
        """(group, value) of each group of HOST that sets the variable NAME, in the order in which Ansible lets the
        later one win. Nothing if what wins is none of them: the host, extra variables or include_vars set it."""
        entity = self._inventory.get_host(host)
        groups = sorted(entity.get_groups(), key=lambda group: (group.depth, group.priority, group.name))
        found = [(group, self.of_group(group)[name]) for group in groups if name in self.of_group(group)]
        if len(found) > 1 and self._is_set_beyond_groups(entity, name):
            return []
        return found

    def _is_set_beyond_groups(self, host: t.Any, name: str) -> bool:
        included = self._manager._vars_cache.get(host.name, {})
        return name in self._manager.extra_vars or name in included or name in self._of(host)

    def _of(self, entity: t.Any) -> dict[str, t.Any]:
        found = entity.get_vars()
        beside_inventory = get_vars_from_inventory_sources(self._loader, self._inventory._sources, [entity], _STAGE)
        beside_play = get_vars_from_path(self._loader, self._loader.get_basedir(), [entity], _STAGE)
        return t.cast('dict[str, t.Any]', combine_vars(combine_vars(found, beside_inventory), beside_play))


def is_within(group: t.Any, other: t.Any) -> bool:
    """Whether GROUP is a child of OTHER, or a child of a child. All groups are within "all"."""
    return other.name == 'all' or other in group.get_ancestors()
