# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pool of address sets: enough of them exist at all times, so that a change only fills idle ones.

firewalld creates sets only in a reload. A group whose members change gets an idle set, which is filled before any rule
uses it; the set that it had becomes idle and keeps its content, for a rollback. The name of a set says nothing about
its content; in the configuration files, its description is the label of its group.
"""

from __future__ import annotations

import re
import typing as t

from ..._model import intervals as intervals_of, traffic
from .documents import Documents, PolicyDocument, RichRule, SetDocument, description_key, idle_policy
from .slots import PREFIX, SLOTS

# Idle sets of each family beyond those that a change of all groups needs: for groups to come.
SPARES = 4
_NAME = re.compile(re.escape(PREFIX) + r'[46]-\d{3,}')
Loaded = t.Mapping[str, t.Sequence[str]]  # name of a set -> its entries


def is_in_use(documents: Documents) -> bool:
    """Whether DOCUMENTS are the prepared policies and sets, complete: not those of an earlier version, nor what is left
    if someone has removed some of their files."""
    has_policies = documents.policies.keys() == SLOTS.keys()
    return has_policies and documents.used_sets <= documents.sets.keys() and all(map(_NAME.fullmatch, documents.sets))


def fresh(documents: Documents) -> Documents:
    """DOCUMENTS (of documents.build) with the first sets of a new pool that is large enough for the next changes."""
    names: t.Dict[str, str] = {}
    sets: t.Dict[str, SetDocument] = {}
    for family in traffic.FAMILIES:
        groups = [name for name, document in documents.sets.items() if document.family == family]
        pool = [f'{PREFIX}{family[-1]}-{number:03d}' for number in range(1, 2 * len(groups) + SPARES + 1)]
        names.update(zip(groups, pool))
        sets.update((name, SetDocument(family, '', ())) for name in pool)
    return _named(documents, names, sets)


def fitted(
    documents: Documents, loaded: Loaded, used: t.Set[str], labels: t.Mapping[str, str]
) -> t.Optional[Documents]:
    """DOCUMENTS with sets that are LOADED: for each group the one with its label if that has the members, otherwise
    one that is not USED by a rule in force. None if there are too few of them.

    LABELS: name of a set -> label in the configuration files.
    """
    groups = {name: documents.sets[name] for name in sorted(documents.used_sets)}
    names: t.Dict[str, str] = {}
    for group, document in groups.items():
        for name in loaded:
            if _belongs_to(name, document, labels) and same_members(loaded[name], document.entries):
                names[group] = name
    for group, document in groups.items():
        if group not in names:
            taken = used | set(names.values())
            idle = [name for name in loaded if family_of(name) == document.family and name not in taken]
            if not idle:
                return None
            # its own one first, so that after a rollback the names are those in the files
            names[group] = min(idle, key=lambda name: (not _belongs_to(name, document, labels), name))
    return _named(documents, names, {name: SetDocument(family_of(name), '', ()) for name in loaded})


def _belongs_to(name: str, group: SetDocument, labels: t.Mapping[str, str]) -> bool:
    return (labels.get(name), family_of(name)) == (group.label, group.family)


def labels(documents: Documents) -> t.Dict[str, str]:
    return {name: document.label for name, document in documents.sets.items()}


def same_members(one: t.Iterable[str], other: t.Iterable[str]) -> bool:
    """Whether both are the same addresses, however they are written."""
    return intervals_of.merge(map(traffic.interval, one)) == intervals_of.merge(map(traffic.interval, other))


def family_of(name: str) -> str:
    return f'ipv{name[len(PREFIX)]}'


def _named(documents: Documents, names: t.Mapping[str, str], sets: t.Dict[str, SetDocument]) -> Documents:
    """All policies and SETS, of which those in NAMES (group -> set) have the members of a group."""
    filled = {names[group]: document for group, document in documents.sets.items() if group in names}
    policies = {slot.name: idle_policy(slot) for slot in SLOTS.values()}
    policies.update((name, _renamed(document, names)) for name, document in documents.active.items())
    return Documents(policies, {**sets, **filled})


def _renamed(document: PolicyDocument, names: t.Mapping[str, str]) -> PolicyDocument:
    rules: t.List[RichRule] = []
    described = {}
    for rule in document.rules:
        renamed = rule._replace(peer=f'@{names[rule.set_name]}') if rule.set_name else rule
        described[description_key(renamed)] = document.described.get(description_key(rule), ())
        rules.append(renamed)
    return document._replace(rules=tuple(rules), described=described)
