# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of hosts, as the inventory, the play and the task set them."""

from __future__ import annotations

import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base.ansible_core import TemplateResolver
from .._base.ansible_inventory import (
    GroupVariables,
    names_from_facts,
    names_of_play,
    raw_variables,
    task_variables,
)
from . import group_values
from .resolver import Names

Variables = t.Mapping[str, t.Any]
# read by the playbooks, not by our code
PLAYBOOK_VARIABLES = (
    'portmatrix_hosts',
    'portmatrix_plan_file',
    'portmatrix_address_book_file',
    'portmatrix_render_folder',
    'portmatrix_render_by',
    'portmatrix_product',
)


class HostVariables:
    """The variables of one HOST. A value is resolved, templates included, when it is read."""

    def __init__(
        self,
        host: str,
        variables: Variables,
        resolver: TemplateResolver | None = None,
        overriding: Overriding | None = None,
        from_facts: t.Collection[str] = (),
        groups: GroupVariables | None = None,
        names: Names | None = None,
    ) -> None:
        """Without a RESOLVER, VARIABLES are plain data already; those FROM_FACTS are refused when they are read. NAMES
        are those in the values that stand for addresses."""
        self.host, self.names = host, names or Names()
        self._variables, self._resolver, self._overriding = variables, resolver, overriding
        self._from_facts, self._groups = from_facts, groups

    def get(self, name: str, default: t.Any = None) -> t.Any:
        """The variable NAME as plain data, DEFAULT if it is not set.

        Raises PortmatrixError for a broken template, for what groups of the host contradict each other about, and for a
        variable that a module has set: a host would decide what other hosts, or the controller, believe.
        """
        self.refuse_facts([name])
        overridden = self._overriding is not None and self._overriding.applies(name)
        if self._overriding and overridden:
            return self._resolve(self._overriding.variables, name, default)
        may_be_of_groups = name in self._variables and not name.startswith('ansible_')
        values = self._groups.setters(self.host, name) if self._groups and may_be_of_groups else ()
        if len(values) < 2:
            return self._resolve(self._variables, name, default)
        resolved = [(group, self._resolve({**self._variables, name: value}, name)) for group, value in values]
        return group_values.settle(self.host, name, resolved, self._resolve(self._variables, name))

    def set_by_people(self) -> t.Iterator[str]:
        """The names of all variables that no module has set."""
        yield from (str(name) for name in self._variables if name not in self._from_facts)

    def refuse_facts(self, names: t.Iterable[str]) -> None:
        """Raise PortmatrixError for each variable of NAMES that a module has set."""
        problems = [
            f'{self.host}: {name}: set by a module (facts, cached facts, set_fact or register), which decides nothing '
            'here; set it in the inventory, in vars of the play or with --extra-vars, and remove a cached fact with '
            'ansible.builtin.meta: clear_facts'
            for name in names
            if name in self._from_facts
        ]
        if problems:
            raise PortmatrixError(*problems)

    def _resolve(self, variables: Variables, name: str, default: t.Any = None) -> t.Any:
        if name not in variables:
            return default
        try:
            return self._resolver.resolve(variables, name) if self._resolver else variables[name]
        except PortmatrixError as error:
            raise PortmatrixError(*(f'{self.host}: {problem}' for problem in error.problems)) from error


class Overriding(t.NamedTuple):
    """`variables` of which those that `applies` accepts win over the variables of a host."""

    variables: Variables
    applies: t.Callable[[str], bool]


class Inventory:
    """The variables and groups of all hosts, as the task of one of them sees them."""

    def __init__(self, task_vars: dict[str, t.Any], templar: t.Any, task: t.Any | None = None) -> None:
        """TASK: that of an action plugin; without it, variables of the play are not seen."""
        self.groups: dict[str, list[str]] = task_vars['groups']
        self.host = str(task_vars['inventory_hostname'])
        self.names = Names(set(self.groups['all']))
        self._hostvars = task_vars['hostvars']
        self._resolver = TemplateResolver(templar, self._hostvars, self.groups)
        self._group_variables = GroupVariables(self._hostvars)
        self._raw: dict[str, dict[str, t.Any]] = {}
        self._as_ansible, self._names_of_play = task_vars, names_of_play(task)
        self._task_vars = task_variables(task_vars, self._hostvars, self.host, task)

    @property
    def hosts(self) -> list[str]:
        return [str(name) for name in self.groups['all']]

    @property
    def play_hosts(self) -> list[str]:
        """All hosts of the play, those that have failed included."""
        return [str(name) for name in self._task_vars.get('ansible_play_hosts_all', [self.host])]

    def declared(self, host: str) -> HostVariables:
        """The variables of HOST as every other host sees them: from the inventory and extra vars."""
        return self._variables(host, self._read(host))

    def in_play(self, host: str) -> HostVariables:
        """The variables of HOST as a task of this play sees them: those of the play count for all its hosts."""
        if host == self.host:
            return self.task()
        of_play = {name: value for name, value in self._task_vars.items() if name in self._names_of_play}
        return self._variables(host, {**self._read(host), **of_play}, self._of_task())

    def task(self) -> HostVariables:
        """The variables of the host of the task, as this task sees them."""
        return self._variables(self.host, self._task_vars, self._of_task())

    def _of_task(self) -> Overriding:
        return Overriding(self._task_vars, self._is_of_play)

    def _from_facts(self, host: str) -> set[str]:
        return names_from_facts(self._hostvars, host)

    def _variables(self, host: str, variables: Variables, overriding: Overriding | None = None) -> HostVariables:
        from_facts = self._from_facts(host)
        return HostVariables(host, variables, self._resolver, overriding, from_facts, self._group_variables, self.names)

    def _read(self, host: str) -> dict[str, t.Any]:
        if host not in self._raw:
            self._raw[host] = raw_variables(self._hostvars, host)
        return self._raw[host]

    def _is_of_play(self, name: str) -> bool:
        """Whether the task has a variable that its host does not have, or not with this value, from the inventory."""
        own = self._read(self.host)
        is_other = name not in own or own[name] != self._task_vars.get(name)
        return name in self._task_vars and (is_other or name in self._names_of_play)

    def refuse_facts_in(self, names: t.Iterable[str]) -> None:
        """Raise PortmatrixError for each variable of NAMES, which playbooks read themselves, that a module has set, or
        that Ansible would resolve with what a module has set."""
        task = self.task()
        task.refuse_facts(names)
        differing = [
            name
            for name in names
            if name in self._as_ansible and self._resolver.as_ansible(self._as_ansible[name]) != task.get(name)
        ]
        if differing:
            raise PortmatrixError(
                *(
                    f'{self.host}: {name}: depends on facts, which decide nothing here; write it out'
                    for name in differing
                )
            )
