# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what ufw's files say to what they are to say: ours put in or taken out, everything of others kept as it is. Pure."""

from __future__ import annotations

import typing as t

from ..._base.errors import Refused
from ..._model import traffic
from ..._model.policy import Policy
from . import before_rules, compiler, settings, user_rules
from .before_rules import Opening
from .compiler import Rules
from .settings import Settings
from .tuples import Tuple
from .user_rules import UserRules

# what we set where it is not as strict
_STRICT = {'ENABLED': 'yes', 'DEFAULT_INPUT_POLICY': '"DROP"', 'DEFAULT_OUTPUT_POLICY': '"REJECT"'}


class Memory(t.NamedTuple):
    """What was there before us, noted once, at the first application: `values` (NAME -> text behind "="), `originals` (path -> text of files that ufw
    writes), `steps` (what we switched on with systemd), and the `policies` of the built-in chains of a ufw that was off. `written` are the settings
    that are ours now."""

    values: t.Dict[str, t.Optional[str]] = {}
    written: t.Tuple[str, ...] = ()
    originals: t.Dict[str, str] = {}
    steps: t.Tuple[str, ...] = ()
    policies: t.Dict[str, t.Dict[str, str]] = {}

    @classmethod
    def of(cls, data: t.Dict[str, t.Any]) -> Memory:
        """From what `_asdict` gave, by way of JSON."""
        fields = dict(data)
        fields.update((name, tuple(data[name])) for name in ('written', 'steps') if name in data)
        return cls(**fields)


class Edited(t.NamedTuple):
    """The files as they are to be, what they mean, and what is beside the policy: rules and lines of others that let in more."""

    texts: t.Dict[str, str]
    settings: Settings
    rules: t.Dict[str, t.Tuple[Tuple, ...]]
    memory: Memory
    foreign: t.Tuple[Tuple, ...]
    openings: t.Tuple[t.Tuple[str, Opening], ...]


def settings_after(
    texts: t.Dict[str, str], memory: Memory, policy: t.Optional[Policy]
) -> t.Tuple[t.Dict[str, str], Settings]:
    """TEXTS with the settings that POLICY needs, and what they mean. Raises Refused where a setting stands in a place that overrules ours."""
    changed = dict(texts)
    for name, value in changed_values(texts, memory, policy).items():
        path = settings.FILE_OF[name]
        changed[path] = settings.change(changed[path], name, value)
    after = settings.parse(changed)
    for direction in policy.directions if policy else ():
        if not after.enabled or after.policies[{'ingress': 'input', 'egress': 'output'}[direction]] == 'ACCEPT':
            name = settings.POLICY_OF[direction] if after.enabled else 'ENABLED'
            raise Refused(
                f'{name} is set in {settings.DEFAULTS} and in {settings.CONF}, and the one overrules the other; leave it in {settings.FILE_OF[name]} only'
            )
    return changed, after


def edit(
    texts: t.Dict[str, str],
    memory: Memory,
    policy: t.Optional[Policy],
    own: Rules,
    admits: traffic.Reach,
    limits: t.Dict[str, bool],
) -> Edited:
    """The files for POLICY (None: without anything of ours), whose rules are OWN and which ADMITS what it does. LIMITS: family -> whether the kernel
    can limit rates; its families are those to edit."""
    changed, after = settings_after(texts, memory, policy)
    rules = {}
    foreign: t.List[Tuple] = []
    openings: t.List[t.Tuple[str, Opening]] = []
    exclusive = policy is not None and policy.exclusive
    for family, limited in limits.items():
        path, before = user_rules.PATHS[family], before_rules.BEFORE[family]
        old = user_rules.parse(path, texts[path])
        mine, lines = (
            compiler.apart(family, own, [rule.key for rule in old.tuples if not compiler.is_ours(rule)])
            if exclusive
            else (own.tuples[family], ())
        )
        rules[family] = merge(path, old.tuples, mine, exclusive)
        changed[path] = _user_file(family, old, rules[family], after, limited, texts[path], memory, policy is not None)
        if policy:
            foreign += [rule for rule in old.tuples if _adds(rule, family, policy, admits)]
            found = _openings(family, texts, policy, admits)
            openings += found
            closing = {opening.line for place, opening in found if place == before} if exclusive else ()
            changed[before] = before_rules.compose(
                texts[before], compiler.section(family, (*own.sections[family], *lines)), closing
            )
        else:
            changed[before] = before_rules.foreign(texts[before])
    remembered = _remembered(texts, changed_values(texts, memory, policy), memory) if policy else Memory()
    return Edited(changed, after, rules, remembered, tuple(foreign), tuple(openings))


