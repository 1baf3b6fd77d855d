"""Names, groups, machines, connections and deployments, without a run of Ansible."""

from __future__ import annotations

import socket

import pytest
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import PortmatrixError
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.peers import Members
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._base import addresses
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory import (
    connection,
    deployments,
    group_values,
    machines,
    resolver,
)
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory.address_book import Host
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory.host_variables import HostVariables
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory.machines import Machine
from hypothesis import given, settings, strategies as st

DNS = {
    'both.example': ['192.0.2.1', '2001:db8::1'],
    'several.example': ['192.0.2.3', '192.0.2.2'],
    'local.example': ['fe80::1%2'],
    'loop.example': ['127.0.0.1'],
}


@pytest.fixture
def dns(monkeypatch):
    asked = []

    def answer(name, *_arguments, **_options):
        asked.append(name)
        if name not in DNS:
            raise socket.gaierror(-2, 'Name or service not known')
        return [(0, 0, 0, '', (text, 0)) for text in DNS[name]]

    monkeypatch.setattr(socket, 'getaddrinfo', answer)
    return asked


def test_a_name_stands_for_all_its_addresses_and_is_asked_for_once(dns):
    names = resolver.Names()
    peers = addresses.parse_peers(['both.example', '198.51.100.0/24', 'several.example'], 'here', names.cidrs)
    assert peers == Members(('192.0.2.1/32', '192.0.2.2/31', '198.51.100.0/24', '2001:db8::1/128'))
    addresses.parse_peers(['both.example'], 'here', names.cidrs)
    assert sorted(dns) == ['both.example', 'several.example']
    other_process = resolver.Names()
    other_process.add(names.to_data())
    assert other_process.cidrs('both.example', 'here') == ['192.0.2.1/32', '2001:db8::1/128'] and len(dns) == 2


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('nowhere.example', "here: the name 'nowhere.example' cannot be resolved (Name or service not known)"),
        ('local.example', "resolves to an address that cannot be a peer: 'fe80::1%2' has a zone index"),
        ('loop.example', "resolves to an address that cannot be a peer: '127.0.0.1' is a loopback address"),
        ('ANY', "here: 'ANY' is no name; write any in lower case"),
        ('192.0.2.256', "here: '192.0.2.256' is not an address, CIDR or range"),
        ('10.1', "here: '10.1' is not an address"),
        ('192.0.2.1/24/8', 'here: '),
        ('fe80::1%eth0', "here: 'fe80::1%eth0' has a zone index"),
        ('two words', "here: 'two words' is not an address"),
        ('-x.example', "here: '-x.example' is not a range of addresses"),
    ],
)
def test_what_is_no_address_and_no_name(dns, text, expected):
    with pytest.raises(PortmatrixError) as raised:
        addresses.parse_peers([text], 'here', resolver.Names().cidrs)
    assert expected in str(raised.value)


# connection plugin -> variables that set the host or the port
VARIABLES = {
    'ssh': ['ansible_host', 'ansible_ssh_host', 'ansible_port', 'ansible_ssh_port'],
    'winrm': ['ansible_host', 'ansible_winrm_host', 'ansible_port', 'ansible_winrm_port', 'ansible_ssh_host'],
    'psrp': ['ansible_host', 'ansible_psrp_host', 'ansible_port', 'ansible_psrp_port', 'ansible_winrm_port'],
    'paramiko_ssh': ['ansible_host', 'ansible_ssh_host', 'ansible_paramiko_host', 'ansible_paramiko_port'],
}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_host_and_the_port_are_those_that_the_connection_plugin_uses(data):
    plugin = data.draw(st.sampled_from(sorted(VARIABLES)))
    chosen = data.draw(st.sets(st.sampled_from(VARIABLES[plugin])))
    variables = {
        name: f'192.0.2.{number}' if name.endswith('host') else 2000 + number for number, name in enumerate(chosen)
    }
    real = connection_loader.get(plugin, PlayContext(), '/dev/null')
    real.set_options(var_options={'inventory_hostname': 'h', **variables})
    own = HostVariables('h', {**variables, 'ansible_connection': plugin})
    assert connection.target(own) == real.get_option('host' if plugin == 'ssh' else 'remote_addr')
    assert connection.port(own) == int(
        real.get_option('port') or connection.port(HostVariables('h', {'ansible_connection': plugin}))
    )


class Group:
    def __init__(self, name, *parents, priority=1):
        self.name, self.parents, self.priority = name, parents, priority

    def get_ancestors(self):
        return {ancestor for parent in self.parents for ancestor in (parent, *parent.get_ancestors())}


