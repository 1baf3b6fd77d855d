# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts if several groups of a host set the same variable: no group wins in silence.

Where each group adds something, their values are united. Where they say different things of the same thing, they are
refused by name. Only a single value follows Ansible: the group within the other one wins over it.
"""

from __future__ import annotations

import typing as t

from ...module_utils._base.errors import PortmatrixError
from ...module_utils._model.peers import ANY
from .._base.ansible_inventory import is_within

Values = list[tuple[t.Any, t.Any]]  # (group, its value, resolved), the one that Ansible prefers last
# a default in an outer group, and an exception in an inner one
_OWN_VARIABLE = ', or put it into a variable of your own, which any group may set, and refer to that'
_FILES_WIN = '; Ansible lets files of group_vars win over the inventory file: set both in files'
# also if they are written as a text
_LISTS = ('portmatrix_addresses', 'portmatrix_baseline')
_DEPLOYMENT = '_deployment'  # text or list, it says one thing: which installations a host belongs to


def settle(host: str, name: str, values: Values, effective: t.Any) -> t.Any:
    """The value of the variable NAME of HOST, of the VALUES that its groups set; EFFECTIVE is what Ansible takes.

    Raises PortmatrixError if they contradict each other. A value of a wrong type is left to who reads it.
    """
    where = f'{host}: {name}'
    unite = _UNITED.get(name)
    if unite:
        kind, function = unite
        values = [(group, value) for group, value in values if value is not None]
        wrong = [value for _group, value in values if not isinstance(value, kind)]
        return wrong[0] if wrong else function(where, values) if values else None
    is_list = name in _LISTS or any(isinstance(value, (list, dict)) for _group, value in values)
    if is_list and not name.endswith(_DEPLOYMENT):
        return _equal(where, values)
    return _nearest(where, values, effective)


def _union(where: str, values: Values) -> list[t.Any]:
    united: list[t.Any] = []
    for _group, value in values:
        united.extend(entry for entry in value if entry not in united)
    return united


def _greatest(where: str, values: Values) -> dict[str, t.Any]:
    greatest: dict[str, t.Any] = {}
    for _group, value in values:
        for component, number in value.items():
            known = greatest.get(component)
            if known is None or not isinstance(number, int) or isinstance(known, int) and number > known:
                greatest[component] = number
    return greatest


def _peers(where: str, values: Values) -> dict[str, t.Any]:
    """Addresses by component. The lists of groups side by side are united; a group within another one that lists
    others, and "any" or "nobody" beside addresses, contradict each other; one that lists more does not."""
    by_component: dict[str, Values] = {}
    for group, value in values:
        for component, members in value.items():
            by_component.setdefault(component, []).append((group, _as_list(members)))
    return {component: _members(f'{where}[{component!r}]', lists) for component, lists in by_component.items()}


def _members(where: str, lists: Values) -> list[t.Any]:
    if _are_equal(lists):
        return t.cast('list[t.Any]', lists[-1][1])
    is_nested = any(is_within(group, other) for group, _list in lists for other, _other in lists if group is not other)
    is_special = any(not members or ANY.value in members for _group, members in lists)
    if is_special:
        raise _contradiction(where, lists)
    return _including(where, lists) if is_nested else _union(where, lists)


def _including(where: str, values: Values) -> t.Any:
    """The value that Ansible prefers, if it has all that the others list: then nothing is lost, and nothing is widened
    beyond what Ansible would take."""
    winner = values[-1][1]
    known = _as_list(winner)
    if any(entry not in known for _group, value in values for entry in _as_list(value)):
        raise _contradiction(where, values)
    return winner


def _as_list(value: t.Any) -> list[t.Any]:
    return value if isinstance(value, list) else [value]


def _equal(where: str, values: Values) -> t.Any:
    if not _are_equal(values):
        raise _contradiction(where, values)
    return values[-1][1]


def _nearest(where: str, values: Values, effective: t.Any) -> t.Any:
    """What Ansible takes, if that is of the nearest group, which is within those that say something else or has another
    priority. (Files of group_vars win over the inventory file, even those of an outer group.)"""
    winner, value = values[-1]
    others = [
        (group, other)
        for group, other in values[:-1]
        if other != value and not is_within(winner, group) and group.priority >= winner.priority
    ]
    if others:
        raise _contradiction(where, [*others, values[-1]])
    if value != effective:
        raise _contradiction(where, values, _FILES_WIN)
    return value


def _are_equal(values: Values) -> bool:
    """Whether all VALUES are the same; the order of a list means nothing."""
    return len({repr(sorted(value, key=repr) if isinstance(value, list) else value) for _group, value in values}) == 1


def _contradiction(where: str, values: Values, hint: str = _OWN_VARIABLE) -> PortmatrixError:
    names = [group.name for group, _value in values]
    said = ', '.join(f'{value!r} in {group.name}' for group, value in values)
    return PortmatrixError(
        f'{where}: the groups {", ".join(names[:-1])} and {names[-1]} of this host contradict each other ({said}); '
        f'set it in one of them, for the host, or to the same value in each{hint}'
    )


_UNITED: dict[str, tuple[t.Any, t.Callable[[str, Values], t.Any]]] = {
    'portmatrix_components': (list, _union),
    'portmatrix_management_ports': (list, _union),
    'portmatrix_catalogs': (list, _union),
    'portmatrix_minimum': (dict, _greatest),
    'portmatrix_peers': (dict, _peers),
    'portmatrix_management_sources': ((list, str), _including),
}
