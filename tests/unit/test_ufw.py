"""Rules of ufw without a host: how policies are rendered, and how unmanaged rules are kept. Compared with oracles that
share no code with the back end."""

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
    stock,
    tuples,
    user_rules,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.ufw.former import Former
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
GROUPS = st.lists(NETWORKS, min_size=1, max_size=6).map(lambda networks: sorted(map(str, _collapse(networks))))


def _collapse(networks):
    for version in (4, 6):
        yield from ipaddress.collapse_addresses(
            net for net in map(ipaddress.ip_network, networks) if net.version == version
        )


@st.composite
def policy_documents(draw):
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


def parse(document):
    policy = policies.parse(json.dumps(document))
    return policy, policies.guard(policy, [22, 2222])


def accepted(text, family):
    """What the -A lines of a file accept: (chain, protocol, side, network, port) for every single port. It parses
    options of iptables, nothing else."""
    for line in re.findall(r'(?m)^-A (ufw6?-(?:user|before)-(?:input|output) .*-j ACCEPT)$', text):
        options = dict(re.findall(r'(--?[\w-]+) (\S+)', line.split(' ', 1)[1]))
        if (
            '--ctstate' in options
            or 'lo' in (options.get('-i'), options.get('-o'))
            or re.search(r'--icmp\S*-type|--sport 67|--sport 547|--dport (5353|1900) -j ACCEPT$', line)
        ):
            continue
        chain, side = line.split()[0].rpartition('-')[2], 'source' if '--sport' in line else 'destination'
        peer = options.get('-s') or options.get('-d') or {'ipv4': '0.0.0.0/0', 'ipv6': '::/0'}[family]
        ports = next((value for option, value in options.items() if option.startswith(('--dport', '--sport'))), '0')
        assert len(re.findall(r'\d+', ports)) <= 15, 'more ports than iptables allows in one rule'
        for low, _colon, high in (part.partition(':') for part in ports.split(',')):
            for port in range(int(low), int(high or low) + 1):
                yield (
                    chain,
                    {'ipv6-icmp': 'icmpv6'}.get(options['-p'], options['-p']),
                    side if port else '',
                    ipaddress.ip_network(peer),
                    port,
                )


@settings(max_examples=200, deadline=None)
@given(policy_documents())
def test_rendered_files_allow_exactly_what_the_policy_allows(document):
    policy, guard = parse(document)
    texts = registry.create('ufw').render(policy, guard)
    for family, version in (('ipv4', 4), ('ipv6', 6)):
        rendered: dict = {}
        for path in (user_rules.PATHS[family], administrator_files.BEFORE[family]):
            for chain, protocol, side, network, port in accepted(texts[path], family):
                rendered.setdefault((chain, protocol, side, port), []).append(network)
        expected: dict = {}
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
                    side = 'destination' if port else ''
                    expected.setdefault(
                        ({'ingress': 'input', 'egress': 'output'}[rule.direction], rule.protocol, side, port), []
                    ).extend(networks)
        assert {key: list(ipaddress.collapse_addresses(nets)) for key, nets in rendered.items()} == {
            key: list(ipaddress.collapse_addresses(nets)) for key, nets in expected.items()
        }
    assert (
        'ENABLED=yes\n' in texts['/etc/ufw/ufw.conf'] and 'DEFAULT_INPUT_POLICY="DROP"\n' in texts['/etc/default/ufw']
    )
    assert (
        f'DEFAULT_OUTPUT_POLICY="{"REJECT" if document["egress"] == "deny" else "ACCEPT"}"\n'
        in texts['/etc/default/ufw']
    )


@settings(max_examples=200, deadline=None)
@given(policy_documents())
def test_managed_rules_have_one_key_each_and_are_displayed_as_on_firewalld(document):
    policy, guard = parse(document)
    built = ruleset.build(policy, guard)
    for family in user_rules.PREFIXES:
        assert len({rule.key for rule in built.tuples[family]}) == len(built.tuples[family])
        for rule in built.tuples[family]:
            assert tuples.parse(rule.text()) == rule and notes.is_managed(rule)
        # the number of rules grows with peers and flows, not with their product
        peers = {peer for rule in (*guard, *policy.rules) for peer in peers_of.to_data(rule.peers)}
        ports = sum(2 * len(rule.ports) or 1 for rule in (*guard, *policy.rules))
        assert len(built.tuples[family]) <= (len(peers) + 1) * (12 + ports / 15 * 2) + 4
    sections = ['\n'.join(lines) for lines in built.section.values()]
    on_ufw = display.rules([rule for rules in built.tuples.values() for rule in rules], sections)
    on_firewalld = firewalld_display.rules(documents.build(policy, guard))
    assert sorted(line.text() for line in on_ufw) == sorted(line.text() for line in on_firewalld)
    assert report.counts(on_ufw, on_firewalld)['kept'] == len(on_ufw)