ALL = Group('all')
OUTER, SIDE = Group('outer', ALL), Group('side', ALL)
INNER = Group('inner', OUTER)
PEERS, SOURCES = 'portmatrix_peers', 'portmatrix_management_sources'
# variable, (group, value) in Ansible's order -> what counts, or None if that is refused
SETTLED = [
    ('portmatrix_components', [(ALL, ['p.a']), (OUTER, ['p.b', 'p.a']), (INNER, ['p.c'])], ['p.a', 'p.b', 'p.c']),
    ('portmatrix_components', [(OUTER, ['p.a']), (SIDE, 'p.b')], 'p.b'),  # refused by who reads it
    ('portmatrix_components', [(OUTER, ['p.a']), (SIDE, None)], ['p.a']),
    ('portmatrix_management_ports', [(OUTER, [22]), (SIDE, [22, 2222])], [22, 2222]),
    ('portmatrix_minimum', [(ALL, {'p.a': 3}), (INNER, {'p.a': 2, 'p.b': 1})], {'p.a': 3, 'p.b': 1}),
    (PEERS, [(OUTER, {'p.a': ['x']}), (INNER, {'p.b': ['y']})], {'p.a': ['x'], 'p.b': ['y']}),
    (PEERS, [(INNER, {'p.a': ['x']}), (SIDE, {'p.a': ['y', 'x']})], {'p.a': ['x', 'y']}),
    (PEERS, [(OUTER, {'p.a': ['x', 'y']}), (INNER, {'p.a': ['y', 'x']})], {'p.a': ['y', 'x']}),
    (PEERS, [(OUTER, {'p.a': ['x']}), (INNER, {'p.a': ['y']})], None),
    (PEERS, [(OUTER, {'p.a': ['x']}), (SIDE, {'p.a': 'any'})], None),
    (PEERS, [(OUTER, {'p.a': ['x']}), (SIDE, {'p.a': []})], None),
    (PEERS, [(OUTER, {'p.a': 'any'}), (SIDE, {'p.a': ['any']})], {'p.a': ['any']}),
    (SOURCES, [(OUTER, ['x', 'y']), (SIDE, ['y', 'x'])], ['y', 'x']),
    (SOURCES, [(ALL, ['x']), (INNER, ['y'])], None),
    (SOURCES, [(ALL, ['x']), (INNER, ['x', 'y'])], ['x', 'y']),
    (SOURCES, [(ALL, ['x', 'y']), (INNER, ['x'])], None),
    (SOURCES, [(ALL, ['x']), (INNER, 'any')], None),
    (PEERS, [(OUTER, {'p.a': ['x']}), (INNER, {'p.a': ['x', 'y']})], {'p.a': ['x', 'y']}),
    (PEERS, [(OUTER, {'p.a': ['x', 'y']}), (INNER, {'p.a': ['x']})], None),
    ('portmatrix_egress', [(ALL, 'allow'), (OUTER, 'allow'), (INNER, 'deny')], 'deny'),
    ('portmatrix_egress', [(OUTER, 'allow'), (SIDE, 'deny')], None),
    ('portmatrix_egress', [(OUTER, 'deny'), (Group('strong', ALL, priority=9), 'allow')], 'allow'),
    ('portmatrix_egress', [(Group('strong', ALL, priority=9), 'deny'), (INNER, 'allow')], None),
    (SOURCES, [(OUTER, '192.0.2.10'), (INNER, '192.0.2.11')], None),
    ('portmatrix_deployment', [(ALL, 'prod'), (INNER, ['prod', 'test'])], ['prod', 'test']),
    ('p_deployment', [(OUTER, 'prod'), (SIDE, 'test')], None),
    ('p_modes', [(ALL, ['a']), (INNER, ['b'])], None),
]


@pytest.mark.parametrize(('name', 'values', 'expected'), SETTLED)
def test_what_several_groups_set(name, values, expected):
    if expected is None:
        with pytest.raises(PortmatrixError) as raised:
            group_values.settle('h', name, values, values[-1][1])
        assert str(raised.value).startswith(f'h: {name}')
        assert all(group.name in str(raised.value) for group, _value in values[-2:])
    else:
        assert group_values.settle('h', name, values, values[-1][1]) == expected


# variables of two hosts with the same address -> whether the inventory says that they are in different places
PATHS = [
    ({}, {'ansible_ssh_common_args': '-o StrictHostKeyChecking=no'}, False),
    ({'ansible_ssh_extra_args': '-o Compression=yes -v'}, {'ansible_ssh_args': '-C'}, False),
    ({'ansible_ssh_common_args': '-J gate'}, {'ansible_ssh_extra_args': '-Jgate'}, False),
    ({'ansible_ssh_common_args': '-J north'}, {'ansible_ssh_common_args': '-J south'}, True),
    ({}, {'ansible_ssh_common_args': '-o ProxyCommand="ssh -W %h:%p gate"'}, True),
    ({}, {'ansible_ssh_args': '-oProxyJump=gate'}, True),
    ({}, {'ansible_ssh_extra_args': "-o 'ProxyJump gate'"}, True),
    ({'ansible_ssh_args': '-F north'}, {'ansible_ssh_args': '-F south'}, True),
    ({}, {'ansible_psrp_proxy': 'http://gate', 'ansible_connection': 'psrp'}, True),
]


