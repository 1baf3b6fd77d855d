# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-core knows of the inventory beyond its public interface: which group sets what, what comes from facts.

Together with ansible_core.py the only file that uses such parts; when a new ansible-core breaks something, it is to be
fixed in these two.
"""

from __future__ import annotations

import contextlib
import operator
import typing as t

from ansible import constants
from ansible.plugins.loader import connection_loader
from ansible.utils.vars import combine_vars
from ansible.vars.clean import clean_facts
from ansible.vars.hostvars import HostVars
from ansible.vars.plugins import get_vars_from_inventory_sources, get_vars_from_path

_LIKE_SSH = ('ssh', 'smart', 'paramiko', 'libssh')
_OF_FACTS = ('ansible_facts', 'ansible_local', 'vars')
_MAGIC = ('hostvars', 'groups', 'ansible_play_hosts_all', 'ansible_play_hosts')
_STAGE = 'task'  # when vars plugins are asked


class _NoFacts:
    """A cache of facts without any."""

    def get(self, key: str, *default: t.Any) -> t.Any:
        if default:
            return default[0]
        raise KeyError(key)

    def __contains__(self, key: str) -> bool:
        return False


@contextlib.contextmanager
def _without_facts(manager: t.Any) -> t.Iterator[None]:
    """The variable MANAGER, as if no module had ever set a variable: neither facts, nor `set_fact`, nor `register`."""
    kept = manager._fact_cache, manager._nonpersistent_fact_cache
    manager._fact_cache, manager._nonpersistent_fact_cache = _NoFacts(), {}
    try:
        yield
    finally:
        manager._fact_cache, manager._nonpersistent_fact_cache = kept


def raw_variables(hostvars: t.Any, host: str) -> t.Any:
    """The variables of HOST with unresolved templates, without what modules have set. Takes up to 5 ms a host. What is
    returned for a host that does not exist is no dictionary."""
    with _without_facts(hostvars._variable_manager):
        return HostVars.raw_get(hostvars, host)


def names_from_facts(hostvars: t.Any, host: str) -> set[str]:
    """The names of the variables that modules have set for HOST: facts, cached ones too, `set_fact` and `register`."""
    manager = hostvars._variable_manager
    try:
        facts = manager._fact_cache.get(host)
    except KeyError:
        facts = None
    return {*clean_facts(facts or {}), *manager._nonpersistent_fact_cache.get(host, ())}


def task_variables(
    task_vars: t.Mapping[str, t.Any], hostvars: t.Any, host: str, task: t.Any | None
) -> dict[str, t.Any]:
    """The variables of the TASK of HOST without what modules have set, and without what ansible-core adds to TASK_VARS
    of the connection that the task uses, perhaps that of a delegate. Without a TASK (a lookup), nothing of the play is
    seen."""
    play = _play(task)
    if play is None:
        pure = raw_variables(hostvars, host)
    else:
        with _without_facts(hostvars._variable_manager):
            entity = hostvars._inventory.get_host(host)
            pure = hostvars._variable_manager.get_vars(play=play, host=entity, task=task)
    hidden = {*names_from_facts(hostvars, host), *constants.COMMON_CONNECTION_VARS, *_OF_FACTS}
    # what only this call of the task has: variables of its loop, the hosts of the play
    added = {name: value for name, value in task_vars.items() if name not in hidden and name not in pure}
    of_play = {name: task_vars[name] for name in _MAGIC if name in task_vars}
    return {**added, **{name: value for name, value in pure.items() if name not in _OF_FACTS}, **of_play}


def names_of_play(task: t.Any | None) -> set[str]:
    """The names of the variables that the play, its blocks and roles, and the TASK itself set."""
    play = _play(task)
    if task is None or play is None:
        return set()
    of_role = task._role.get_vars() if task._role else ()
    return {*task.get_vars(), *of_role, *play.get_vars()}


def _play(task: t.Any | None) -> t.Any | None:
    parent, play = getattr(task, '_parent', None), None
    while parent is not None:
        play = getattr(parent, '_play', None) or play
        parent = getattr(parent, '_parent', None)
    return play


def merges_hashes() -> bool:
    """Whether Ansible merges mappings, so that nobody can tell who set what."""
    return str(vars(constants)['DEFAULT_HASH_BEHAVIOUR']) == 'merge'


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


class HostVarsWithoutFacts(HostVars):
    """The `hostvars` of templates, without what any host says of itself."""

    def __init__(self, hostvars: t.Any) -> None:
        # without that of HostVars, which makes itself known to the variable manager
        self.__dict__.update(vars(hostvars))

    def raw_get(self, host_name: str) -> t.Any:
        return raw_variables(self, host_name)


class GroupVariables:
    """What each group of the inventory sets by itself, before Ansible lets one of them win for a host."""

    def __init__(self, hostvars: t.Any) -> None:
        self._inventory, self._loader = hostvars._inventory, hostvars._loader
        self._manager = hostvars._variable_manager
        self._own: dict[str, t.Mapping[str, t.Any]] = {}
        self._groups: dict[str, list[t.Any]] = {}

    def of_group(self, group: t.Any) -> t.Mapping[str, t.Any]:
        """The variables that GROUP sets itself: in the inventory, and in group_vars beside it and beside the play."""
        if group.name not in self._own:
            self._own[group.name] = self._of(group)
        return self._own[group.name]

    def setters(self, host: str, name: str) -> list[tuple[t.Any, t.Any]]:
        """(group, value) of each group of HOST that sets the variable NAME, in the order in which Ansible lets the
        later one win. Nothing if what wins is none of them: the host, extra variables or include_vars set it."""
        entity = self._inventory.get_host(host)
        if host not in self._groups:
            key = operator.attrgetter('depth', 'priority', 'name')
            self._groups[host] = sorted(entity.get_groups() if entity else (), key=key)
        found = [(group, self.of_group(group)[name]) for group in self._groups[host] if name in self.of_group(group)]
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
