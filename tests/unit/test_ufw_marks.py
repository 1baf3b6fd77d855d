"""Names of catalogs and marks of ours in ufw's files: whatever a product is called, what was written is read back, and
removed without a trace. Lines that iptables-restore would not read as one are refused."""

from __future__ import annotations

import json

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.ufw import (
    administrator_files,
    display,
    edits,
    managed_section,
    ruleset as rulesets,
    stock,
    user_rules,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.ufw.former import Former
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import Refused
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import policy as policies
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.peers import Members
from hypothesis import given, settings, strategies as st

HOSTILE = [
    'end',
    'endpoint',
    'begin',
    'begin_written',
    'off',
    'portmatrix',
    'management',
    'exclusive',
    'filter',
    'commit',
]
NAMES = st.one_of(st.sampled_from(HOSTILE), st.from_regex(r'[a-z][a-z0-9_]{0,63}', fullmatch=True))
TEXTS = st.one_of(
    st.sampled_from(
        ['# portmatrix end', '\n# portmatrix end\n', 'COMMIT', '-A INPUT -j ACCEPT', 'x' * 20_000, '€' * 9_000]
    ),
    st.text(max_size=60),
)
FAMILIES = dict.fromkeys(user_rules.PREFIXES, True)


def ruleset(names, text, exclusive, logs):
    """A policy with one flow a name and protocol, each from an address of its own."""
    rules, groups, citations = [], {}, {}
    for number, name in enumerate(names):
        for protocol, ports in (('icmp', []), ('tcp', ['443', '80-90']), ('vrrp', [])):
            flow = f'{name}/{name}-{protocol}'
            groups[flow] = [f'192.0.2.{number}/32']
            row = {'direction': 'ingress', 'protocol': protocol, 'ports': ports, 'group': flow, 'flows': [flow]}
            rules.append(row)
            citations[flow] = [text]
    management = {'sources': ['any'], 'ports': []}
    data = {'format': 1, 'egress': 'allow', 'exclusive': exclusive, 'log_denied': logs, 'management': management}
    policy = policies.parse(json.dumps({**data, 'groups': groups, 'rules': rules, 'citations': citations}))
    return policy, rulesets.build(policy, policies.guard(policy, [22]))


@settings(max_examples=150, deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=4, unique=True), TEXTS, st.booleans(), st.booleans())
def test_what_is_written_is_read_back_and_removed_without_a_trace(names, text, exclusive, logs):
    policy, wanted = ruleset(names, text, exclusive, logs)
    edited = edits.edit(stock.texts(), Former(), wanted, FAMILIES)
    # a second run changes nothing
    assert edits.edit(edited.texts, edited.former, wanted, FAMILIES).texts == edited.texts
    # every flow is found with its peer
    rules, sections = display.managed(['ipv4'], edited.texts)
    found = {(rule.protocol, flow, rule.peers) for rule in display.rules(rules, sections) for flow in rule.flows}
    assert {
        (rule.protocol, flow, Members((rule.peers.addresses[0].partition('/')[0],)))
        for rule in policy.rules
        for flow in rule.flows
    } <= {(protocol, flow, _single(peers)) for protocol, flow, peers in found}
    # a release leaves nothing
    after = edits.edit(edited.texts, edited.former, rulesets.EMPTY, FAMILIES)
    assert after.texts == stock.texts()
    # and no line is one that iptables-restore would break
    assert all(len(line.encode()) < 4000 for content in edited.texts.values() for line in content.splitlines())


def _single(peers):
    return Members(tuple(address.partition('/')[0] for address in getattr(peers, 'addresses', ())))


@pytest.mark.parametrize(
    'line',
    ['# ' + 'x' * 10_300 + '-A ufw-before-input -j ACCEPT', '-A ufw-before-input -m comment --comment ' + 'é' * 5_100],
)
def test_lines_that_would_be_broken_are_refused(line):
    text = f'*filter\n{line}\nCOMMIT\n'
    with pytest.raises(Refused, match=r'before\.rules, line 2: .*break it up'):
        list(administrator_files.tables('before.rules', text))
    with pytest.raises(Refused, match=r'user\.rules, line 2: '):
        user_rules.parse('user.rules', text)


def test_a_section_ends_with_its_last_line_only():
    section = managed_section.render_section(['# portmatrix endpoint/ping', '-A x', '# portmatrix end/ping', '-A y'])
    text = managed_section.compose('*filter\nCOMMIT\n', section, ())
    assert managed_section.section(text) == section and managed_section.unmanaged(text) == '*filter\nCOMMIT\n'
