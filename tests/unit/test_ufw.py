"""ufw without a host: what policies become, how foreign rules are kept, what a new connection meets. Judged by oracles that share no code with it."""

from __future__ import annotations

import ipaddress
import itertools
import json
import re

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils import backends, policy as policies, words
from ansible_collections.portmatrix.firewall.plugins.module_utils.errors import Refused
from ansible_collections.portmatrix.firewall.plugins.module_utils.firewalld import documents, lines as firewalld_lines
from ansible_collections.portmatrix.firewall.plugins.module_utils.ufw import build, edits, framework, kernel, lines, tuples, userrules, verdict
from hypothesis import given, settings, strategies as st

NETWORKS = st.one_of(
    st.builds(lambda number, width: str(ipaddress.ip_network((0xC0000200 + number, width), strict=False)), st.integers(0, 255), st.integers(28, 32)),
    st.builds(lambda number, width: str(ipaddress.ip_network(((0x20010DB8 << 96) + number, width), strict=False)), st.integers(0, 255), st.integers(124, 128)),
)
PORTS = st.builds(lambda low, more: str(low) if more == 0 else f'{low}-{low + more}', st.integers(1, 60), st.sampled_from([0, 0, 0, 1, 5]))
GROUPS = st.lists(NETWORKS, min_size=1, max_size=6).map(lambda found: sorted(map(str, _collapse(found))))


def _collapse(networks):
    for version in (4, 6):
        yield from ipaddress.collapse_addresses(net for net in map(ipaddress.ip_network, networks) if net.version == version)


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
                'ports': draw(st.lists(PORTS, min_size=1, max_size=20, unique=True)) if protocol in ('tcp', 'udp', 'sctp') else [],
                'group': draw(st.sampled_from([*groups, None])),
                'flows': draw(st.lists(st.sampled_from([f'p/f{number}', 'p/shared', 'q/other']), min_size=1, max_size=2, unique=True)),
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
    """What the -A lines of a file accept: (chain, protocol, side, network, port), expanded port by port. Knows iptables' options, nothing else."""
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
                yield chain, {'ipv6-icmp': 'icmpv6'}.get(found['-p'], found['-p']), side if port else '', ipaddress.ip_network(peer), port


@settings(max_examples=200, deadline=None)
@given(documents_of_policies())
def test_rendered_files_admit_exactly_the_policy(document):
    policy, guard = parsed(document)
    texts = backends.choose('ufw').render(policy, guard)
    for family, version in (('ipv4', 4), ('ipv6', 6)):
        found: dict = {}
        for path in (userrules.PATHS[family], framework.BEFORE[family]):
            for chain, protocol, side, network, port in opened(texts[path], family):
                found.setdefault((chain, protocol, side, port), []).append(network)
        wanted: dict = {}
        for rule in (*guard, *policy.rules):
            applies = rule.direction in policy.directions and {'icmp': 4, 'icmpv6': 6}.get(rule.protocol, version) == version
            whole = ['0.0.0.0/0' if version == 4 else '::/0']
            networks = [net for net in map(ipaddress.ip_network, whole if rule.peers is None else rule.peers) if net.version == version]
            for low, high in (rule.ports or ((0, 0),)) if applies and networks else ():
                for port in range(low, high + 1):
                    side = ('source' if rule.source_port else 'destination') if port else ''
                    wanted.setdefault(({'ingress': 'input', 'egress': 'output'}[rule.direction], rule.protocol, side, port), []).extend(networks)
        assert {key: list(ipaddress.collapse_addresses(nets)) for key, nets in found.items()} == {
            key: list(ipaddress.collapse_addresses(nets)) for key, nets in wanted.items()
        }
    assert 'ENABLED=yes\n' in texts['/etc/ufw/ufw.conf'] and 'DEFAULT_INPUT_POLICY="DROP"\n' in texts['/etc/default/ufw']
    assert f'DEFAULT_OUTPUT_POLICY="{"REJECT" if document["egress"] == "deny" else "ACCEPT"}"\n' in texts['/etc/default/ufw']


