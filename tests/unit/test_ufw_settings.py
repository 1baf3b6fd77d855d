"""The settings of ufw: which of them portmatrix manages, and until when; and what they affect in addition."""

from __future__ import annotations

import json

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.ufw import (
    edits,
    kernel,
    planning,
    ruleset,
    service,
    settings,
    stock,
    user_rules,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.ufw.former import Former
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import Refused
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import policy as policies
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.peers import Members
from test_ufw_kernel import kernel_with

FAMILIES = dict.fromkeys(user_rules.PREFIXES, True)
DEFAULTS = 'IPV6=yes\nDEFAULT_INPUT_POLICY="{input}"\nDEFAULT_OUTPUT_POLICY="{output}"\nDEFAULT_FORWARD_POLICY="DROP"\n'


def setting_files(enabled='yes', input='DROP', output='ACCEPT', more=''):
    return {
        **stock.texts(),
        '/etc/default/ufw': DEFAULTS.format(input=input, output=output),
        '/etc/ufw/ufw.conf': f'ENABLED={enabled}\nLOGLEVEL=low\n{more}',
    }


def policy_with(egress):
    return policies.parse(
        json.dumps(
            {
                'format': 1,
                'egress': egress,
                'exclusive': False,
                'management': {'sources': ['any'], 'ports': []},
                'groups': {},
                'rules': [],
                'citations': {},
            }
        )
    )


def converge(texts, former, egress):
    """(texts, former) after a run that allows or denies EGRESS, or (None) removes what portmatrix manages."""
    policy = policy_with(egress) if egress else None
    edited = edits.edit(texts, former, ruleset.build(policy, ()), FAMILIES)
    return edited.texts, edited.former


def test_default_policies_are_managed_only_while_the_policy_needs_them():
    start = setting_files('no', 'ACCEPT', 'ACCEPT')
    texts, former = converge(start, Former(), 'deny')
    assert settings.parse(texts).policies == {'input': 'DROP', 'output': 'REJECT', 'forward': 'DROP'}
    assert converge(texts, former, None) == (start, Former())
    texts, former = converge(texts, former, 'allow')
    assert 'DEFAULT_OUTPUT_POLICY="ACCEPT"' in texts['/etc/default/ufw']
    # an administrator denies it later: that is not managed, and is kept
    texts['/etc/default/ufw'] = texts['/etc/default/ufw'].replace('OUTPUT_POLICY="ACCEPT"', 'OUTPUT_POLICY="REJECT"')
    texts, former = converge(texts, former, 'allow')
    assert 'DEFAULT_OUTPUT_POLICY="REJECT"' in texts['/etc/default/ufw']
    assert 'DEFAULT_OUTPUT_POLICY="REJECT"' in converge(texts, former, None)[0]['/etc/default/ufw']


def test_what_was_enabled_before_the_first_run_is_enabled_after_the_release():
    texts, former = converge(setting_files('yes', 'DROP', 'ACCEPT'), Former(), 'allow')
    disabled = {
        **texts,
        **{
            path: text
            for path, text in setting_files('no', 'ACCEPT', 'ACCEPT').items()
            if path in ('/etc/default/ufw', '/etc/ufw/ufw.conf')
        },
    }
    texts, former = converge(disabled, former, 'allow')
    after = settings.parse(converge(texts, former, None)[0])
    assert after.enabled and after.policies['input'] == 'DROP'


def test_a_release_does_not_depend_on_what_the_files_of_administrators_open():
    start = setting_files('no', 'ACCEPT', 'ACCEPT')
    texts, former = converge(start, Former(), 'allow')
    broken = {**texts, '/etc/ufw/after6.rules': 'not a line of any table\n'}
    with pytest.raises(Refused, match='after6.rules'):
        converge(broken, former, 'allow')
    assert converge(broken, former, None)[0] == {**start, '/etc/ufw/after6.rules': 'not a line of any table\n'}


def test_a_setting_that_another_file_overrides_is_refused():
    with pytest.raises(Refused, match='DEFAULT_INPUT_POLICY is set both in /etc/default/ufw and in /etc/ufw/ufw.conf'):
        converge(setting_files('yes', 'DROP', 'ACCEPT', 'DEFAULT_INPUT_POLICY="ACCEPT"\n'), Former(), 'allow')
    repeated = setting_files()
    repeated['/etc/default/ufw'] += 'DEFAULT_INPUT_POLICY="ACCEPT"\n'
    assert settings.parse(converge(repeated, Former(), 'allow')[0]).policies['input'] == 'DROP'


@pytest.mark.parametrize(
    ('starting', 'forwards', 'policy', 'warned'),
    [
        (True, True, 'DROP', True),
        (True, True, 'REJECT', True),
        (True, True, 'ACCEPT', False),
        (True, False, 'DROP', False),
        (False, True, 'DROP', False),
    ],
)
def test_starting_ufw_on_a_host_that_forwards_is_a_warning(starting, forwards, policy, warned):
    texts = setting_files('no', 'DROP', 'ACCEPT')
    texts['/etc/default/ufw'] = texts['/etc/default/ufw'].replace('FORWARD_POLICY="DROP"', f'FORWARD_POLICY="{policy}"')
    parsed = settings.parse(texts)
    assert bool(service.warnings(service.Service('0.36.2', 'disabled', parsed, forwards), starting)) is warned


# (is ufw enabled, its default for what comes in, did an exclusive policy end the rules) -> is what others allow open
BEFORE = {
    ('no', 'DROP', False): True,
    ('no', 'DROP', True): True,
    ('yes', 'ACCEPT', True): True,
    ('yes', 'DROP', False): True,
    ('yes', 'DROP', True): False,
}


@pytest.mark.parametrize('exclusive', [False, True])
@pytest.mark.parametrize('enabled, default, was_exclusive', BEFORE)
def test_where_everything_is_open_nothing_is_said_to_be_closed(enabled, default, was_exclusive, exclusive):
    texts = setting_files(enabled, default)
    policy = policy_with('allow')
    if was_exclusive:
        texts = edits.edit(texts, Former(), ruleset.build(policy._replace(exclusive=True), ()), FAMILIES).texts
        texts.update(
            {path: setting_files(enabled, default)[path] for path in ('/etc/default/ufw', '/etc/ufw/ufw.conf')}
        )
    observed = service.Service('0.36', 'enabled', settings.parse(texts))
    live = {'ipv4': kernel.Table({}, {}), 'ipv6': kernel.Table({}, {})}
    state = planning.State(observed, texts, live, Former(), kernel_with(''))
    wanted = ruleset.build(policy._replace(exclusive=exclusive), ())
    others = planning._others(state, edits.edit(texts, Former(), wanted, FAMILIES), wanted, ())
    assert others.all and others.is_open_before is BEFORE[enabled, default, was_exclusive]
    assert others.is_open_after is not exclusive
    is_everything_open = enabled == 'no' or default == 'ACCEPT'
    assert any('everything' in opening.text for opening in others.open_before) is is_everything_open


@pytest.mark.parametrize(
    ('flow', 'needed'), [('baseline/dhcpv6-answer', ()), ('baseline/cloud-metadata', ()), ('avi/x', ('avi/x',))]
)
def test_a_host_without_ipv6_does_without_its_rows_of_the_baseline(flow, needed):
    """They are part of every policy, so IPV6=no would be refused on every host."""
    rule = policies.Rule('ingress', 'udp', ((546, 546),), 'group', Members(('fe80::/10',)), (flow,))
    assert ruleset.build(policy_with('allow')._replace(rules=(rule,)), ()).needs_ipv6 == needed
