"""Other programs that filter packets: what stops a documented flow or opens more than the policy is named, before
anything changes; what was there is there afterwards."""

from __future__ import annotations

import typing as t

import cases
import firewall_scripts
import fleet
import pytest
from fleet import Fleet

FIREWALLD = Fleet({'mgmt1': 'firewalld', 'mgmt2': 'firewalld'})
UFW = Fleet({'data1': 'ufw', 'data2': 'ufw'})
FLEETS = {'firewalld': FIREWALLD, 'ufw': UFW}
NOT_EXCLUSIVE = ('-e', 'portmatrix_exclusive=false')


class Case(t.NamedTuple):
    """`refused`: what the error of a run says, by firewall; `warned`: what a warning says. The arguments of the run."""

    add: str
    remove: str
    refused: dict[str, str] = {}
    warned: dict[str, str] = {}
    arguments: tuple[str, ...] = ()
    firewalls: tuple[str, ...] = ('firewalld', 'ufw')


# As an image of Oracle Cloud has it, with netfilter-persistent
CLOUD_IMAGE = """
mkdir -p /etc/iptables; cat > /etc/iptables/rules.v4 <<'END'
*filter
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p icmp -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT
-A INPUT -j REJECT --reject-with icmp-host-prohibited
COMMIT
END
iptables-restore -n /etc/iptables/rules.v4
"""
REMOVE_IMAGE = 'sed s/^-A/-D/ /etc/iptables/rules.v4 | iptables-restore -n; rm -r /etc/iptables'
# tables of iptables that have become empty
REMOVE_EMPTY = 'for table in "ip filter" "ip6 filter"; do nft delete table $table; done'
EVERY = 'rules not managed by portmatrix stop documented flows'
BOTH = ('firewalld', 'ufw')


def table(rule: str, name: str = 'agent') -> Case:
    """A table of nftables with one RULE for what comes in."""
    chain = '{ type filter hook input priority -5; }'
    return Case(
        f"nft add table inet {name}; nft add chain inet {name} in '{chain}'; nft 'add rule inet {name} in {rule}'",
        f'nft delete table inet {name}',
    )


def by_hand(table: str, sets: str, rule: str) -> Case:
    """A RULE that nft adds to a table of iptables."""
    chain = f'chain INPUT {{ type filter hook input priority {table}; {rule}; }}'
    return Case(
        f"iptables -t {table} -S >/dev/null; nft 'table ip {table} {{ {sets}; {chain}; }}'",
        f'nft flush chain ip {table} INPUT; nft delete map ip {table} ways; nft delete set ip {table} banned; '
        'nft delete table ip mangle',
    )


