# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what ufw's files contain to what they have to contain: managed rules added or removed, all else kept. Pure."""

from __future__ import annotations

import typing as t

from ..._base.errors import Refused
from . import administrator_files, managed_section, open_lines, ruleset as rulesets, settings, user_rules
from .former import Former
from .notes import is_exclusive, is_managed
from .open_lines import OpenLine
from .ruleset import Ruleset
from .settings import CHAINS, Settings
from .tuples import Tuple
from .user_rules import UserRules

Texts = t.Dict[str, str]  # path -> content of every file of ufw
# what portmatrix sets if the present value is less strict
STRICT = {'ENABLED': 'yes', 'DEFAULT_INPUT_POLICY': '"DROP"', 'DEFAULT_OUTPUT_POLICY': '"REJECT"'}


class Edited(t.NamedTuple):
    """The files as they have to be, the settings and rules (by family) in them, and what allows more than the policy:
    unmanaged rules, and (path, line) of before.rules and after.rules."""

    texts: Texts
    settings: Settings
    rules: t.Dict[str, t.Tuple[Tuple, ...]]
    former: Former
    extra_rules: t.Tuple[Tuple, ...]
    extra_lines: t.Tuple[t.Tuple[str, OpenLine], ...]


def edit(texts: Texts, former: Former, ruleset: Ruleset, can_limit: t.Dict[str, bool]) -> Edited:
    """The files for RULESET. CAN_LIMIT: family -> whether the kernel can limit rates; its families are those to edit.

    Raises Refused for a setting or a rule that contradicts the ruleset.
    """
    changed, after = edit_settings(texts, former, ruleset)
    rules = {}
    extra_rules: t.List[Tuple] = []
    extra_lines: t.List[t.Tuple[str, OpenLine]] = []
    for family, limits in can_limit.items():
        old = user_rules.parse(user_rules.PATHS[family], texts[user_rules.PATHS[family]])
        managed, lines = _managed_rules(family, old, ruleset)
        rules[family] = merge(user_rules.PATHS[family], old.tuples, managed, ruleset.exclusive)
        if ruleset.is_managed:
            user_file: t.Optional[str] = user_rules.render(family, rules[family], after, limits)
        else:
            user_file = _user_file_after_release(family, old, rules[family], after, limits, former)
        changed.update({} if user_file is None else {user_rules.PATHS[family]: user_file})
        opened = _extra_lines(family, texts, ruleset)
        changed.update(_before_file(family, texts, ruleset, lines, opened))
        changed.update(_after_file(family, texts, ruleset))
        extra_rules += [rule for rule in old.tuples if rulesets.exceeds(rule, family, ruleset)]
        extra_lines += opened
    values = changed_values(texts, former, ruleset)
    remembered = former.remember(texts, STRICT, values) if ruleset.is_managed else Former()
    return Edited(changed, after, rules, remembered, tuple(extra_rules), tuple(extra_lines))


def edit_settings(texts: Texts, former: Former, ruleset: Ruleset) -> t.Tuple[Texts, Settings]:
    """TEXTS with the settings that RULESET needs, and these. Raises Refused if another file overrides one of them."""
    changed = dict(texts)
    for name, value in changed_values(texts, former, ruleset).items():
        path = settings.FILE_OF[name]
        changed[path] = settings.change(changed[path], name, value)
    after = settings.parse(changed)
    for direction in ruleset.directions:
        if not after.enabled or after.policies[CHAINS[direction]] == 'ACCEPT':
            name = settings.POLICY_OF[direction] if after.enabled else 'ENABLED'
            raise Refused(
                f'{name} is set both in {settings.DEFAULTS} and in {settings.CONF}, and one overrides the other; '
                f'remove it from the file other than {settings.FILE_OF[name]}'
            )
    return changed, after


def changed_values(texts: Texts, former: Former, ruleset: Ruleset) -> t.Dict[str, t.Optional[str]]:
    """The settings to change: NAME -> new text, None removes it.

    A strict value that an administrator set stays, and a value that portmatrix set and someone changed since is not
    restored.
    """
    now = settings.parse(texts)
    in_effect = [name for name in former.written if _has_strict_value(texts, name)]
    if not ruleset.is_managed:
        return {name: former.values[name] for name in in_effect}
    values: t.Dict[str, t.Optional[str]] = {} if now.enabled else {'ENABLED': STRICT['ENABLED']}
    for direction, chain in CHAINS.items():
        name = settings.POLICY_OF[direction]
        if direction not in ruleset.directions:
            values.update({name: former.values[name]} if name in in_effect else {})
        elif now.policies[chain] == 'ACCEPT':
            values[name] = STRICT[name]
    return values