@settings(max_examples=200, deadline=None)
@given(documents_of_policies())
def test_rules_of_ours_have_one_key_each_and_say_the_same_as_on_firewalld(document):
    policy, guard = parsed(document)
    own = build.build(policy, guard)
    for family in userrules.PREFIXES:
        assert len({rule.key for rule in own.tuples[family]}) == len(own.tuples[family])
        for rule in own.tuples[family]:
            assert tuples.parse(rule.text()) == rule and build.is_ours(rule)
        # rules grow with peers and flows, not with their product
        peers = {peer for rule in (*guard, *policy.rules) for peer in rule.peers or ('any',)}
        ports = sum(2 * len(rule.ports) or 1 for rule in (*guard, *policy.rules))
        assert len(own.tuples[family]) <= (len(peers) + 1) * (12 + ports / 15 * 2) + 4
    sections = ['\n'.join(rows) for rows in own.sections.values()]
    here = lines.rules([rule for rules in own.tuples.values() for rule in rules], sections)
    there = firewalld_lines.rules(documents.build(policy, guard))
    assert sorted(line.text() for line in here) == sorted(line.text() for line in there)
    assert words.counts(here, there)['kept'] == len(here)


def rule(text):
    return tuples.parse(f'### tuple ### {text}')


FOREIGN = [rule('allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 in'), rule('deny any any 0.0.0.0/0 any 192.0.2.5 in'), rule('limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in')]
OURS = [rule(f'allow tcp {port} 0.0.0.0/0 any 192.0.2.9 in comment={tuples.comment("portmatrix p/f")}') for port in (443, 444)]
REST = rule(f'deny_log any any 0.0.0.0/0 any 0.0.0.0/0 in comment={tuples.comment("portmatrix exclusive")}')


@pytest.mark.parametrize('place', range(4))
@pytest.mark.parametrize('exclusive', [False, True])
def test_others_keep_their_order_and_ours_their_place(place, exclusive):
    old = [*FOREIGN[:place], OURS[0], *FOREIGN[place:]]
    merged = edits.merge('f', old, [*OURS, REST] if exclusive else OURS, exclusive)
    assert [entry for entry in merged if not build.is_ours(entry)] == FOREIGN
    assert [number for number, entry in enumerate(merged) if build.is_ours(entry)] == ([0, 1, 2] if exclusive else [place, place + 1])
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
    with pytest.raises(Refused, match='replace it with: ufw allow in proto tcp from 192.0.2.9 to any port 443'):
        edits.merge('f', [same._replace(action='deny')], OURS, False)


@pytest.mark.parametrize(
    'line, opens',
    [
        ('-A ufw-before-input -i lo -j ACCEPT', False),
        ('-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT', False),
        ('-A ufw-before-input -p udp -d 224.0.0.251 --dport 5353 -j ACCEPT', True),
        ('-A ufw-before-input -p udp --sport 67 --dport 68 -j ACCEPT', True),
        ('-A ufw-before-input -p tcp -m multiport --dports 80,81 -j ACCEPT', True),
        ('-A ufw-before-input -p tcp --dport 443 -s 192.0.2.9 -j ACCEPT', False),
        ('-A ufw-before-input -p tcp --dport 443 -s 192.0.2.8/31 -j ACCEPT', True),
        ('-A ufw-before-input -p tcp --dport 443 ! -s 192.0.2.9 -j ACCEPT', True),
        ('-A ufw-before-input -p icmp --icmp-type echo-request -j ACCEPT', True),
        ('-A ufw-before-input -s 192.0.2.1 -j ACCEPT', True),
        ('-A ufw-before-input -s 192.0.2.1 -j DROP', False),
        ('-A ufw-before-output -o lo -j ACCEPT', False),
        ('-A ufw-before-forward -p icmp --icmp-type echo-request -j ACCEPT', False),
    ],
)
def test_what_the_administrators_files_let_in_beside_the_policy(line, opens):
    admits = {('ingress', 'ipv4', 'tcp', 'destination', 440, 450): ((0xC0000209, 0xC0000209),)}
    found = list(framework.openings('f', f'*filter\n{line}\nCOMMIT\n'))
    assert any(framework.beyond(opening, 'ipv4', admits) for opening in found) is opens


