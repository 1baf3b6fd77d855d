"""The tables of the kernel with ufw: whether a new connection passes them, and how they are changed."""

from __future__ import annotations

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.ufw import drift, kernel, transactions
from ansible_collections.portmatrix.firewall.plugins.module_utils._kernel import questions, reader
from ansible_collections.portmatrix.firewall.plugins.module_utils._kernel.outcome import DENIED, PASSES, UNKNOWN
from ansible_collections.portmatrix.firewall.plugins.module_utils._kernel.surroundings import (
    parse as parse_surroundings,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.connection import Connection

CONNECTION = Connection('ingress', '192.0.2.9', 22, '192.0.2.1', 50000)


def kernel_with(text, text6=''):
    """A kernel with these filter tables, on a host with two interfaces."""
    surroundings = parse_surroundings(
        ['eth0', 'eth1'], '2: eth0    inet 192.0.2.1/24 brd 192.0.2.255 scope global eth0'
    )
    saved = {'iptables': f'*filter\n{text}\nCOMMIT\n', 'ip6tables': f'*filter\n{text6}\nCOMMIT\n'}
    return reader.parse(reader.Listings([], saved, ''), surroundings)


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
    'rules, answer',
    [
        ([], DENIED),
        (['-s 192.0.2.9/32 -p tcp -m tcp --dport 22 -j ACCEPT'], PASSES),
        (['-s 192.0.2.8/32 -p tcp -m tcp --dport 22 -j ACCEPT'], DENIED),
        (['-p udp -m udp --dport 22 -j ACCEPT'], DENIED),
        (['-p tcp -m multiport --dports 1,20:30 -j ACCEPT'], PASSES),
        (['-p tcp -m multiport --dports 1,23:30 -j ACCEPT'], DENIED),
        (['-s 192.0.2.0/24 -j DROP', '-p tcp -m tcp --dport 22 -j ACCEPT'], DENIED),
        (['-p tcp -m tcp --dport 22 -j ACCEPT', '-s 192.0.2.0/24 -j DROP'], PASSES),
        (['-i eth0 -p tcp -m tcp --dport 22 -j ACCEPT'], PASSES),
        (['-i eth9 -p tcp -m tcp --dport 22 -j ACCEPT'], DENIED),
        (['-i eth+ -j REJECT', '-p tcp -m tcp --dport 22 -j ACCEPT'], DENIED),
        (['! -i eth0 -j DROP', '-p tcp -m tcp --dport 22 -j ACCEPT'], PASSES),
        (['! -s 192.0.2.8/32 -p tcp -m tcp --dport 22 -j ACCEPT'], PASSES),
        (['-m limit --limit 3/min -j LOG --log-prefix "[UFW BLOCK] "', '-p tcp -m tcp --dport 22 -j ACCEPT'], PASSES),
        (['-j RETURN', '-p tcp -m tcp --dport 22 -j ACCEPT'], DENIED),
        (['-d 192.0.2.1/32 -p tcp -m tcp --dport 22 -j ACCEPT', '-j DROP'], PASSES),
        (['-d 192.0.2.2/32 -p tcp -m tcp --dport 22 -j ACCEPT', '-j DROP'], DENIED),
        (['-m iprange --src-range 192.0.2.0-192.0.2.99 -j DROP', '-p tcp -m tcp --dport 22 -j ACCEPT'], DENIED),
        (['-m iprange ! --src-range 192.0.2.0-192.0.2.99 -j DROP', '-p tcp -m tcp --dport 22 -j ACCEPT'], PASSES),
        (['-p tcp -m tcp --sport 1:1023 -j DROP', '-p tcp -m tcp --dport 22 -j ACCEPT'], PASSES),
        (['-p tcp -m tcp --syn --dport 22 -j DROP', '-p tcp -m tcp --dport 22 -j ACCEPT'], DENIED),
        (['-p tcp -m tcp --tcp-flags SYN,ACK SYN -j DROP', '-p tcp -m tcp --dport 22 -j ACCEPT'], DENIED),
        (['-m conntrack ! --ctstate INVALID -j ACCEPT'], PASSES),
        # what is not known may go either way, but not where both end alike
        (['-m limit --limit 1/min -j ACCEPT'], UNKNOWN),
        (['-m time --timestart 10:00 -j DROP', '-p tcp -m tcp --dport 22 -j ACCEPT'], UNKNOWN),
        (['-m time --timestart 10:00 -j ACCEPT', '-p tcp -m tcp --dport 22 -j ACCEPT'], PASSES),
        # what is no chain decides by itself: a queue, an extension of others
        (['-j NFQUEUE --queue-num 1'], UNKNOWN),
        (['-j CHAOS --tarpit', '-j ACCEPT'], UNKNOWN),
        (['-m geoip --src-cc CN -j DROP', '-p tcp -m tcp --dport 22 -j ACCEPT'], UNKNOWN),
        (['-m comment --comment "-j DROP" -p tcp -m tcp --dport 22 -j ACCEPT'], PASSES),
    ],
)
def test_whether_a_new_connection_passes(rules, answer):
    text = CHAINS + '\n'.join(f'-A ufw-user-input {entry}' for entry in rules)
    assert questions.of_connection(kernel_with(text), CONNECTION).answer == answer