def rule(text):
    return tuples.parse(f'### tuple ### {text}')


UNMANAGED = [
    rule('allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 in'),
    rule('deny any any 0.0.0.0/0 any 192.0.2.5 in'),
    rule('limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in'),
]
MANAGED = [
    rule(f'allow tcp {port} 0.0.0.0/0 any 192.0.2.9 in comment={tuples.comment("portmatrix p/f")}')
    for port in (443, 444)
]
REST = rule(f'deny_log any any 0.0.0.0/0 any 0.0.0.0/0 in comment={tuples.comment("portmatrix exclusive")}')


@pytest.mark.parametrize('position', range(4))
@pytest.mark.parametrize('exclusive', [False, True])
def test_unmanaged_rules_keep_their_order_and_managed_ones_their_position(position, exclusive):
    old = [*UNMANAGED[:position], MANAGED[0], *UNMANAGED[position:]]
    merged = edits.merge('f', old, [*MANAGED, REST] if exclusive else MANAGED, exclusive)
    assert [entry for entry in merged if not notes.is_managed(entry)] == UNMANAGED
    assert [number for number, entry in enumerate(merged) if notes.is_managed(entry)] == (
        [0, 1, 2] if exclusive else [position, position + 1]
    )
    assert edits.merge('f', merged, [*MANAGED, REST] if exclusive else MANAGED, exclusive) == merged
    assert edits.merge('f', merged, (), False) == tuple(UNMANAGED)


def test_new_rules_come_last_and_with_exclusive_first():
    assert edits.merge('f', UNMANAGED, MANAGED, False) == (*UNMANAGED, *MANAGED)
    exclusive = edits.merge('f', UNMANAGED, [*MANAGED, REST], True)
    assert exclusive == (*MANAGED, REST, *UNMANAGED)
    assert edits.merge('f', exclusive, MANAGED, False) == (*UNMANAGED, *MANAGED)


@pytest.mark.parametrize('exclusive', [False, True])
@pytest.mark.parametrize('action', ['allow', 'limit'])
def test_a_rule_of_ours_stays_when_somebody_deletes_his_own_like_it(action, exclusive):
    same = f'{action} tcp 443 0.0.0.0/0 any 192.0.2.9 in comment=6d696e65'
    gre = f'{action} gre any 0.0.0.0/0 any 192.0.2.9 in'
    texts = {**stock.texts(), user_rules.PATHS['ipv4']: '\n'.join(['### tuple ### ' + text for text in (same, gre)])}
    own = (*MANAGED, MANAGED[0]._replace(protocol='gre', dport='any'))
    wanted = ruleset.EMPTY._replace(
        is_managed=True, tuples={'ipv4': own, 'ipv6': ()}, directions=('ingress',), exclusive=exclusive
    )
    edited = edits.edit(texts, Former(), wanted, {'ipv4': True})
    rules = edited.rules['ipv4']
    assert len({entry.key for entry in rules}) == len(rules), 'for ufw, two rules with one key are one'
    mine = [entry.as_command() for entry in rules if notes.is_managed(entry) and entry.action == 'allow']
    source = 'from 192.0.2.9'
    assert mine == [
        f'allow in proto tcp {source} port 1:65535 to any port 443',
        f'allow in proto tcp {source} to any port 444',
    ]
    assert '-A ufw-before-input -s 192.0.2.9 -p gre -j ACCEPT' in edited.texts['/etc/ufw/before.rules']


def test_the_opposite_of_a_rule_is_refused():
    same = rule('allow tcp 443 0.0.0.0/0 any 192.0.2.9 in comment=6d696e65')
    with pytest.raises(Refused, match='replace it: ufw allow in proto tcp from 192.0.2.9 to any port 443'):
        edits.merge('f', [same._replace(action='deny')], MANAGED, False)


def test_exclusive_keeps_denials_that_come_first():
    banned = rule('deny any any 0.0.0.0/0 any 192.0.2.66 in')
    merged = edits.merge('f', [banned, *UNMANAGED], [*MANAGED, REST], True)
    assert merged == (banned, *MANAGED, REST, *UNMANAGED)


def test_denials_that_an_exclusive_policy_comes_before_are_named():
    late = rule('deny tcp 443 0.0.0.0/0 any 192.0.2.9 in')
    elsewhere = rule('deny tcp 25 0.0.0.0/0 any 192.0.2.66 in')
    others = [UNMANAGED[0]._replace(action='allow'), late, elsewhere]
    own = rule(f'allow tcp 443 0.0.0.0/0 any 192.0.2.9 in comment={tuples.comment("portmatrix p/f")}')
    assert display.shadowed_denials(edits.merge('f', others, [own, REST], True)) == [late]
    assert display.shadowed_denials(edits.merge('f', others[:1] + [elsewhere], [own], False)) == []