TEXT = (
    '# mine\n*nat\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n*filter\n-A ufw-before-input -p udp --dport 1900 -j ACCEPT\n  -A ufw-before-input -j ACCEPT\nCOMMIT\n'
)


@pytest.mark.parametrize('closing', [(), ('-A ufw-before-input -p udp --dport 1900 -j ACCEPT',), ('-A ufw-before-input -j ACCEPT',)])
@pytest.mark.parametrize('lines_of_ours', [(), ('# p/f = row', '-A ufw-before-input -p icmp -j ACCEPT')])
def test_the_administrators_file_comes_back_to_the_byte(closing, lines_of_ours):
    composed = framework.compose(TEXT, build.section('ipv4', lines_of_ours), closing)
    assert framework.foreign(composed) == TEXT
    assert framework.compose(composed, build.section('ipv4', lines_of_ours), closing) == composed
    kept = [line for _table, found in framework.sections('f', composed) for line in found]
    assert all(line not in kept for line in closing) and len(framework.closed(composed)) == len(closing)


CHAINS = """
:INPUT DROP [0:0]
:ufw-before-input - [0:0]
:ufw-user-input - [0:0]
-A INPUT -j ufw-before-input
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -m rt --rt-type 0 -j DROP
-A ufw-before-input -j ufw-user-input
"""


@pytest.mark.parametrize(
    'rules, accepted',
    [
        ([], False),
        (['-s 192.0.2.9/32 -p tcp -m tcp --dport 22 -j ACCEPT'], True),
        (['-s 192.0.2.8/32 -p tcp -m tcp --dport 22 -j ACCEPT'], False),
        (['-p udp -m udp --dport 22 -j ACCEPT'], False),
        (['-p tcp -m multiport --dports 1,20:30 -j ACCEPT'], True),
        (['-p tcp -m multiport --dports 1,23:30 -j ACCEPT'], False),
        (['-s 192.0.2.0/24 -j DROP', '-p tcp -m tcp --dport 22 -j ACCEPT'], False),
        (['-p tcp -m tcp --dport 22 -j ACCEPT', '-s 192.0.2.0/24 -j DROP'], True),
        (['-i eth0 -p tcp -m tcp --dport 22 -j ACCEPT'], False),
        (['-i eth9 -j REJECT', '-p tcp -m tcp --dport 22 -j ACCEPT'], False),
        (['! -s 192.0.2.8/32 -p tcp -m tcp --dport 22 -j ACCEPT'], True),
        (['-m limit --limit 3/min -j LOG --log-prefix "[UFW BLOCK] "', '-p tcp -m tcp --dport 22 -j ACCEPT'], True),
        (['-j RETURN', '-p tcp -m tcp --dport 22 -j ACCEPT'], False),
        (['-d 192.0.2.1/32 -p tcp -m tcp --dport 22 -j ACCEPT', '-j DROP'], True),
        (['-d 192.0.2.2/32 -p tcp -m tcp --dport 22 -j ACCEPT', '-j DROP'], False),
        (['-m iprange --src-range 192.0.2.0-192.0.2.99 -j DROP', '-p tcp -m tcp --dport 22 -j ACCEPT'], False),
        (['-p tcp -m tcp --sport 1:1023 -j DROP', '-p tcp -m tcp --dport 22 -j ACCEPT'], True),
    ],
)
def test_the_guard_sees_what_a_new_connection_meets(rules, accepted):
    table = kernel.parse(CHAINS + '\n'.join(f'-A ufw-user-input {entry}' for entry in rules))
    assert verdict.accepts(table, verdict.Packet('192.0.2.9', '192.0.2.1', 50000, 22)) is accepted