def test_the_interface_and_the_replies_count():
    leaving = ':OUTPUT DROP [0:0]\n-A OUTPUT -o {} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n'
    assert questions.of_replies(kernel_with(leaving.format('eth0')), CONNECTION).answer == PASSES
    assert questions.of_replies(kernel_with(leaving.format('eth1')), CONNECTION).answer == DENIED


OWNED = {'ufw-before-input', 'ufw-user-input'}
OPEN = {'INPUT': 'DROP', 'OUTPUT': 'ACCEPT', 'FORWARD': 'ACCEPT'}


def test_a_transaction_changes_only_what_differs_and_no_unmanaged_rules():
    banned = '-A INPUT -j f2b-sshd\n:f2b-sshd - [0:0]\n-A f2b-sshd -s 192.0.2.66/32 -j DROP\n'
    unmanaged = f'{banned}-A INPUT -j ufw-blocklist\n:ufw-blocklist - [0:0]\n'
    old = kernel.parse(
        CHAINS
        + unmanaged
        + '-A ufw-user-input -p tcp -j ACCEPT\n:DOCKER-USER - [0:0]\n-A DOCKER-USER -j ufw-user-input\n'
    )
    wanted = kernel.Table(kernel.parse(CHAINS + '-A ufw-user-input -p udp -j ACCEPT\n').chains, OPEN)
    assert (
        transactions.transaction(old, wanted, OWNED)
        == '*filter\n:ufw-user-input - [0:0]\n-A ufw-user-input -p udp -j ACCEPT\nCOMMIT\n'
    )
    removal = transactions.transaction(old, kernel.Table({}, {**OPEN, 'INPUT': 'ACCEPT'}), OWNED)
    assert (
        'f2b' not in removal
        and 'blocklist' not in removal
        and '-D INPUT -j ufw-before-input' in removal
        and ':INPUT ACCEPT' in removal
    )
    # a chain cannot be deleted while a rule jumps to it
    assert removal.index('-D DOCKER-USER -j ufw-user-input') < removal.index('-X ufw-user-input')
    assert [line for line in removal.splitlines() if line.startswith('-X')] == [
        '-X ufw-before-input',
        '-X ufw-user-input',
    ]


def test_an_unmanaged_chain_that_files_declare_is_created_if_it_is_missing():
    old = kernel.Table(kernel.parse(CHAINS).chains, OPEN)
    wanted = kernel.Table(
        kernel.parse(CHAINS + ':LIMITER - [0:0]\n-A LIMITER -j RETURN\n-A ufw-before-input -j LIMITER\n').chains, OPEN
    )
    text = transactions.transaction(old, wanted, OWNED)
    assert (
        text.index(':LIMITER - [0:0]') < text.index('-A ufw-before-input -j LIMITER') and '-A LIMITER -j RETURN' in text
    )


@pytest.mark.parametrize(
    'live, expected, deviations',
    [
        ('', '', []),
        ('', ':ufw-logging-allow - [0:0]\n', ['drift: the chain ufw-logging-allow is missing in the kernel']),
        (':ufw-logging-allow - [0:0]\n', '', ['drift: the chain ufw-logging-allow is only in the kernel']),
        (
            '',
            ':ufw-logging-allow - [0:0]\n-A ufw-logging-allow -j ACCEPT\n',
            ['drift, missing in the kernel: -A ufw-logging-allow -j ACCEPT'],
        ),
    ],
)
def test_a_missing_chain_is_drift_even_if_it_would_be_empty(live, expected, deviations):
    chains = dict.fromkeys(('ufw-before-input', 'ufw-user-input', 'ufw-logging-allow'), True)
    tables = ({'ipv4': kernel.parse(CHAINS + text)} for text in (live, expected))
    assert drift.deviations(*tables, {'ipv4': chains}) == deviations


def test_a_return_that_ufw_itself_removes_makes_no_difference():
    """`ufw reload` removes it from the kernel, not from the file."""
    head = ':INPUT DROP [0:0]\n:ufw-user-input - [0:0]\n:ufw-user-logging-input - [0:0]\n'
    log = '-A ufw-user-logging-input -m limit --limit 3/min -j LOG --log-prefix "[UFW BLOCK] "\n'
    full = kernel.parse(f'{head}{log}-A ufw-user-logging-input -j RETURN\n')
    reloaded, empty = kernel.parse(head + log), kernel.parse(head)
    chains = {'ufw-user-input', 'ufw-user-logging-input'}
    for table in (full, reloaded, empty):
        table.policies.update(OPEN)
    assert transactions.transaction(reloaded, full, chains) == '' != transactions.transaction(empty, full, chains)
    assert drift.deviations({'ipv4': reloaded}, {'ipv4': full}, {'ipv4': chains}) == []
    assert len(drift.deviations({'ipv4': empty}, {'ipv4': full}, {'ipv4': chains})) == 1