CASES = {
    'everything is rejected first, as on images of clouds': Case(
        CLOUD_IMAGE,
        REMOVE_IMAGE,
        refused=dict.fromkeys(
            BOTH,
            'iptables -A INPUT -j REJECT --reject-with icmp-host-prohibited (stored in /etc/iptables/rules.v4)',
        ),
    ),
    'a table of nftables drops a documented port': table('meta l4proto tcp tcp dport { 443, 2003 } drop')._replace(
        refused=dict.fromkeys(BOTH, 'nft inet agent in: tcp dport { 443, 2003 } drop')
    ),
    'it drops one peer': table('ip saddr 198.51.100.31 drop', 'crowdsec')._replace(
        warned={
            'firewalld': 'deny a part of documented flows',
            'ufw': 'nft inet crowdsec in: ip saddr 198.51.100.31 drop (crowdsec)',
        },
    ),
    'it drops what is too fast': table('tcp dport != 22 limit rate over 200/second drop')._replace(
        warned=dict.fromkeys(BOTH, 'whether these documented flows pass cannot be told')
    ),
    'a rule before ufw opens a port': Case(
        'iptables -I INPUT -p tcp --dport 8888 -j ACCEPT',
        'iptables -D INPUT -p tcp --dport 8888 -j ACCEPT',
        refused={'ufw': 'from the kernel: iptables -D INPUT -p tcp -m tcp --dport 8888 -j ACCEPT'},
        firewalls=('ufw',),
    ),
    'the same, and rules of others count': Case(
        'iptables -I INPUT -p tcp --dport 8888 -j ACCEPT',
        'iptables -D INPUT -p tcp --dport 8888 -j ACCEPT',
        warned={'ufw': 'allow what the policy does not'},
        arguments=NOT_EXCLUSIVE,
        firewalls=('ufw',),
    ),
    'a legacy table beside that of nftables': Case(
        'iptables-legacy -I INPUT -p tcp --dport 443:2100 -j DROP',
        'iptables-legacy -F INPUT',
        refused=dict.fromkeys(BOTH, 'iptables-legacy -A INPUT -p tcp -m tcp --dport 443:2100 -j DROP'),
    ),
    'a legacy table that names a network': Case(
        'ip6tables-legacy -I INPUT -s 2001:db8:1::/64 -p tcp --dport 443:2100 -j DROP',
        'ip6tables-legacy -F INPUT',
        warned=dict.fromkeys(
            BOTH, 'ip6tables-legacy -A INPUT -s 2001:db8:1::/64 -p tcp -m tcp --dport 443:2100 -j DROP'
        ),
    ),
    # iptables prints the first as a rule without a target, and the second not at all
    'a verdict map in a table of iptables': by_hand(
        'filter',
        'map ways { type inet_service : verdict; elements = { 443 : drop, 2003 : drop } }',
        'tcp dport vmap @ways',
    )._replace(refused=dict.fromkeys(BOTH, 'nft ip filter INPUT: tcp dport vmap @ways')),
    'a table that iptables cannot read': by_hand(
        'mangle', 'set banned { type ipv4_addr; elements = { 203.0.113.9 } }', 'ip saddr @banned ip dscp set cs1 drop'
    ),
    'a bridge with a name like an expression': Case(
        "ip link add 'cni(' type bridge; ip link set 'cni(' up", "ip link del 'cni('"
    ),
}


@pytest.fixture(scope='module')
def hosts(request):
    """Two hosts with the same firewall, without anything of ours."""
    one = FLEETS[request.param]
    fleet.release()
    if request.param == 'ufw':
        one.shell(firewall_scripts.SWITCH_TO_UFW)
    yield one
    fleet.release()
    if request.param == 'ufw':
        one.shell(firewall_scripts.SWITCH_TO_FIREWALLD)


ALWAYS = (
    'everything is rejected first, as on images of clouds',
    'it drops one peer',
    'a rule before ufw opens a port',
    'a verdict map in a table of iptables',
)
PAIRS = [
    (firewall, name)
    for firewall in FLEETS
    for name in cases.chosen(CASES, *ALWAYS)
    if firewall in CASES[name].firewalls
]


@pytest.mark.parametrize(('hosts', 'name'), PAIRS, indirect=['hosts'])
def test_what_others_filter_is_named(hosts, name):
    case = CASES[name]
    firewall = hosts.firewalls[hosts.hosts[0]]
    refused, warned = case.refused.get(firewall), case.warned.get(firewall)
    try:
        hosts.shell(f'set -e; {case.add}')
        before = hosts.states()
        check = hosts.play('--check', '--diff', *case.arguments)
        hosts.assert_unchanged(before)
        run = hosts.play('--diff', *case.arguments)
        for one in (check, run):
            assert set(one.statuses().values()) == {'failed' if refused else 'changed'}, one.output
            assert _plain(refused or warned or '') in _plain(one.output), one.output
        if refused:
            hosts.assert_unchanged(before)
        else:
            assert set(hosts.play(*case.arguments).statuses().values()) == {'ok'}
            assert set(hosts.play(playbook='portmatrix.firewall.release').statuses().values()) == {'changed'}
            hosts.assert_unchanged(before)
    finally:
        hosts.shell(case.remove, check=False)
        fleet.release(hosts.hosts)
        if firewall == 'firewalld':
            hosts.shell(REMOVE_EMPTY, check=False)


def _plain(text: str) -> str:
    """Without the line breaks of the callback."""
    return ' '.join(text.replace('\\n', ' ').split())