def test_the_guard_knows_the_interface_and_the_answers():
    packet = verdict.Packet('192.0.2.9', '192.0.2.1', 50000, 22, 'eth0')
    table = kernel.parse(CHAINS + '-A ufw-user-input -i eth9 -j DROP\n-A ufw-user-input -i eth0 -p tcp -m tcp --dport 22 -j ACCEPT\n')
    assert verdict.accepts(table, packet)
    leaving = kernel.parse(':OUTPUT DROP [0:0]\n-A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A OUTPUT -p tcp -m tcp --sport 22 -j ACCEPT\n')
    assert verdict.accepts(leaving, packet._replace(leaving=True)) and not verdict.accepts(leaving, packet._replace(leaving=True, port=23))


OWNED = {'ufw-before-input', 'ufw-user-input'}
OPEN = {'INPUT': 'DROP', 'OUTPUT': 'ACCEPT', 'FORWARD': 'ACCEPT'}


def test_a_transaction_touches_only_what_differs_and_nothing_of_others():
    others = '-A INPUT -j f2b-sshd\n:f2b-sshd - [0:0]\n-A f2b-sshd -s 192.0.2.66/32 -j DROP\n-A INPUT -j ufw-blocklist\n:ufw-blocklist - [0:0]\n'
    old = kernel.parse(CHAINS + others + '-A ufw-user-input -p tcp -j ACCEPT\n:DOCKER-USER - [0:0]\n-A DOCKER-USER -j ufw-user-input\n')
    wanted = kernel.Table(kernel.parse(CHAINS + '-A ufw-user-input -p udp -j ACCEPT\n').chains, OPEN)
    assert kernel.transaction(old, wanted, OWNED) == '*filter\n:ufw-user-input - [0:0]\n-A ufw-user-input -p udp -j ACCEPT\nCOMMIT\n'
    gone = kernel.transaction(old, kernel.Table({}, {**OPEN, 'INPUT': 'ACCEPT'}), OWNED)
    assert 'f2b' not in gone and 'blocklist' not in gone and '-D INPUT -j ufw-before-input' in gone and ':INPUT ACCEPT' in gone
    # what leads into a chain that goes would hold it
    assert gone.index('-D DOCKER-USER -j ufw-user-input') < gone.index('-X ufw-user-input')
    assert [line for line in gone.splitlines() if line.startswith('-X')] == ['-X ufw-before-input', '-X ufw-user-input']


def test_a_chain_of_others_that_files_declare_is_made_where_it_is_missing():
    old = kernel.Table(kernel.parse(CHAINS).chains, OPEN)
    wanted = kernel.Table(kernel.parse(CHAINS + ':LIMITER - [0:0]\n-A LIMITER -j RETURN\n-A ufw-before-input -j LIMITER\n').chains, OPEN)
    text = kernel.transaction(old, wanted, OWNED)
    assert text.index(':LIMITER - [0:0]') < text.index('-A ufw-before-input -j LIMITER') and '-A LIMITER -j RETURN' in text


@pytest.mark.parametrize(
    'text, words',
    [
        ('*filter\n-A ufw-before-input -j ACCEPT\n', 'the table filter has no "COMMIT" at its end'),
        ('-A ufw-before-input -j ACCEPT\n*filter\nCOMMIT\n', "line 1: '-A ufw-before-input -j ACCEPT' stands outside of a table"),
        ('*nat\n*filter\nCOMMIT\n', "line 2: '*filter' stands outside of a table"),
    ],
)
def test_files_that_would_load_in_part_are_refused(text, words):
    with pytest.raises(Refused, match=re.escape(words)):
        list(framework.sections('before.rules', text))


ODD = ['-s 10.0.0.0/8,192.168.0.0/16', '-s 192.168.0.0/255.255.0.0', '-s localhost', "-m comment --comment don't", '-p tcp --dport 80:http-alt']


