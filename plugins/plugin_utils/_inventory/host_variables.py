# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of hosts, as the inventory, the play and the task set them."""

from __future__ import annotations

import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base.ansible_core import TemplateResolver, names_from_facts, raw_variables

Variables = t.Mapping[str, t.Any]
# read by the playbooks, not by our code
PLAYBOOK_VARIABLES = ('portmatrix_hosts', 'portmatrix_plan_file', 'portmatrix_address_book_file')


class HostVariables:
    """The variables of one HOST. A value is resolved, templates included, when it is read."""

    def __init__(
        self,
        host: str,
        variables: Variables,
        resolver: TemplateResolver | None = None,
        overriding: Overriding | None = None,
        from_facts: t.Container[str] = (),
    ) -> None:
        """Without a RESOLVER, VARIABLES are plain data already; those FROM_FACTS are refused when they are read."""
        self.host = host
        self._variables, self._resolver, self._overriding = variables, resolver, overriding
        self._from_facts = from_facts

    def get(self, name: str, default: t.Any = None) -> t.Any:
        """The variable NAME as plain data, DEFAULT if it is not set.

        Raises PortmatrixError for a broken template, and for a variable that a module has set: a host would decide what
        other hosts, or the controller, believe.
        """
        self.refuse_facts([name])
        overridden = self._overriding is not None and self._overriding.applies(name)
        variables = self._overriding.variables if self._overriding and overridden else self._variables
        if name not in variables:
            return default
        return self._resolver.resolve(variables, name) if self._resolver else variables[name]

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


class Overriding(t.NamedTuple):
    """`variables` of which those that `applies` accepts win over the variables of a host."""

    variables: Variables
    applies: t.Callable[[str], bool]


class Inventory:
    """The variables and groups of all hosts, as the task of one of them sees them."""

    def __init__(self, task_vars: dict[str, t.Any], templar: t.Any) -> None:
        self.groups: dict[str, list[str]] = task_vars['groups']
        self.host = str(task_vars['inventory_hostname'])
        self._task_vars, self._hostvars = task_vars, task_vars['hostvars']
        self._resolver = TemplateResolver(templar, self._hostvars, self.groups)
        self._raw: dict[str, dict[str, t.Any]] = {}

    @property
    def hosts(self) -> list[str]:
        return [str(name) for name in self.groups['all']]

    @property
    def play_hosts(self) -> list[str]:
        """All hosts of the play, those that have failed included."""
        return [str(name) for name in self._task_vars.get('ansible_play_hosts_all', [self.host])]

    def declared(self, host: str) -> HostVariables:
        """The variables of HOST as every other host sees them: from the inventory and extra vars."""
        return HostVariables(host, self._read(host), self._resolver, from_facts=self._from_facts(host))

    def in_play(self, host: str) -> HostVariables:
        """The variables of HOST as a task of this play sees them: those of the play count for all its hosts."""
        overriding = Overriding(self._task_vars, self._is_of_play)
        return HostVariables(host, self._read(host), self._resolver, overriding, self._from_facts(host))

    def task(self) -> HostVariables:
        """The variables of the host of the task, as this task sees them."""
        return HostVariables(self.host, self._task_vars, self._resolver, from_facts=self._from_facts(self.host))

    def _read(self, host: str) -> dict[str, t.Any]:
        if host not in self._raw:
            self._raw[host] = raw_variables(self._hostvars, host)
        return self._raw[host]

    def _from_facts(self, host: str) -> set[str]:
        return names_from_facts(self._hostvars, host, self._read(host))

    def _is_of_play(self, name: str) -> bool:
        """Whether the task has a variable that its host does not have, or not with this value, from the inventory."""
        own = self._read(self.host)
        return name in self._task_vars and (name not in own or own[name] != self._task_vars[name])
