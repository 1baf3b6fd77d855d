# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of the module from the facts that a Windows host answers with: the same keys and words as on Linux."""

from __future__ import annotations

import typing as t

from ....module_utils._model import openings, report
from ....module_utils._model.directions import EGRESS, INGRESS
from ....module_utils._model.openings import Opening
from ....module_utils._model.peers import ANY, Members
from ....module_utils._model.policy import Policy
from ....module_utils._model.protocols import catalog_name
from ....module_utils._model.report import AtomicRule, DisplayRule, Side
from . import messages, rules as windows_rules
from .messages import PROFILES

BACKEND = 'windows'
_DIRECTIONS = {'in': INGRESS, 'out': EGRESS}
Facts = t.Mapping[str, t.Any]
Result = dict[str, t.Any]


def change(facts: Facts, policy: Policy | None, token: str) -> Result:
    """The result of states enforced and absent. TOKEN names the change that waits for its confirmation."""
    wanted = _wanted(policy, facts)
    came, went = set(facts['came']), [_rule(data) for data in facts['went']]
    kept = [rule for rule in wanted if rule.name not in came]
    before, after = display([*kept, *went]), display(wanted)
    closing = [_opening(name, way) for name, way, is_closed in facts.get('allowing', ()) if is_closed]
    staying = [_opening(name, way) for name, way, is_closed in facts.get('allowing', ()) if not is_closed]
    switched = [(_other(name, way), 'off', 'on') for name, way in facts['enabled']]
    switched += [(_other(name, way), 'on', 'off') for name, way in facts['disabled']]
    is_open = openings.diff_lines([*closing, *staying], is_open=True)
    old = [*_profile_lines(facts['profiles_before']), *is_open, *(f'{text}: {was}' for text, was, _is in switched)]
    new = [
        *_profile_lines(facts['profiles_after']),
        *openings.diff_lines(closing, is_open=False),
        *openings.diff_lines(staying, is_open=True),
        *(f'{text}: {now}' for text, _was, now in switched),
    ]
    if facts['changed'] and (old, set(before)) == (new, set(after)):
        old += [f'rule {rule.name!r}: another form of what is wanted' for rule in went]
    return {
        'changed': facts['changed'],
        'backend': BACKEND,
        'digest': facts['digest'],
        'transition': 'hitless' if facts['changed'] else 'none',
        'diff': report.diff(Side(old, before), Side(new, after), BACKEND),
        'warnings': [*_warnings(facts, policy, closing, staying)],
        **report.counts(before, after),
        'addresses': facts.get('addresses', []),
        **({'pending': {'token': token, 'state': 'enforced' if policy else 'absent'}} if facts.get('pending') else {}),
    }


def gathered(facts: Facts) -> Result:
    """The result of state gathered."""
    rules = display([_rule(data) for data in facts['rules'] if data[6]])
    return {
        'changed': False,
        'gathered': {
            'backend': BACKEND,
            'version': facts['version'],
            'active': facts['active'],
            'enforced': facts['enforced'],
            'state': _profile_lines(facts['profiles_before']),
            'rules': report.to_data(rules),
        },
    }


def display(rules: t.Iterable[windows_rules.Rule]) -> list[DisplayRule]:
    """RULES as an operator reads them."""
    return report.display_rules(
        AtomicRule(rule.direction, rule.protocol, port, peer, windows_rules.flows_in(rule.description))
        for rule in rules
        for port in rule.ports or ('',)
        for peer in (rule.peers.addresses if isinstance(rule.peers, Members) else (ANY,))
    )


def _wanted(policy: Policy | None, facts: Facts) -> list[windows_rules.Rule]:
    """All rules that the host has after the change."""
    if policy is None:
        return []
    return [*(_rule(data) for data in facts['management']), *windows_rules.build(policy)]


def _rule(data: t.Sequence[t.Any]) -> windows_rules.Rule:
    """A rule as Facts.cs describes it. One that is off allows nothing."""
    name, description, way, protocol, ports, peers, enabled = data
    return windows_rules.Rule(
        name,
        description,
        _DIRECTIONS[way],
        'any' if protocol == 256 else catalog_name(str(protocol)),
        tuple(ports.split(',')) if ports not in ('', '*') else (),
        Members(()) if not enabled else ANY if peers == '*' else Members(tuple(peers.split(','))),
    )