@pytest.mark.parametrize('words', ODD)
def test_what_is_not_understood_in_a_file_counts_as_open(words):
    found = list(framework.openings('f', f'*filter\n-A ufw-before-input {words} -j ACCEPT\nCOMMIT\n'))
    assert [framework.beyond(opening, 'ipv4', {}) for opening in found] == [True]


def test_a_jump_into_a_chain_that_accepts_is_an_opening():
    found = framework.openings(
        'f', '*filter\n:adm - [0:0]\n-A adm -p tcp --dport 9 -j ACCEPT\n-A ufw-before-input -j adm\n-A ufw-before-input -j ufw-not-local\nCOMMIT\n'
    )
    assert [opening.line for opening in found] == ['-A ufw-before-input -j adm']


def test_exclusive_keeps_denials_that_come_first_and_states_no_key_twice():
    banned = rule('deny any any 0.0.0.0/0 any 192.0.2.66 in')
    merged = edits.merge('f', [banned, *FOREIGN], [*OURS, REST], True)
    assert merged == (banned, *OURS, REST, *FOREIGN)
    own = build.Rules({'ipv4': (*OURS, REST), 'ipv6': ()}, {'ipv4': (), 'ipv6': ()})
    tuples_left, in_section = build.apart('ipv4', own, [OURS[0].key])
    assert tuples_left == (OURS[1], REST)
    assert in_section == ['# portmatrix p/f', '-A ufw-before-input -s 192.0.2.9 -p tcp --dport 443 -j ACCEPT']


DEFAULTS = 'IPV6=yes\nDEFAULT_INPUT_POLICY="{input}"\nDEFAULT_OUTPUT_POLICY="{output}"\nDEFAULT_FORWARD_POLICY="DROP"\n'


def texts_of(enabled='yes', input='DROP', output='ACCEPT', more=''):
    return {
        **backends.ufw.stock.texts(),
        '/etc/default/ufw': DEFAULTS.format(input=input, output=output),
        '/etc/ufw/ufw.conf': f'ENABLED={enabled}\nLOGLEVEL=low\n{more}',
    }


def policy_with(egress):
    return policies.parse(
        json.dumps(
            {'format': 1, 'egress': egress, 'exclusive': False, 'management': {'sources': ['any'], 'ports': []}, 'groups': {}, 'rules': [], 'citations': {}}
        )
    )


def step(texts, memory, egress):
    """(files, memory) after a run that allows or denies egress, or (None) takes everything away."""
    policy = policy_with(egress) if egress else None
    own = build.build(policy, ()) if policy else build.Rules(dict.fromkeys(userrules.PREFIXES, ()), dict.fromkeys(userrules.PREFIXES, ()))
    edited = edits.edit(texts, memory, policy, own, {}, dict.fromkeys(userrules.PREFIXES, True))
    return edited.texts, edited.memory


def test_default_policies_are_ours_only_as_long_as_we_hold_them():
    start = texts_of('no', 'ACCEPT', 'ACCEPT')
    texts, memory = step(start, edits.Memory(), 'deny')
    assert backends.ufw.edits.settings.parse(texts).policies == {'input': 'DROP', 'output': 'REJECT', 'forward': 'DROP'}
    assert step(texts, memory, None) == (start, edits.Memory())
    texts, memory = step(texts, memory, 'allow')
    assert 'DEFAULT_OUTPUT_POLICY="ACCEPT"' in texts['/etc/default/ufw']
    # an administrator denies it later: that is theirs, and stays
    texts['/etc/default/ufw'] = texts['/etc/default/ufw'].replace('OUTPUT_POLICY="ACCEPT"', 'OUTPUT_POLICY="REJECT"')
    texts, memory = step(texts, memory, 'allow')
    assert 'DEFAULT_OUTPUT_POLICY="REJECT"' in texts['/etc/default/ufw']
    assert 'DEFAULT_OUTPUT_POLICY="REJECT"' in step(texts, memory, None)[0]['/etc/default/ufw']


