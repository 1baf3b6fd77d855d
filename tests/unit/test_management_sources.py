"""From where management access is open before the first application: a default of ours opens no more."""

from __future__ import annotations

import json

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld import (
    config_files,
    documents,
    guard as guards,
    pool,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.ufw import (
    admitted,
    edits,
    ruleset,
    stock,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.ufw.former import Former
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import Refused
from ansible_collections.portmatrix.firewall.plugins.module_utils._converge import guard
from ansible_collections.portmatrix.firewall.plugins.module_utils._kernel import questions
from ansible_collections.portmatrix.firewall.plugins.module_utils._kernel.outcome import PASSES
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import peers as peers_of, policy as policies
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.connection import Connection
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.peers import ANY, Members
from fake_backend import FakeState
from fake_host import Host
from fake_rollback import FakeManagement
from hypothesis import given, settings, strategies as st
from test_ufw_kernel import kernel_with

CONNECTION = Connection('ingress', '198.51.100.9', 22, '192.0.2.10', 50000)
HEAD = ':INPUT DROP [0:0]\n:ufw-user-input - [0:0]\n-A INPUT -j ufw-user-input\n'
OFFICE = ['192.0.2.0/24', '2001:db8:1::/48']


@pytest.mark.parametrize(
    ('rules', 'rules6', 'expected'),
    [
        (['-p tcp -m tcp --dport 22 -j ACCEPT'], ['-p tcp -m tcp --dport 22 -j ACCEPT'], ['any']),
        (['-p tcp -m tcp --dport 22 -j ACCEPT'], [], ['0.0.0.0/0']),
        (['-s 192.0.2.0/24 -p tcp -m tcp --dport 22 -j ACCEPT'], ['-s 2001:db8:1::/48 -j ACCEPT'], OFFICE),
        (['-s 192.0.2.0/25 -j ACCEPT', '-s 192.0.2.128/25 -j ACCEPT'], ['-s 2001:db8:1::/48 -j ACCEPT'], OFFICE),
        # bans stay in force before what we add
        (['-s 192.0.2.4/32 -j DROP', '-s 192.0.2.4/30 -j ACCEPT'], [], ['192.0.2.4/30']),
        (['-m mark --mark 0x8000/0x8000 -j DROP', '-s 192.0.2.4/30 -j ACCEPT'], [], ['192.0.2.4/30']),
        (['-j DROP', '-s 192.0.2.4/30 -j ACCEPT'], [], []),
        (['-s 192.0.2.0/24 -j RETURN', '-j ACCEPT'], [], ['0.0.0.0/1', '128.0.0.0/2']),
        (['-p tcp -m tcp --dport 80 -j ACCEPT'], [], []),
        # to another address than that of this host, and to its own
        (['-d 198.51.100.7/32 -p tcp -m tcp --dport 22 -j ACCEPT'], [], []),
        (['-d 192.0.2.1/32 -p tcp -m tcp --dport 22 -j ACCEPT'], [], ['0.0.0.0/0']),
        # who is admitted is not known
        (['-i eth1 -s 192.0.2.0/24 -j ACCEPT'], [], None),
        (['-m geoip --src-cc CH -j ACCEPT'], [], None),
        (['-m set --match-set office src -j ACCEPT'], [], None),
        (['-s 10.0.0.0/255.0.255.0 -j ACCEPT'], [], None),
        # but somebody later is everybody
        (['-i eth1 -p tcp -m tcp --dport 80 -j ACCEPT', '-j ACCEPT'], ['-j ACCEPT'], ['any']),
    ],
)
def test_ufw(rules, rules6, expected):
    texts = (HEAD + ''.join(f'-A ufw-user-input {rule}\n' for rule in lines) for lines in (rules, rules6))
    sources = questions.admitted_sources(kernel_with(*texts), 22, exactly=False)
    found = sources if sources is None else peers_of.to_data(sources)
    # of everybody but a few, the first two networks
    assert (found if found is None else found[:2]) == expected


ADDRESSES = st.builds(lambda n, p: f'10.0.0.{n >> (32 - p) << (32 - p)}/{p}', st.integers(0, 255), st.integers(24, 32))
RULES = st.lists(st.tuples(st.sampled_from(['', '! ']), ADDRESSES, st.sampled_from(['ACCEPT', 'RETURN'])))


@pytest.mark.parametrize(
    'sources', [['any'], ['0.0.0.0/0'], ['192.0.2.0/24', '2001:db8::/32'], ['192.0.2.0/24', '::/0']]
)
def test_the_guard_of_ufw_is_read_as_it_was_written(sources):
    """So a second run of the default changes nothing, also where one family is open to all and the other is not."""
    peers = peers_of.from_data(sources)
    built = ruleset.build(policy(False, ['any']), policies.guard_from({22: peers, 2222: Members(('192.0.2.7/32',))}))
    edited = edits.edit(stock.texts(), Former(), built, dict.fromkeys(('ipv4', 'ipv6'), True))
    assert admitted.by_guard(edited.rules, 22) == peers
    assert admitted.by_guard(edited.rules, 2222) == Members(('192.0.2.7/32',))
    assert admitted.by_guard(edited.rules, 23) is None


@pytest.mark.parametrize(
    'sources', [['any'], ['0.0.0.0/0'], ['192.0.2.0/24', '2001:db8::/32'], ['192.0.2.0/24', '::/0']]
)
def test_the_guard_of_firewalld_is_read_as_it_was_written(sources):
    peers = peers_of.from_data(sources)
    built = pool.fresh(documents.build(policy(False, ['any']), policies.guard_from({22: peers})))
    read = config_files.parse(config_files.render(built))
    assert guards.sources(read, 22) == peers and guards.sources(read, 23) is None


@pytest.mark.parametrize('whole', ['0.0.0.0/0', '::/0'])
def test_what_is_open_to_any_does_not_open_the_guard(whole):
    """The guard admits one family, and a documented flow everybody to the same port: if the flow goes, so does the
    other family."""
    open_to_any = policy(False, ['any'])._replace(
        rules=(policies.Rule('ingress', 'tcp', ((22, 22),), 'any', ANY, ('p/f',)),)
    )
    own = policies.guard_from({22: Members((whole,))})
    read = config_files.parse(config_files.render(pool.fresh(documents.build(open_to_any, own))))
    assert guards.sources(read, 22) == Members((whole,))
    edited = edits.edit(stock.texts(), Former(), ruleset.build(open_to_any, own), dict.fromkeys(('ipv4', 'ipv6'), True))
    assert admitted.by_guard(edited.rules, 22) == Members((whole,))
    for rules in edited.rules.values():
        assert len({rule.key for rule in rules}) == len(rules), 'for ufw, two rules with one key are one'


@settings(max_examples=200, deadline=None)
@given(RULES)
def test_what_is_admitted_is_what_each_address_is_told(rules):
    lines = ''.join(f'-A ufw-user-input {mark}-s {address} -j {target}\n' for mark, address, target in rules)
    whole = kernel_with(HEAD + lines, HEAD)
    sources = questions.admitted_sources(whole, 22, exactly=False)
    for number in range(256):
        connection = CONNECTION._replace(peer=f'10.0.0.{number}')
        is_admitted = any(_contains(network, connection.peer) for network in peers_of.to_data(sources))
        assert is_admitted == (questions.of_connection(whole, connection).answer == PASSES)


def _contains(network, address):
    from ipaddress import ip_address, ip_network

    return ip_address(address) in ip_network(network)


def policy(declared: bool, sources: list[str]) -> policies.Policy:
    data = {'format': 1, 'egress': 'allow', 'exclusive': False, 'groups': {}, 'rules': [], 'citations': {}}
    data['management'] = {'sources': sources, 'ports': [2222], 'declared': declared}
    return policies.parse(json.dumps(data))


class Restricted(FakeState):
    """Port 22 is open from one network, port 2222 from nowhere."""

    def admitted_sources(self, port):
        return Members(('192.0.2.0/24',)) if port == 22 else Members(())


class NotKnown(FakeState):
    def admitted_sources(self, port):
        return None


class Closed(FakeState):
    def admitted_sources(self, port):
        return Members(())


@pytest.mark.parametrize(
    ('peer', 'expected'),
    [('192.0.2.1', ('192.0.2.0/24',)), ('172.16.0.5', ('172.16.0.5/32', '192.0.2.0/24')), ('192.0.3.5', None)],
)
def test_a_default_opens_no_more_than_is_open_and_says_so(peer, expected):
    host = Host()
    host.connection = host.connection._replace(peer=peer)
    built = guard.build(Restricted(host, frozenset(), frozenset()), policy(False, ['any']), FakeManagement(host))
    # who manages the host now has a way in, whatever the rules seem to say; in the order in which it is read again
    sources = expected or ('192.0.2.0/24', '192.0.3.5/32')
    assert [(rule.ports, rule.peers) for rule in built.rules] == [(((22, 22),), Members(sources))]
    assert built.warnings == [
        f'management access to port 22 is open now from {", ".join(sources)} only, and stays so; set '
        'portmatrix_management_sources to say from where it is to be open',
        'management access to port 2222 is open now from nowhere only, and stays so; set '
        'portmatrix_management_sources to say from where it is to be open',
    ]


@pytest.mark.parametrize(
    ('state', 'text'),
    [(NotKnown, 'cannot be told from the rules in force'), (Closed, 'is open from nowhere now')],
)
def test_what_is_not_known_is_refused(state, text):
    host = Host()
    host.connection = None
    with pytest.raises(Refused, match=f'{text}.*set portmatrix_management_sources; nothing was changed'):
        guard.build(state(host, frozenset(), frozenset()), policy(False, ['any']), FakeManagement(host))


@pytest.mark.parametrize('sources', [['any'], ['198.51.100.0/24']])
def test_what_is_declared_counts(sources):
    host = Host()
    built = guard.build(Restricted(host, frozenset(), frozenset()), policy(True, sources), FakeManagement(host))
    expected = ANY if sources == ['any'] else Members(tuple(sources))
    assert [(rule.ports, rule.peers) for rule in built.rules] == [(((22, 22), (2222, 2222)), expected)]
    assert not built.warnings
