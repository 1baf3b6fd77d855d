"""Rule sets by hand, each of which has once been answered wrongly, or nearly: name -> scripts, in order."""

from __future__ import annotations

from rulesets import Script


def nft(*rules: str, hook: str = 'input', priority: int | str = 0, kind: str = 'filter', table: str = 'inet site',
        policy: str = 'accept', more: str = '') -> Script:  # fmt: skip
    """A table with one base chain of these RULES; MORE: other objects of the table."""
    lines = [f'type {kind} hook {hook} priority {priority}; policy {policy};', *rules]
    return Script('nft', '\n'.join([f'table {table} {{', more, f'chain c_{hook} {{', *lines, '}', '}', '']))


def iptables(*lines: str, table: str = 'filter', program: str = 'iptables-restore') -> Script:
    return Script(program, '\n'.join([f'*{table}', *lines, 'COMMIT', '']))


IN, RAW = {'hook': 'input'}, {'hook': 'prerouting', 'priority': -300, 'table': 'inet early'}
CASES: dict[str, list[Script]] = {
    'routing headers': [nft('rt type 0 drop')],
    'no extension header': [nft('exthdr hbh missing drop')],
    'a jump in a map with a catch-all': [
        nft('tcp dport vmap { 22 : goto a, 80 : jump a, * : drop }', 'accept', more='chain a {\ncounter\n}')
    ],
    'a dormant table': [
        Script(
            'nft', 'table inet x {\nflags dormant\nchain c {\ntype filter hook input priority 0; policy drop;\n}\n}\n'
        )
    ],
    'marks of connections': [
        iptables('-A PREROUTING -j CONNMARK --set-mark 1', table='mangle'),
        iptables('-A INPUT -m connmark --mark 0x1 -p tcp --dport 22 -j DROP'),
    ],
    'marks in several steps': [
        nft('meta mark set 0xff', 'meta mark set mark & 0xffffff00 | 0x1', 'meta mark 0x1 drop'),
    ],
    'marks from those of connections': [nft('meta mark set 0x7', 'meta mark set ct mark & 0xff', 'meta mark 0x7 drop')],
    'a map that has no entry ends a rule': [nft('meta mark set tcp dport map { 80 : 7 } accept', 'drop')],
    'so does a key that a packet has not': [
        nft('add @s { ip saddr } drop', more='set s { type ipv4_addr; flags dynamic; size 100; }')
    ],
    'and a set that is full': [
        nft(
            'add @s { ip saddr } drop',
            more='set s { type ipv4_addr; flags dynamic; size 1; elements = { 192.0.2.99 } }',
        )
    ],
    'a port is changed': [nft('tcp dport 22 tcp dport set 443', **RAW), nft('tcp dport 443 drop')],
    'a set that rules fill': [
        nft(
            'tcp dport 22 add @s { ip saddr }',
            'ip saddr @s tcp dport 22 drop',
            more='set s { type ipv4_addr; flags dynamic,timeout; timeout 1m; size 100; }',
        )  # fmt: skip
    ],
    'a set of ipset that rules fill': [
        Script('ipset restore', 'create h hash:ip family inet\n'),
        iptables(
            '-A INPUT -p tcp --dport 22 -j SET --add-set h src',
            '-A INPUT -m set --match-set h src -p tcp --dport 22 -j DROP',
        ),  # fmt: skip
    ],
    'entries with a mask': [
        Script('ipset restore', 'create m hash:ip netmask 24\nadd m 192.0.2.0\n'),
        iptables('-A INPUT -m set --match-set m src -j DROP'),
    ],
    'a transparent proxy that is not there': [
        iptables('-A PREROUTING -p tcp --dport 22 -j TPROXY --on-port 9999 --tproxy-mark 1/1', table='mangle')
    ],
    'a reset is for TCP': [nft('reject with tcp reset', table='ip site')],
    'untracked too late': [
        nft('notrack', hook='prerouting', priority=-150),
        nft('ct state untracked drop', table='inet y'),
    ],
    'untracked packets have no connection': [nft('tcp dport 22 notrack', **RAW), nft('ct direction original drop')],
    'nor are they translated': [
        nft('tcp dport 22 notrack', **RAW),
        nft('tcp dport 22 drop', hook='prerouting', priority=-100, kind='nat', table='ip tr'),
    ],
    'at the place where tracking begins': [nft('ct state invalid drop', hook='prerouting', priority=-200)],
    'a translated packet goes on': [
        nft('oifname "lan" masquerade', 'drop', hook='postrouting', priority=100, kind='nat', table='ip tr')
    ],
    'marks at a network card': [
        Script(
            'nft',
            'table netdev n {\nchain c {\ntype filter hook ingress device lan priority 0;\nmeta mark set 7\n}\n}\n',
        ),
        nft('meta mark 7 tcp dport 22 drop'),
    ],
    'a port is changed to one that is open': [nft('tcp dport 22 tcp dport set 8443', **RAW)],
    'a set whose entries have a rate': [
        nft(
            'ip saddr @m drop',
            more='set m {\ntype ipv4_addr\nlimit rate 1/hour burst 1 packets\nelements = { 192.0.2.11 }\n}',
        )
    ],
    'translation before its priority': [
        nft('tcp dport 22 meta mark set 7', hook='prerouting', priority=0, table='inet y'),
        nft('meta mark 7 drop', hook='prerouting', priority=10, kind='nat', table='ip tr'),
    ],
    'two tables at one place': [
        iptables('-A OUTPUT -m mark --mark 0x0 -p tcp -j REJECT', program='iptables-legacy-restore'),
        nft('meta mark set 0x7', hook='output'),
    ],
    'and the other way round': [
        iptables('-A OUTPUT -m mark --mark 0x7 -p tcp -j REJECT', program='iptables-legacy-restore'),
        nft('meta mark set 0x7', hook='output'),
    ],
    'the protocol of a frame': [nft('meta protocol ip drop')],
    'the kind of an outgoing packet': [nft('meta pkttype host drop', hook='output')],
    'rules of nft among those of iptables': [
        iptables('-A INPUT -p tcp --dport 9 -j ACCEPT'),
        nft('ip saddr { 192.0.2.11, 192.0.2.12 } counter drop', 'tcp dport vmap { 22 : drop }', table='ip filter'),
    ],
    'not the packet that opens a connection': [
        iptables('-A INPUT -p tcp ! --syn -j ACCEPT', '-A INPUT -p tcp -j DROP')
    ],
    'quotation marks': [iptables('-A INPUT -m comment --comment "a \'b\\" -j DROP" -p tcp --dport 22 -j DROP')],
    'an interface by its name or its number': [nft('iif != "lo" tcp dport 22 drop', 'iifname "w*" udp dport 53 drop')],
}
