"""Which tables of iptables have rules of nft: what iptables prints of those must never be loaded again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / 'plugins'
SCRIPT = """
import sys; sys.path.insert(0, sys.argv[1])
import json
from module_utils._kernel import native_tables, saved_rules
found = native_tables.find()
print(json.dumps([found.names, found.mixed, saved_rules.read().get('iptables', '')]))
"""
# as Docker, fail2ban and administrators write them
BY_IPTABLES = """
iptables -t nat -N DOCKER; iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
iptables -t nat -A DOCKER ! -i docker0 -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
iptables -t mangle -A OUTPUT -j MARK --set-xmark 0x1/0x3; iptables -t raw -A PREROUTING -p udp --dport 9 -j CT --notrack
iptables -N f2b; iptables -I INPUT -p tcp -m multiport --dports 22,80 -j f2b; iptables -A f2b -s 203.0.113.9 -j REJECT
iptables -A f2b -j RETURN; iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A INPUT -m limit --limit 3/min -j LOG --log-prefix "x "; iptables -A INPUT -p icmp --icmp-type 8 -j ACCEPT
iptables -A INPUT -m mark --mark 0x4000/0x4000 -j RETURN; iptables -A INPUT ! -s 10.0.0.0/8 -i eth+ -j ACCEPT
iptables -A INPUT -m comment --comment "hi there" -p udp --dport 5:9 -j DROP; iptables -A INPUT -f -j DROP
iptables -A INPUT -p tcp --tcp-flags SYN,ACK SYN ! --dport 9 -j REJECT --reject-with tcp-reset
iptables -A INPUT -p tcp --syn -j ACCEPT; iptables -A INPUT -m ttl --ttl-lt 5 -j DROP; iptables -A INPUT -p 47 -j ACCEPT
ip6tables -A INPUT -p icmpv6 --icmpv6-type 133 -m hl --hl-eq 255 -j ACCEPT; ip6tables -A INPUT -m rt --rt-type 0 -j DROP
"""
WITH_EXTENSION = 'iptables -A INPUT -m recent --name x --rcheck -j DROP'
BY_NFT = [
    'ip saddr { 203.0.113.1, 203.0.113.2 } counter drop',
    'tcp dport { 22, 80 } counter drop',
    'iifname { "lan", "wan" } counter accept',
    'fib daddr type local counter drop',
    'tcp dport vmap { 22 : drop }',
]


def found(script: str):
    command = [
        'unshare',
        '--net',
        'sh',
        '-ec',
        f'{script}\n"$1" -c "$2" "$3"',
        'sh',
        sys.executable,
        SCRIPT,
        str(PLUGINS),
    ]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_rules_of_iptables_are_no_rules_of_nft():
    names, mixed, saved = found(f'{BY_IPTABLES}\n{WITH_EXTENSION}')
    assert (names, mixed) == ([], []) and '-A DOCKER ! -i docker0' in saved and '--rcheck' in saved


@pytest.mark.parametrize('rule', BY_NFT)
def test_a_rule_of_nft_keeps_its_table_from_being_saved(rule):
    add = f"iptables -A INPUT -p tcp --dport 9 -j ACCEPT; iptables -t nat -N OWN; nft 'add rule ip filter INPUT {rule}'"
    names, mixed, saved = found(add)
    assert (names, mixed) == ([['ip', 'filter']], [])
    assert '-A INPUT' not in saved and ':OWN ' in saved, 'other tables are saved'
    assert found(f'{WITH_EXTENSION}; {add}')[1] == [['ip', 'filter']], 'neither program could load it'