def _openings(
    family: str, texts: t.Dict[str, str], policy: Policy, admits: traffic.Reach
) -> t.List[t.Tuple[str, Opening]]:
    """(path, line) of the administrator's lines that let in what POLICY, which ADMITS what it does, denies."""
    return [
        (path, opening)
        for path in (before_rules.BEFORE[family], before_rules.AFTER[family])
        for opening in before_rules.openings(path, texts[path])
        if opening.direction in policy.directions and before_rules.beyond(opening, family, admits)
    ]


def _remembered(texts: t.Dict[str, str], values: t.Dict[str, t.Optional[str]], memory: Memory) -> Memory:
    """MEMORY, with what is there now if this is the first application, and with which settings are ours once VALUES are set."""
    written = tuple(
        name
        for name in _STRICT
        if (name in memory.written or name in values) and values.get(name, _STRICT[name]) == _STRICT[name]
    )
    if memory.originals:
        return memory._replace(written=written)
    return memory._replace(
        values={name: settings.value(texts[settings.FILE_OF[name]], name) for name in _STRICT},
        originals={path: texts[path] for path in user_rules.PATHS.values()},
        written=written,
    )


def changed_values(texts: t.Dict[str, str], memory: Memory, policy: t.Optional[Policy]) -> t.Dict[str, t.Optional[str]]:
    """The settings to change: NAME -> new text. What somebody else set to a strict value stays, and what is ours no more is not taken back."""
    now = settings.parse(texts)
    ours = [
        name
        for name in memory.written
        if settings.plain(settings.value(texts[settings.FILE_OF[name]], name)) == settings.plain(_STRICT[name])
    ]
    if policy is None:
        return {name: memory.values[name] for name in ours}
    values: t.Dict[str, t.Optional[str]] = {} if now.enabled else {'ENABLED': _STRICT['ENABLED']}
    for direction, target in (('ingress', 'input'), ('egress', 'output')):
        name = settings.POLICY_OF[direction]
        if direction not in policy.directions:
            values.update({name: memory.values[name]} if name in ours else {})
        elif now.policies[target] == 'ACCEPT':
            values[name] = _STRICT[name]
    return values


def merge(path: str, old: t.Sequence[Tuple], own: t.Sequence[Tuple], exclusive: bool) -> t.Tuple[Tuple, ...]:
    """The rules of a file: those of others in their order, ours in one block where they stood (new: at the end; exclusive: first).

    What a rule of somebody else states in the same words is not stated twice. Raises Refused where it says the opposite.
    """
    others = [rule for rule in old if not compiler.is_ours(rule)]
    place = next((number for number, rule in enumerate(old) if compiler.is_ours(rule)), None)
    was_exclusive = any(compiler.is_ours(rule) and rule.note() == compiler.EXCLUSIVE for rule in old)
    if exclusive:
        # denials of others that come first (of hosts that were banned) keep their effect
        first = next((number for number, rule in enumerate(others) if rule.action in ('allow', 'limit')), len(others))
        return (*others[:first], *own, *others[first:])
    stated = {rule.key: rule for rule in others}
    contrary = [
        stated[rule.key] for rule in own if rule.key in stated and stated[rule.key].action not in ('allow', 'limit')
    ]
    if contrary:
        raise Refused(
            *(
                f'{path}: the rule "{rule.words()}" of somebody else is against the policy; replace it with: ufw {_allowed(rule)}'
                for rule in contrary
            )
        )
    before = len(others) if place is None or was_exclusive else sum(not compiler.is_ours(rule) for rule in old[:place])
    return (*others[:before], *(rule for rule in own if rule.key not in stated), *others[before:])


def _allowed(rule: Tuple) -> str:
    return rule._replace(action='allow', log='').words()


def _user_file(
    family: str,
    old: UserRules,
    rules: t.Tuple[Tuple, ...],
    after: Settings,
    limits: bool,
    text: str,
    memory: Memory,
    enforced: bool,
) -> str:
    """The text of user.rules; without us the one that was there before us, if it says the same."""
    path = user_rules.PATHS[family]
    if not enforced:
        original = memory.originals.get(path)
        # the package's own file is shorter than what ufw writes; anything else ufw's form restores to the byte
        if original is not None and user_rules.parse(path, original) == UserRules(rules, None):
            return original
        if rules == old.tuples:
            return text
    return user_rules.render(family, rules, after, limits)


def _adds(rule: Tuple, family: str, policy: Policy, admits: traffic.Reach) -> bool:
    """Whether a rule of somebody else lets pass what the policy denies."""
    direction = 'ingress' if rule.direction == 'in' else 'egress'
    if (
        rule.route
        or compiler.is_ours(rule)
        or rule.action not in ('allow', 'limit')
        or direction not in policy.directions
    ):
        return False
    return not compiler.admitted(rule, family, admits)
