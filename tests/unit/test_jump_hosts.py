"""Hosts that others are managed through: read from what ssh itself makes of arguments and files."""

from __future__ import annotations

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import PortmatrixError
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory import jump_hosts
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory.address_book import Host
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory.host_variables import HostVariables
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory.settings import Settings
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._policy import compiler

DB = {'ansible_host': '192.0.2.20', 'portmatrix_addresses': ['198.51.100.20']}
DB_ADDRESSES = ('192.0.2.20/32',)
# what ssh -G prints -> (jump host, where it connects to, port)
OUTPUTS = {
    'none': ('port 22\nproxyjump none\n', []),
    'nothing': ('', []),
    'one jump host': ('port 22\nproxyjump jump\n', [('jump', 'db', 22)]),
    'another port of the host': ('port 2222\nproxyjump ops@jump:2200\n', [('jump', 'db', 2222)]),
    'two jump hosts': (
        'port 22\nproxyjump a@192.0.2.1,ssh://b@192.0.2.2:2200\n',
        [('192.0.2.1', '192.0.2.2', 2200), ('192.0.2.2', 'db', 22)],
    ),
    'IPv6': ('port 22\nproxyjump ops@[2001:db8::1]:2200\n', [('2001:db8::1', 'db', 22)]),
    'a command': ('port 22\nproxycommand ssh -q -W %h:%p -i key ops@jump\n', [('jump', 'db', 22)]),
    'a command with options that touch their values': (
        'port 22\nproxycommand /usr/bin/ssh -oUser=x -p 2200 jump nc %h %p\n',
        [('jump', 'db', 22)],
    ),
    'another program': ('port 22\nproxycommand cloudflared access ssh --hostname %h\n', []),
    'clustered flags': ('port 22\nproxycommand ssh -qW %h:%p -p2200 jump\n', [('jump', 'db', 22)]),
    'ssh behind other words': (
        'port 22\nproxycommand exec sshpass -p x /usr/bin/ssh -W %h:%p jump\n',
        [('jump', 'db', 22)],
    ),
    'ssh in a shell': ('port 22\nproxycommand sh -c "ssh -W %h:%p jump"\n', [('jump', 'db', 22)]),
    'a command with an open quote': ("port 22\nproxycommand ssh 'jump\n", []),
}


@pytest.mark.parametrize('name', OUTPUTS)
def test_what_ssh_prints(name):
    output, expected = OUTPUTS[name]
    hops = jump_hosts._hops(f'hostname 192.0.2.20\n{output}', 'db', {})
    assert [(hop.jump, hop.target, hop.port) for hop in hops] == expected
    assert all(hop.cidrs for hop in hops if hop.target != 'jump')
    assert [hop.cidrs for hop in hops if hop.target == 'db'] == [DB_ADDRESSES for hop in expected if hop[1] == 'db']


class Inventory:
    def __init__(self, hosts):
        self.variables = hosts

    @property
    def hosts(self):
        return list(self.variables)

    def declared(self, host):
        return HostVariables(host, self.variables[host])


JUMP_OPTIONS = ['-J jump', '-o ProxyJump=ops@192.0.2.1', '-oProxyCommand="ssh -W %h:%p jump"', '-o "ProxyJump jump"']


@pytest.mark.parametrize('arguments', JUMP_OPTIONS)
@pytest.mark.parametrize('variable', ['ansible_ssh_common_args', 'ansible_ssh_extra_args', 'ansible_ssh_args'])
def test_the_arguments_of_ansible_are_given_to_ssh(arguments, variable):
    hosts = {
        'jump': {'ansible_host': '192.0.2.1'},
        'db': {**DB, variable: arguments, 'ansible_port': 2222},
        'direct': {'ansible_host': '192.0.2.30'},
        'local': {'ansible_connection': 'local', variable: arguments},
    }
    found = jump_hosts.egress(Inventory(hosts), {})
    assert {name: [hop[1:] for hop in hops] for name, hops in found.items()} == {'jump': [('db', 2222, DB_ADDRESSES)]}


def test_a_host_that_is_not_reached_over_the_network_has_no_jump_host():
    assert jump_hosts._hops('hostname 127.0.0.1\nport 2222\nproxyjump jump\n', 'db', {}) == []


def test_a_jump_host_may_be_an_alias_or_any_of_its_addresses(tmp_path, monkeypatch):
    config = tmp_path / 'config'
    config.write_text('Host bastion\n  HostName 198.51.100.7\nHost 192.0.2.20\n  ProxyJump bastion\n')
    asked = jump_hosts._resolved
    monkeypatch.setattr(jump_hosts, '_resolved', lambda words: asked([words[0], '-F', str(config), *words[1:]]))
    hosts = {'jump': {'ansible_host': '192.0.2.1'}, 'db': {'ansible_host': '192.0.2.20'}}
    known = {
        'jump': Host('jump', (), ('198.51.100.7/32',), 'linux', {}),
        'db': Host('db', (), ('10.1.1.5/32',), 'linux', {}),
    }
    found = jump_hosts.egress(Inventory(hosts), known)
    # to where ssh connects, and where others see the host
    assert {name: [hop.cidrs for hop in hops] for name, hops in found.items()} == {
        'jump': [('192.0.2.20/32', '10.1.1.5/32')]
    }


@pytest.mark.parametrize('broken', [{'ansible_ssh_common_args': '-o "x'}, {'ansible_port': 'x y'}])
def test_what_ssh_would_refuse_too_is_no_error_here(broken):
    hosts = {'db': {**DB, **broken}, 'web': {'ansible_host': '192.0.2.21', 'ansible_ssh_extra_args': '-J db'}}
    jump_hosts.egress(Inventory(hosts), {})


def test_a_jump_host_may_reach_who_is_managed_through_it():
    hops = [
        jump_hosts.Hop('jump', 'db', 22, ('192.0.2.20/32',)),
        jump_hosts.Hop('jump', 'web', 22, ('192.0.2.21/32', '2001:db8::21/128')),
        jump_hosts.Hop('jump', 'win', 5986, ('192.0.2.30/32',)),
    ]
    rules = compiler.jump_rules('jump', Settings({}, egress='deny'), hops)
    assert [(rule.direction, rule.ports, rule.peers.addresses, rule.flows) for rule in rules] == [
        ('egress', ('22',), ('192.0.2.20/31', '2001:db8::21/128'), ('management',)),
        ('egress', ('5986',), ('192.0.2.30/32',), ('management',)),
    ]


def test_a_host_that_would_be_cut_off_is_named():
    hops = [jump_hosts.Hop('jump', 'db.example.org', 22, ())]
    assert compiler.jump_rules('jump', Settings({}), hops) == ()
    with pytest.raises(PortmatrixError, match=r'jump: db\.example\.org: reached through this host, which denies'):
        compiler.jump_rules('jump', Settings({}, egress='deny'), hops)
