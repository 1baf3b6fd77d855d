"""The settings of ufw: which are ours, for how long, and who else they are for."""

from __future__ import annotations

import json

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.ufw import (
    edits,
    ruleset,
    service,
    settings,
    stock,
    user_rules,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.ufw.former import Former
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import Refused
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import policy as policies

DEFAULTS = 'IPV6=yes\nDEFAULT_INPUT_POLICY="{input}"\nDEFAULT_OUTPUT_POLICY="{output}"\nDEFAULT_FORWARD_POLICY="DROP"\n'


def texts_of(enabled='yes', input='DROP', output='ACCEPT', more=''):
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


def step(texts, memory, egress):
    """(files, memory) after a run that allows or denies egress, or (None) takes everything away."""
    policy = policy_with(egress) if egress else None
    edited = edits.edit(texts, memory, ruleset.build(policy, ()), dict.fromkeys(user_rules.PREFIXES, True))
    return edited.texts, edited.former


def test_default_policies_are_ours_only_as_long_as_we_hold_them():
    start = texts_of('no', 'ACCEPT', 'ACCEPT')
    texts, memory = step(start, Former(), 'deny')
    assert settings.parse(texts).policies == {'input': 'DROP', 'output': 'REJECT', 'forward': 'DROP'}
    assert step(texts, memory, None) == (start, Former())
    texts, memory = step(texts, memory, 'allow')
    assert 'DEFAULT_OUTPUT_POLICY="ACCEPT"' in texts['/etc/default/ufw']
    # an administrator denies it later: that is theirs, and stays
    texts['/etc/default/ufw'] = texts['/etc/default/ufw'].replace('OUTPUT_POLICY="ACCEPT"', 'OUTPUT_POLICY="REJECT"')
    texts, memory = step(texts, memory, 'allow')
    assert 'DEFAULT_OUTPUT_POLICY="REJECT"' in texts['/etc/default/ufw']
    assert 'DEFAULT_OUTPUT_POLICY="REJECT"' in step(texts, memory, None)[0]['/etc/default/ufw']


def test_what_was_on_before_us_stays_on_though_it_was_off_for_a_while():
    texts, memory = step(texts_of('yes', 'DROP', 'ACCEPT'), Former(), 'allow')
    spoilt = {
        **texts,
        **{
            path: text
            for path, text in texts_of('no', 'ACCEPT', 'ACCEPT').items()
            if path in ('/etc/default/ufw', '/etc/ufw/ufw.conf')
        },
    }
    texts, memory = step(spoilt, memory, 'allow')
    after = settings.parse(step(texts, memory, None)[0])
    assert after.enabled and after.policies['input'] == 'DROP'


def test_a_setting_that_another_file_overrules_is_refused():
    with pytest.raises(Refused, match='DEFAULT_INPUT_POLICY is set both in /etc/default/ufw and in /etc/ufw/ufw.conf'):
        step(texts_of('yes', 'DROP', 'ACCEPT', 'DEFAULT_INPUT_POLICY="ACCEPT"\n'), Former(), 'allow')
    doubled = texts_of()
    doubled['/etc/default/ufw'] += 'DEFAULT_INPUT_POLICY="ACCEPT"\n'
    assert settings.parse(step(doubled, Former(), 'allow')[0]).policies['input'] == 'DROP'


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
def test_starting_ufw_on_a_host_that_forwards_is_warned_of(starting, forwards, policy, warned):
    texts = texts_of('no', 'DROP', 'ACCEPT')
    texts['/etc/default/ufw'] = texts['/etc/default/ufw'].replace('FORWARD_POLICY="DROP"', f'FORWARD_POLICY="{policy}"')
    parsed = settings.parse(texts)
    assert bool(service.warnings(service.Service('0.36.2', 'disabled', parsed, forwards), starting)) is warned