def test_what_was_on_before_us_stays_on_though_it_was_off_for_a_while():
    texts, memory = step(texts_of('yes', 'DROP', 'ACCEPT'), edits.Memory(), 'allow')
    spoilt = {**texts, **{path: text for path, text in texts_of('no', 'ACCEPT', 'ACCEPT').items() if path in ('/etc/default/ufw', '/etc/ufw/ufw.conf')}}
    texts, memory = step(spoilt, memory, 'allow')
    after = backends.ufw.edits.settings.parse(step(texts, memory, None)[0])
    assert after.enabled and after.policies['input'] == 'DROP'


def test_a_setting_that_another_file_overrules_is_refused():
    with pytest.raises(Refused, match='DEFAULT_INPUT_POLICY is set in /etc/default/ufw and in /etc/ufw/ufw.conf'):
        step(texts_of('yes', 'DROP', 'ACCEPT', 'DEFAULT_INPUT_POLICY="ACCEPT"\n'), edits.Memory(), 'allow')
    doubled = texts_of()
    doubled['/etc/default/ufw'] += 'DEFAULT_INPUT_POLICY="ACCEPT"\n'
    assert backends.ufw.edits.settings.parse(step(doubled, edits.Memory(), 'allow')[0]).policies['input'] == 'DROP'


ACTIVE = list(itertools.product([False, True], repeat=2))


@pytest.mark.parametrize(
    ('starting', 'forwards', 'policy', 'warned'),
    [(True, True, 'DROP', True), (True, True, 'REJECT', True), (True, True, 'ACCEPT', False), (True, False, 'DROP', False), (False, True, 'DROP', False)],
)
def test_starting_ufw_on_a_host_that_forwards_is_warned_of(starting, forwards, policy, warned):
    service = backends.ufw.service
    texts = texts_of('no', 'DROP', 'ACCEPT')
    texts['/etc/default/ufw'] = texts['/etc/default/ufw'].replace('FORWARD_POLICY="DROP"', f'FORWARD_POLICY="{policy}"')
    parsed = edits.settings.parse(texts)
    assert bool(service.warnings(service.Service('0.36.2', 'disabled', parsed, forwards), starting)) is warned


@pytest.mark.parametrize('installed', ACTIVE)
@pytest.mark.parametrize('active', ACTIVE)
@pytest.mark.parametrize('present', ACTIVE)
@pytest.mark.parametrize('distribution', ['ID=debian', 'ID=fedora', 'ID=mint\nID_LIKE="ubuntu debian"', None])
def test_the_back_end_of_a_host(monkeypatch, installed, active, present, distribution):
    """By what is active, then by what has rules of ours, then by what is installed, then by the distribution's custom."""
    for number, backend in enumerate(backends.BACKENDS.values()):
        monkeypatch.setattr(backend, 'installed', staticmethod(lambda number=number: installed[number]))
        monkeypatch.setattr(backend, 'active', staticmethod(lambda number=number: active[number] and installed[number]))
        monkeypatch.setattr(backend, 'present', staticmethod(lambda number=number: present[number]))
    monkeypatch.setattr(backends.files, 'read', lambda path: distribution if path == '/etc/os-release' else None)
    running = [name for name, on, there in zip(backends.BACKENDS, active, installed) if on and there]
    if len(running) == 2:
        with pytest.raises(Refused, match='both active'):
            backends.choose('auto')
        return
    ours = [name for name, on, there in zip(backends.BACKENDS, present, installed) if on and there]
    there = [name for name, yes in zip(backends.BACKENDS, installed) if yes]
    custom = 'ufw' if distribution and ('debian' in distribution) else 'firewalld'
    wanted = next((names[0] for names in (running, ours, there) if len(names) == 1), custom)
    assert backends.choose('auto').name == wanted
