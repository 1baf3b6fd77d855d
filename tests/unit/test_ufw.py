"""Rules of ufw without a host: what policies become, and how those of others are kept. Judged by oracles that share no
code with it."""

from __future__ import annotations

import ipaddress
import json
import re

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends import registry
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld import (
    display as firewalld_display,
    documents,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.ufw import (
    administrator_files,
    display,
    edits,
    notes,
    ruleset,
    tuples,
    user_rules,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import Refused
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import (
    peers as peers_of,
    policy as policies,
    report,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.peers import ANY
from hypothesis import given, settings, strategies as st

NETWORKS = st.one_of(
    st.builds(
        lambda number, width: str(ipaddress.ip_network((0xC0000200 + number, width), strict=False)),
        st.integers(0, 255),
        st.integers(28, 32),
    ),
    st.builds(
        lambda number, width: str(ipaddress.ip_network(((0x20010DB8 << 96) + number, width), strict=False)),
        st.integers(0, 255),
        st.integers(124, 128),
    ),
)
PORTS = st.builds(
    lambda low, more: str(low) if more == 0 else f'{low}-{low + more}',
    st.integers(1, 60),
    st.sampled_from([0, 0, 0, 1, 5]),
)
GROUPS = st.lists(NETWORKS, min_size=1, max_size=6).map(lambda found: sorted(map(str, _collapse(found))))


def _collapse(networks):
    for version in (4, 6):
        yield from ipaddress.collapse_addresses(
            net for net in map(ipaddress.ip_network, networks) if net.version == version
        )


@st.composite
def documents_of_policies(draw):
    groups = {f'g{number}': draw(GROUPS) for number in range(draw(st.integers(1, 3)))}
    rules = []
    for number in range(draw(st.integers(1, 8))):
        protocol = draw(st.sampled_from(['tcp', 'tcp', 'udp', 'sctp', 'icmp', 'icmpv6', 'esp', 'gre']))
        rules.append(
            {
                'direction': draw(st.sampled_from(['ingress', 'egress'])),
                'protocol': protocol,
                'ports': draw(st.lists(PORTS, min_size=1, max_size=20, unique=True))
                if protocol in ('tcp', 'udp', 'sctp')
                else [],
                'group': draw(st.sampled_from([*groups, None])),
                'flows': draw(
                    st.lists(
                        st.sampled_from([f'p/f{number}', 'p/shared', 'q/other']), min_size=1, max_size=2, unique=True
                    )
                ),
            }
        )
    return {
        'format': 1,
        'egress': draw(st.sampled_from(['allow', 'deny'])),
        'exclusive': draw(st.booleans()),
        'management': {'sources': ['192.0.2.250/32'], 'ports': []},
        'groups': groups,
        'rules': rules,
        'citations': {'p/shared': ['document, section, row']},
    }


def parsed(document):
    policy = policies.parse(json.dumps(document))
    return policy, policies.guard(policy, [22, 2222])


def opened(text, family):
    """What the -A lines of a file accept: (chain, protocol, side, network, port), expanded port by port. Knows
    iptables' options, nothing else."""
    for line in re.findall(r'(?m)^-A (ufw6?-(?:user|before)-(?:input|output) .*-j ACCEPT)$', text):
        found = dict(re.findall(r'(--?[\w-]+) (\S+)', line.split(' ', 1)[1]))
        if (
            '--ctstate' in found
            or 'lo' in (found.get('-i'), found.get('-o'))
            or re.search(r'--icmp\S*-type|--sport 67|--sport 547|--dport (5353|1900) -j ACCEPT$', line)
        ):
            continue
        chain, side = line.split()[0].rpartition('-')[2], 'source' if '--sport' in line else 'destination'
        peer = found.get('-s') or found.get('-d') or {'ipv4': '0.0.0.0/0', 'ipv6': '::/0'}[family]
        stated = next((value for option, value in found.items() if option.startswith(('--dport', '--sport'))), '0')
        assert len(re.findall(r'\d+', stated)) <= 15, 'more ports than iptables compares in one rule'
        for low, _colon, high in (part.partition(':') for part in stated.split(',')):
            for port in range(int(low), int(high or low) + 1):
                yield (
                    chain,
                    {'ipv6-icmp': 'icmpv6'}.get(found['-p'], found['-p']),
                    side if port else '',
                    ipaddress.ip_network(peer),
                    port,
                )


@settings(max_examples=200, deadline=None)
@given(documents_of_policies())
def test_rendered_files_admit_exactly_the_policy(document):
    policy, guard = parsed(document)
    texts = registry.create('ufw').render(policy, guard)
    for family, version in (('ipv4', 4), ('ipv6', 6)):
        found: dict = {}
        for path in (user_rules.PATHS[family], administrator_files.BEFORE[family]):
            for chain, protocol, side, network, port in opened(texts[path], family):
                found.setdefault((chain, protocol, side, port), []).append(network)
        wanted: dict = {}
        for rule in (*guard, *policy.rules):
            applies = (
                rule.direction in policy.enforced_directions
                and {'icmp': 4, 'icmpv6': 6}.get(rule.protocol, version) == version
            )
            whole = ['0.0.0.0/0' if version == 4 else '::/0']
            networks = [
                net
                for net in map(ipaddress.ip_network, whole if rule.peers is ANY else rule.peers.addresses)
                if net.version == version
            ]
            for low, high in (rule.ports or ((0, 0),)) if applies and networks else ():
                for port in range(low, high + 1):
                    side = ('source' if rule.source_port else 'destination') if port else ''
                    wanted.setdefault(
                        ({'ingress': 'input', 'egress': 'output'}[rule.direction], rule.protocol, side, port), []
                    ).extend(networks)
        assert {key: list(ipaddress.collapse_addresses(nets)) for key, nets in found.items()} == {
            key: list(ipaddress.collapse_addresses(nets)) for key, nets in wanted.items()
        }
    assert (
        'ENABLED=yes\n' in texts['/etc/ufw/ufw.conf'] and 'DEFAULT_INPUT_POLICY="DROP"\n' in texts['/etc/default/ufw']
    )
    assert (
        f'DEFAULT_OUTPUT_POLICY="{"REJECT" if document["egress"] == "deny" else "ACCEPT"}"\n'
        in texts['/etc/default/ufw']
    )


@settings(max_examples=200, deadline=None)
@given(documents_of_policies())
def test_rules_of_ours_have_one_key_each_and_say_the_same_as_on_firewalld(document):
    policy, guard = parsed(document)
    own = ruleset.build(policy, guard)
    for family in user_rules.PREFIXES:
        assert len({rule.key for rule in own.tuples[family]}) == len(own.tuples[family])
        for rule in own.tuples[family]:
            assert tuples.parse(rule.text()) == rule and notes.is_managed(rule)
        # rules grow with peers and flows, not with their product
        peers = {peer for rule in (*guard, *policy.rules) for peer in peers_of.to_data(rule.peers)}
        ports = sum(2 * len(rule.ports) or 1 for rule in (*guard, *policy.rules))
        assert len(own.tuples[family]) <= (len(peers) + 1) * (12 + ports / 15 * 2) + 4
    sections = ['\n'.join(rows) for rows in own.section.values()]
    here = display.rules([rule for rules in own.tuples.values() for rule in rules], sections)
    there = firewalld_display.rules(documents.build(policy, guard))
    assert sorted(line.text() for line in here) == sorted(line.text() for line in there)
    assert report.counts(here, there)['kept'] == len(here)


def rule(text):
    return tuples.parse(f'### tuple ### {text}')


FOREIGN = [
    rule('allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 in'),
    rule('deny any any 0.0.0.0/0 any 192.0.2.5 in'),
    rule('limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in'),
]
OURS = [
    rule(f'allow tcp {port} 0.0.0.0/0 any 192.0.2.9 in comment={tuples.comment("portmatrix p/f")}')
    for port in (443, 444)
]
REST = rule(f'deny_log any any 0.0.0.0/0 any 0.0.0.0/0 in comment={tuples.comment("portmatrix exclusive")}')


@pytest.mark.parametrize('place', range(4))
@pytest.mark.parametrize('exclusive', [False, True])
def test_others_keep_their_order_and_ours_their_place(place, exclusive):
    old = [*FOREIGN[:place], OURS[0], *FOREIGN[place:]]
    merged = edits.merge('f', old, [*OURS, REST] if exclusive else OURS, exclusive)
    assert [entry for entry in merged if not notes.is_managed(entry)] == FOREIGN
    assert [number for number, entry in enumerate(merged) if notes.is_managed(entry)] == (
        [0, 1, 2] if exclusive else [place, place + 1]
    )
    assert edits.merge('f', merged, [*OURS, REST] if exclusive else OURS, exclusive) == merged
    assert edits.merge('f', merged, (), False) == tuple(FOREIGN)


def test_new_rules_come_last_and_leave_the_first_place_with_exclusiveness():
    assert edits.merge('f', FOREIGN, OURS, False) == (*FOREIGN, *OURS)
    exclusive = edits.merge('f', FOREIGN, [*OURS, REST], True)
    assert exclusive == (*OURS, REST, *FOREIGN)
    assert edits.merge('f', exclusive, OURS, False) == (*FOREIGN, *OURS)


def test_what_somebody_else_states_already_is_not_stated_twice_and_the_opposite_is_refused():
    same = rule('allow tcp 443 0.0.0.0/0 any 192.0.2.9 in comment=6d696e65')
    assert edits.merge('f', [same], OURS, False) == (same, OURS[1])
    with pytest.raises(Refused, match='replace it: ufw allow in proto tcp from 192.0.2.9 to any port 443'):
        edits.merge('f', [same._replace(action='deny')], OURS, False)


def test_exclusive_keeps_denials_that_come_first_and_states_no_key_twice():
    banned = rule('deny any any 0.0.0.0/0 any 192.0.2.66 in')
    merged = edits.merge('f', [banned, *FOREIGN], [*OURS, REST], True)
    assert merged == (banned, *OURS, REST, *FOREIGN)
    own = ruleset.EMPTY._replace(tuples={'ipv4': (*OURS, REST), 'ipv6': ()})
    tuples_left, in_section = ruleset.split_conflicting('ipv4', own, [OURS[0].key])
    assert tuples_left == (OURS[1], REST)
    assert in_section == ['# portmatrix p/f', '-A ufw-before-input -s 192.0.2.9 -p tcp --dport 443 -j ACCEPT']