@pytest.mark.parametrize(('one', 'other', 'differ'), PATHS)
def test_the_way_to_a_host(one, other, differ):
    ways = [connection.path(HostVariables(name, variables)) for name, variables in (('a', one), ('b', other))]
    assert (ways[0] != ways[1]) is differ


def test_containers_of_two_engines():
    def own_path(arguments):
        return connection.own_path(
            HostVariables(
                'a', {'ansible_connection': 'community.docker.docker', 'ansible_docker_extra_args': arguments}
            )
        )

    assert own_path('-H tcp://one') != own_path('-H tcp://two') and own_path('-H tcp://one') == own_path('-H tcp://one')


def machine(host, target, port=22, kind='network', path=(), declared=False):
    return Machine(host, kind, path, target, port, declared)


# machines, and where others see them (else at their target) -> the beginning of the problem
MACHINES = [
    ([machine('a', '192.0.2.1'), machine('b', '192.0.2.2')], {}, None),
    ([machine('a', '192.0.2.1'), machine('b', '192.0.2.1')], {}, 'a, b: lead to the same machine (192.0.2.1, port 22)'),
    ([machine('a', '2001:DB8::1'), machine('b', '2001:db8:0::1')], {}, 'a, b: lead to the same machine (2001:db8::1'),
    ([machine('a', 'both.example'), machine('b', '2001:db8::1')], {}, 'a, b: lead to the same machine (2001:db8::1'),
    ([machine('a', 'alias'), machine('b', 'ALIAS')], {}, 'a, b: lead to the same machine (alias'),
    ([machine('a', '192.0.2.1', path=('-J x',)), machine('b', '192.0.2.1', path=('-J y',))], {}, None),
    ([machine('a', '192.0.2.1', 2201), machine('b', '192.0.2.1', 2202)], {}, 'a, b: are reached at the same address'),
    ([machine('a', '192.0.2.1', 2201), machine('b', '192.0.2.1', 2202)], {'a': '10.0.0.1'}, None),
    ([machine('a', '192.0.2.1', 1, declared=True), machine('b', '192.0.2.1', 2, declared=True)], {}, None),
    ([machine('a', '', 0, 'local'), machine('b', '', 0, 'local')], {}, 'a, b: lead to the same machine (the contr'),
    ([machine('a', 'x', 0, 'podman'), machine('b', 'x', 0, 'docker')], {}, None),
]


@pytest.mark.parametrize(('found', 'seen', 'expected'), MACHINES)
def test_two_names_for_one_machine(dns, found, seen, expected):
    hosts = {one.host: Host(one.host, (), (seen.get(one.host, one.target),), 'linux', {}) for one in found}
    problems = [text for _hosts, text in machines.find_shared(found, hosts, resolver.Names())]
    assert [problem.startswith(expected or '?') for problem in problems[:1]] == [True] * bool(expected)
    assert all('both.example' not in problem for problem in problems[1:])


@pytest.mark.parametrize(
    ('places', 'expected'),
    [
        ({'a': 'prod', 'b': 'prod', 'c': 'test', 'd': '*'}, {}),
        ({'a': 'default', 'b': 'default'}, {}),
        ({'a': 'prod', 'b': 'test', 'c': 'default'}, {'c': 'it is in the deployment default of p'}),
        (
            {'a': 'prod', 'b': 'prod', 'c': 'pord'},
            {'c': 'it is the only host of p in the deployment pord; did you mean prod?'},
        ),
        (
            {'a': 'prod', 'b': 'prod', 'c': 'Prod'},
            {'c': 'it is the only host of p in the deployment Prod; did you mean prod?'},
        ),
        ({'a': 'prod', 'b': 'prod', 'c': 'lab'}, {}),
    ],
)
def test_likely_mistakes(places, expected):
    hosts = {name: Host(name, ('p.x',), (), 'linux', {}, {'p': (place,)}) for name, place in places.items()}
    found = deployments.likely_mistakes(hosts)
    assert found.keys() == expected.keys()
    assert all(found[name][0].startswith(text) for name, text in expected.items())


@pytest.mark.parametrize(
    ('one', 'other', 'same', 'different'),
    [
        (('default',), ('default',), True, False),
        (('prod',), ('test',), False, True),
        (('prod', 'test'), ('test', 'x'), True, False),
        (('*',), ('test',), True, False),
        (('*',), ('*',), True, False),
    ],
)
def test_which_deployments_a_flow_joins(one, other, same, different):
    for pair in ((one, other), (other, one)):
        assert [deployments.joins(between, *pair) for between in ('same', 'different', 'any')] == [
            same,
            different,
            True,
        ]
