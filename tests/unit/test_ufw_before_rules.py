"""Files of ufw that administrators edit: what they allow beyond a policy, and that they are restored byte for byte."""

from __future__ import annotations

import re

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.ufw import (
    administrator_files,
    managed_section,
    open_lines,
    ruleset,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import Refused
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import traffic

RULESET = ruleset.EMPTY._replace(is_managed=True, directions=('ingress', 'egress'))


@pytest.mark.parametrize(
    'line, exceeds',
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
        ('-A ufw-before-input ! -i lo -p tcp --dport 9 -j ACCEPT', True),
        ('-A  ufw-before-input  -p tcp --destination-port 9 -j ACCEPT', True),
        ('-I ufw-before-input 1 -p tcp --dport=9 --jump ACCEPT', True),
        ('-A ufw-before-input -m conntrack ! --ctstate INVALID -j ACCEPT', True),
        ('-A ufw-before-input -p tcp --tcp-flags SYN,ACK SYN --dport 9 -j ACCEPT', True),
        ('-A ufw-before-input -p tcp --tcp-flags ACK ACK -j ACCEPT', False),
        ('-A ufw-before-input -m limit --limit 1/min -j ACCEPT', True),
        ('-I INPUT -p tcp --dport 9 -j ACCEPT', True),
        ('-A ufw-before-output -o lo -j ACCEPT', False),
        ('-A ufw-before-forward -p icmp --icmp-type echo-request -j ACCEPT', False),
    ],
)
def test_what_files_of_administrators_allow_beyond_the_policy(line, exceeds):
    service = traffic.Service('ingress', 'ipv4', 'tcp', 'destination', 440, 450)
    policy = RULESET._replace(allowed={service: ((0xC0000209, 0xC0000209),)})
    lines = list(open_lines.read('f', f'*filter\n{line}\nCOMMIT\n', 'ipv4'))
    assert any(open_lines.exceeds(opening, 'ipv4', policy) for opening in lines) is exceeds


TEXT = """# mine
*nat
-A POSTROUTING -j MASQUERADE
COMMIT
*filter
-A ufw-before-input -p udp --dport 1900 -j ACCEPT
  -A ufw-before-input -j ACCEPT
COMMIT
"""


@pytest.mark.parametrize(
    'closing', [(), ('-A ufw-before-input -p udp --dport 1900 -j ACCEPT',), ('-A ufw-before-input -j ACCEPT',)]
)
@pytest.mark.parametrize('managed_lines', [(), ('# p/f = row', '-A ufw-before-input -p icmp -j ACCEPT')])
def test_the_file_of_an_administrator_is_restored_byte_for_byte(closing, managed_lines):
    composed = managed_section.compose(TEXT, managed_section.render_section(managed_lines), closing)
    assert managed_section.unmanaged(composed) == TEXT
    assert managed_section.compose(composed, managed_section.render_section(managed_lines), closing) == composed
    kept = [line for _table, lines in administrator_files.tables('f', composed) for line in lines]
    assert all(line not in kept for line in closing) and composed.count('# portmatrix off: ') == len(closing)


@pytest.mark.parametrize(
    'text, reason',
    [
        ('*filter\n-A ufw-before-input -j ACCEPT\n', 'the table filter has no "COMMIT" at its end'),
        (
            '-A ufw-before-input -j ACCEPT\n*filter\nCOMMIT\n',
            "line 1: '-A ufw-before-input -j ACCEPT' is outside of a table",
        ),
        ('*nat\n*filter\nCOMMIT\n', "line 2: '*filter' is outside of a table"),
    ],
)
def test_files_that_would_load_in_part_are_refused(text, reason):
    with pytest.raises(Refused, match=re.escape(reason)):
        list(administrator_files.tables('before.rules', text))


UNSUPPORTED = [
    '-s 10.0.0.0/8,192.168.0.0/16',
    '-s 192.168.0.0/255.255.0.0',
    '-s localhost',
    "-m comment --comment don't",
    '-p tcp --dport 80:http-alt',
]


@pytest.mark.parametrize('options', UNSUPPORTED)
def test_a_rule_with_unsupported_options_counts_as_open(options):
    lines = list(open_lines.read('f', f'*filter\n-A ufw-before-input {options} -j ACCEPT\nCOMMIT\n', 'ipv4'))
    assert [open_lines.exceeds(opening, 'ipv4', RULESET) for opening in lines] == [True]


def test_a_jump_into_a_chain_that_accepts_is_an_opening():
    lines = open_lines.read(
        'f',
        '*filter\n:adm - [0:0]\n-A adm -p tcp --dport 9 -j ACCEPT\n-A ufw-before-input -j adm\n-A ufw-before-input -j '
        'ufw-not-local\nCOMMIT\n',
        'ipv4',
    )
    assert [opening.line for opening in lines] == ['-A ufw-before-input -j adm']