def _has_strict_value(texts: Texts, name: str) -> bool:
    value = settings.value(texts[settings.FILE_OF[name]], name)
    return settings.normalised(value) == settings.normalised(STRICT[name])


def _managed_rules(family: str, old: UserRules, ruleset: Ruleset) -> t.Tuple[t.Sequence[Tuple], t.Sequence[str]]:
    """The managed tuples, and the lines that become part of the section in place of some."""
    # a denial with the key of ours contradicts it, unless everything of others is closed anyway
    keys = [rule.key for rule in old.tuples if not is_managed(rule) and (rule.allows or ruleset.exclusive)]
    return rulesets.make_distinct(family, ruleset, keys)


def merge(path: str, old: t.Sequence[Tuple], managed: t.Sequence[Tuple], exclusive: bool) -> t.Tuple[Tuple, ...]:
    """The rules of the file PATH: unmanaged ones in their order, the managed ones in one block where they were.

    New ones are added at the end, exclusive ones at the beginning. Raises Refused for a rule that an unmanaged one
    denies.
    """
    others = [rule for rule in old if not is_managed(rule)]
    if exclusive:
        # unmanaged denials that come first (of banned hosts) keep their effect
        first = next((number for number, rule in enumerate(others) if rule.allows), len(others))
        return (*others[:first], *managed, *others[first:])
    existing = {rule.key: rule for rule in others}
    contradicting = [existing[rule.key] for rule in managed if rule.key in existing and existing[rule.key].denies]
    if contradicting:
        raise Refused(
            *(
                f'{path}: the rule "{rule.as_command()}", which portmatrix does not manage, contradicts the policy; '
                f'replace it: ufw {rule._replace(action="allow", log="").as_command()}'
                for rule in contradicting
            )
        )
    place = next((number for number, rule in enumerate(old) if is_managed(rule)), None)
    before = len(others)
    if place is not None and not is_exclusive(old):
        before = sum(not is_managed(rule) for rule in old[:place])
    return (*others[:before], *managed, *others[before:])


def _user_file_after_release(
    family: str, old: UserRules, rules: t.Tuple[Tuple, ...], settings_after: Settings, limits: bool, former: Former
) -> t.Optional[str]:
    """user.rules of a host that portmatrix no longer manages: the original file if it has the same RULES, None if the
    present one may stay as it is."""
    path = user_rules.PATHS[family]
    original = former.originals.get(path)
    # the package's own file is shorter than what ufw writes; any other one, ufw's form restores byte for byte
    if original is not None and user_rules.parse(path, original) == UserRules(rules, None):
        return original
    return None if rules == old.tuples else user_rules.render(family, rules, settings_after, limits)


def _before_file(
    family: str,
    texts: Texts,
    ruleset: Ruleset,
    lines: t.Iterable[str],
    opened: t.Iterable[t.Tuple[str, OpenLine]],
) -> Texts:
    path = administrator_files.BEFORE[family]
    if not ruleset.is_managed:
        return {path: managed_section.unmanaged(texts[path])}
    closing = {found.line for place, found in opened if place == path} if ruleset.exclusive else set()
    section = managed_section.render_section((*ruleset.section[family], *lines))
    return {path: managed_section.compose(texts[path], section, closing)}


def _after_file(family: str, texts: Texts, ruleset: Ruleset) -> Texts:
    """after.rules, whose last lines see what no rule has decided about."""
    path = administrator_files.AFTER[family]
    lines = [managed_section.log_line(family, direction) for direction in ruleset.directions]
    section = managed_section.render_section(lines) if ruleset.log_denied else ''
    return {path: managed_section.compose(texts[path], section, ())}


def _extra_lines(family: str, texts: Texts, ruleset: Ruleset) -> t.List[t.Tuple[str, OpenLine]]:
    """(path, line) of the administrator's lines that allow more than RULESET does; of no interest after a release."""
    if not ruleset.is_managed:
        return []
    return [
        (path, found)
        for path in (administrator_files.BEFORE[family], administrator_files.AFTER[family])
        for found in open_lines.read(path, texts[path], family)
        if open_lines.exceeds(found, family, ruleset)
    ]