def _other(name: str, way: str) -> str:
    return f"rule '{name}' ({_DIRECTIONS[way]}), not managed by portmatrix"


def _opening(name: str, way: str) -> Opening:
    return Opening(_DIRECTIONS[way], (), (), f"rule '{name}' ({_DIRECTIONS[way]})")


def _profile_lines(profiles: t.Mapping[str, t.Sequence[bool]]) -> list[str]:
    lines = []
    for number, (enabled, ingress, egress, logs, _shields) in sorted(profiles.items()):
        words = ['on' if enabled else 'off', f'ingress {_verdict(ingress)}', f'egress {_verdict(egress)}']
        lines.append(
            f'{PROFILES[int(number)]} profile: {", ".join([*words, *(["denied packets logged"] if logs else [])])}'
        )
    return lines


def _verdict(denies: bool) -> str:
    return 'deny' if denies else 'allow'


def _warnings(
    facts: Facts, policy: Policy | None, closing: t.Sequence[Opening], staying: t.Sequence[Opening]
) -> t.Iterator[str]:
    """What an operator has to know."""
    if policy and not policy.exclusive:
        yield from openings.warnings(staying)
    if closing and facts['changed']:
        used = [openings.used_text('tcp', port, peer) for port, peer in facts['in_use']]
        yield openings.closing_warning(closing, used)
    if facts.get('blocking'):
        yield _blocking(facts['blocking'], {rule.name: rule for rule in _wanted(policy, facts)})
    for port, sources in sorted(facts.get('management_sources', {}).items(), key=lambda item: int(item[0])):
        yield report.management_warning([int(port)], sources)
    for number, code in facts.get('later_obstacles', ()):
        text, _rolled_back = messages.refusal(code, {'profile': number})
        yield f'once the {PROFILES[number]} profile is active, the policy has no effect there: {text.partition(";")[0]}'
    for key, text in _NOTICES.items():
        if facts.get(key):
            yield text.format(messages.names(facts[key]))
    if facts.get('blocked_ways'):
        others = ', '.join(map(messages.connection_text, facts['blocked_ways']))
        yield f'other management connections that are denied from now on: {others}'
    if facts.get('way_unseen') or facts.get('way_unproven'):
        problem = 'seen on the host' if facts.get('way_unseen') else 'proven to pass the rules of others'
        yield f'the management connection of this run cannot be {problem}; its confirmation decides'
    if facts.get('waited'):
        yield f'this run waited {facts["waited"]} s until the change of another one was confirmed or rolled back'
    if facts.get('late_rollback'):
        answer = facts['late_rollback']
        yield (
            'an earlier change was not confirmed, and its scheduled task did not roll it back; this run did: '
            f'{messages.reason(answer["reason"], answer["details"])}; check the Task Scheduler of this host'
        )


_NOTICES = {
    'unreadable': 'rules that could not be read, and may block: {}',
    'limited': 'rules managed by portmatrix that somebody has limited further, and that are kept so: {}',
    'came_back': 'rules not managed by portmatrix that were disabled and that something on the host has enabled: {}',
    'not_found': (
        'rules not managed by portmatrix that were disabled, and are not there any more as they were, so that they '
        'stay as they are: {}'
    ),
    'fixed': 'rules not managed by portmatrix that this host does not let anybody disable: {}',
    'other_firewalls': 'other firewall products are registered, which may filter as well: {}',
    'forwarded_ports': 'ports that this host forwards to others, past the rules for ingress to them: {}',
    'excluded_interfaces': 'network adapters that are excluded from the firewall: {}',
}


def _blocking(blocking: t.Sequence[t.Sequence[t.Any]], wanted: t.Mapping[str, windows_rules.Rule]) -> str:
    """That rules of others deny what the policy allows."""
    texts = []
    for name, _way, restricted in blocking:
        flows = sorted({flow for rule in restricted for flow in windows_rules.flows_in(wanted[rule].description)})
        texts.append(f'{name!r} (of {report.shorten(flows, messages.NAMES_LIMIT)})')
    return (
        'rules not managed by portmatrix deny what the policy allows, and come first: '
        f'{report.shorten(texts, messages.NAMES_LIMIT)}; disable them if they are not intended'
    )
