"""Random rule sets of the kinds that programs and people leave in a kernel, as scripts for iptables-restore and nft."""

from __future__ import annotations

import ipaddress
import random
import typing as t

import namespaces

PORTS = (22, 53, 80, 443, 8080)
_TARGETS = ('ACCEPT', 'ACCEPT', 'DROP', 'DROP', 'REJECT', 'RETURN')
_CHAINS = ('DOCKER-USER', 'f2b-sshd', 'admin', 'LIBVIRT_INP')
_FAMILIES = {'ip': '4', 'ip6': '6'}


class Script(t.NamedTuple):
    program: str
    text: str


def generate(seed: int) -> list[Script]:
    """The scripts of one host, in the order in which they are loaded."""
    pick = random.Random(seed)
    scripts = []
    for family in _FAMILIES:
        if pick.random() < 0.75:
            scripts.append(Iptables(pick, family).script())
    for number in range(pick.choice((0, 0, 1, 1, 2))):
        scripts.append(Nft(pick, number).script())
    if pick.random() < 0.2:
        scripts.append(Nft(pick, 9, 'ip filter').script())
    return scripts or [Iptables(pick, 'ip').script()]


def _addresses(family: str) -> list[str]:
    every = [address for group in (*namespaces.PEERS.values(), *namespaces.HERE.values()) for address in group]
    return [address for address in every if (':' in address) == (family == 'ip6')]


def _address(pick: random.Random, family: str) -> str:
    one = pick.choice(_addresses(family))
    return pick.choice((one, one, f'{one}/{pick.choice((24, 25, 30) if family == "ip" else (64, 120, 127))}'))


def _ports(pick: random.Random) -> str:
    return pick.choice((str(pick.choice(PORTS)), f'{pick.choice((20, 50))}:{pick.choice((80, 500))}'))


def _options(text: str) -> set[str]:
    """The options in TEXT, of which a rule can have each only once; --dport and --dports are one of them."""
    return {word.rstrip('s') for word in text.split() if word.startswith('-') and word != '-m'}


class Iptables:
    """One iptables-restore script with filter, mangle, raw and nat tables."""

    def __init__(self, pick: random.Random, family: str) -> None:
        self._pick, self._family = pick, family
        self._targets: t.Sequence[str] = _TARGETS

    def script(self) -> Script:
        pick = self._pick
        chains = pick.sample(_CHAINS, pick.randint(0, 3))
        lines = ['*filter', *(f':{name} - [0:0]' for name in chains)]
        lines += [f':{name} {pick.choice(("ACCEPT", "DROP"))} [0:0]' for name in ('INPUT', 'OUTPUT')]
        for index, name in enumerate(chains):
            # only to later chains, so that nothing jumps in a circle
            self._targets = (*_TARGETS, *(chains[index + 1 :] * 2))
            lines += [self._rule(name, 'INPUT') for _ in range(pick.randint(0, 4))]
        self._targets = (*_TARGETS[:-1], *(chains * 2))
        for name in ('INPUT', 'OUTPUT'):
            lines += [self._rule(name, name) for _ in range(pick.randint(0, 7))]
        lines.append('COMMIT')
        for table, share in (('mangle', 0.3), ('raw', 0.2), ('nat', 0.2)):
            if pick.random() < share:
                lines += self._other_table(table)
        tool = 'iptables' if self._family == 'ip' else 'ip6tables'
        legacy = '-legacy' if pick.random() < 0.15 else ''
        return Script(f'{tool}{legacy}-restore', '\n'.join([*lines, '']))

    def _other_table(self, table: str) -> list[str]:
        pick = self._pick
        chain = pick.choice(('PREROUTING', 'OUTPUT'))
        target = {
            'mangle': ('MARK --set-xmark 0x1/0x1', 'MARK --set-xmark 0x4000/0x4000', 'DROP', 'MARK --set-mark 7'),
            'raw': ('NOTRACK', 'DROP', 'CT --notrack'),
            'nat': ('REDIRECT --to-ports 443',) if chain == 'PREROUTING' else ('ACCEPT',),
        }[table]
        rules = []
        for _ in range(pick.randint(1, 3)):
            action = pick.choice(target)
            protocol = f'-p {pick.choice(("tcp", "udp"))} --dport {_ports(pick)} '
            matches = (
                protocol if 'REDIRECT' in action else pick.choice((protocol, f'-s {_address(pick, self._family)} '))
            )
            rules.append(f'-A {chain} {matches}-j {action}')
        return [f'*{table}', *rules, 'COMMIT']

    def _rule(self, chain: str, hook: str) -> str:
        pick = self._pick
        target = pick.choice(self._targets)
        verb = '-g' if target in _CHAINS and pick.random() < 0.2 else '-j'
        protocol = pick.choice(
            ('', '-p tcp', '-p udp', '! -p tcp', '-p icmp' if self._family == 'ip' else '-p ipv6-icmp')
        )
        parts = [protocol]
        for _ in range(pick.choice((0, 0, 1, 1, 1, 2))):
            match = self._match(protocol, hook)
            if not _options(match) & _options(' '.join(parts)):
                parts.append(match)
        if target == 'REJECT' and protocol == '-p tcp' and pick.random() < 0.5:
            target += ' --reject-with tcp-reset'
        return f'-A {chain} {" ".join(filter(None, parts))} {verb} {target}'.replace('  ', ' ')

    def _match(self, protocol: str, hook: str) -> str:
        pick, family = self._pick, self._family
        no = pick.choice(('', '', '', '! '))
        if protocol in ('-p tcp', '-p udp') and pick.random() < 0.6:
            some = [
                f'{no}--dport {_ports(pick)}',
                f'-m multiport {no}--dports 22,{_ports(pick)}',
                f'{no}--sport 20000:20020',
            ]
            flags = ['--syn', '! --syn', '--tcp-flags SYN,ACK SYN', '! --tcp-flags FIN,SYN FIN', '--tcp-option 2']
            return pick.choice(some + (flags if protocol == '-p tcp' else []))
        if protocol in ('-p icmp', '-p ipv6-icmp') and pick.random() < 0.5:
            return (
                f'--icmp-type {pick.choice((8, 3))}' if family == 'ip' else f'--icmpv6-type {pick.choice((128, 135))}'
            )
        address = _address(pick, family)
        one, other = sorted(pick.sample(_addresses(family), 2), key=ipaddress.ip_address)
        link, side = pick.choice(('lan', 'wan', 'lo', 'l+')), pick.choice(('src', 'dst'))
        return pick.choice(
            (
                f'{no}-s {address}',
                f'{no}-d {address}',
                f'{no}{"-i" if hook == "INPUT" else "-o"} {link}',
                f'-m conntrack {no}--ctstate {pick.choice(("NEW", "INVALID", "RELATED,ESTABLISHED", "NEW,UNTRACKED"))}',
                f'-m state {no}--state {pick.choice(("NEW", "ESTABLISHED"))}',
                f'-m addrtype {no}--{side}-type {pick.choice(("LOCAL", "UNICAST", "MULTICAST"))}',
                f'-m iprange {no}--src-range {one}-{other}',
                f'-m mark {no}--mark {pick.choice(("0x1/0x1", "0x4000/0x4000", "0", "7"))}',
                f'-m limit --limit {pick.choice(("1/hour", "100/sec"))} --limit-burst {pick.choice((1, 50))}',
                f'-m recent --name r{pick.randint(0, 2)} --{pick.choice(("set", "rcheck", "update"))}',
                f'-m comment --comment "{pick.choice(("a -j DROP", "! -s 192.0.2.1", "x --dport 22"))}"',
                f'-m length {no}--length {pick.choice(("0:50", "51:1500"))}',
                '-m pkttype --pkt-type unicast',
                '-m physdev --physdev-is-bridged',
                f'-m set {no}--match-set {pick.choice(("nets", "pairs"))}{_FAMILIES[family]} src,dst',
                f'-m connlimit --connlimit-above {pick.choice((0, 100))}',
                '-m mac --mac-source 00:11:22:33:44:55',
                '-m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 1 --hashlimit-mode srcip --hashlimit-name h',
            )
        )


IPSETS = """
create nets4 hash:net family inet
create nets6 hash:net family inet6
create pairs4 hash:ip,port family inet
create pairs6 hash:ip,port family inet6
add nets4 192.0.2.0/28
add nets4 198.51.100.77
add nets6 2001:db8::/112
add pairs4 192.0.2.11,tcp:22
add pairs4 192.0.2.12,udp:53
add pairs6 2001:db8::11,tcp:80
"""


class Nft:
    """One table of nftables with base chains at one or two hooks."""

    def __init__(self, pick: random.Random, number: int, name: str = '') -> None:
        """With a NAME, rules by hand in a table of iptables."""
        self._pick, self._is_of_iptables = pick, bool(name)
        self._family = name.split()[0] if name else pick.choice(('inet', 'inet', 'ip', 'ip6'))
        self._name = name or f'{self._family} {pick.choice(("crowdsec", "vpn", "filter2", "site"))}{number}'

    def script(self) -> Script:
        pick = self._pick
        hooks = pick.sample(('input', 'output', 'prerouting'), pick.randint(1, 2))
        names = [f'extra{number}' for number in range(pick.randint(0, 2))]
        lines = [f'table {self._name} {{', *self._sets()]
        for index, name in enumerate(names):
            lines += self._chain(name, '', names[index + 1 :])
        for hook in [] if self._is_of_iptables else hooks:
            priority = pick.choice((-10, 0, 0, 10)) if hook != 'prerouting' else pick.choice((-310, -160, 5))
            policy = pick.choice(('accept', 'accept', 'drop')) if hook != 'prerouting' else 'accept'
            lines += self._chain(f'on_{hook}', f'type filter hook {hook} priority {priority}; policy {policy};', names)
        for chain in pick.sample(('INPUT', 'OUTPUT'), pick.randint(1, 2)) if self._is_of_iptables else ():
            lines += self._chain(chain, f'type filter hook {chain.lower()} priority 0;', names)
        return Script('nft', '\n'.join([*lines, '}', '']))

    def _sets(self) -> list[str]:
        lines = []
        if self._family != 'ip6':
            lines += [
                'set v4 { type ipv4_addr; flags interval; elements = { 192.0.2.0/28, 198.51.100.70-198.51.100.80 } }',
                'set c4 { type ipv4_addr . inet_service; elements = { 192.0.2.11 . 22, 192.0.2.130 . 80 } }',
                'set t4 { type ipv4_addr; flags timeout; elements = { 192.0.2.12 timeout 1h } }',
            ]
        if self._family != 'ip':
            lines += ['set v6 { type ipv6_addr; flags interval; elements = { 2001:db8::/112 } }']
        return [
            *lines,
            'map verdicts { type inet_service : verdict; elements = { 22 : accept, 53 : drop, 443 : return } }',
        ]

    def _chain(self, name: str, head: str, targets: t.Sequence[str]) -> list[str]:
        hook = head.split()[3] if head else ''
        rules = [self._rule(hook, targets) for _ in range(self._pick.randint(0, 6))]
        return [f'chain {name} {{', *([head] if head else []), *rules, '}']

    def _rule(self, hook: str, targets: t.Sequence[str]) -> str:
        pick = self._pick
        if pick.random() < 0.15:
            return pick.choice(
                (
                    'tcp dport vmap @verdicts',
                    'udp dport vmap { 53 : accept, 80-443 : drop }',
                    'ct state vmap { established : accept, invalid : drop, new : continue }',
                    'meta mark set 0x7',
                    'meta mark set mark or 0x4000',
                )
            )
        verdicts = ['accept', 'accept', 'drop', 'drop', 'return', 'counter', 'log prefix "x" continue']
        if hook not in ('', 'prerouting'):
            verdicts.append('reject')
        verdicts += [f'{pick.choice(("jump", "jump", "goto"))} {name}' for name in targets] * 2
        if hook == 'prerouting':
            verdicts.append('notrack')
        matches = [self._match(hook) for _ in range(pick.choice((0, 1, 1, 1, 2)))]
        return ' '.join([*matches, pick.choice(verdicts)])

    def _match(self, hook: str) -> str:
        pick = self._pick
        no = pick.choice(('', '', '!= '))
        family = {'inet': pick.choice(('ip', 'ip6'))}.get(self._family, self._family)
        address = _address(pick, family)
        address = address.replace('/30', '/28') if '/' in address else address
        first, second = sorted(pick.sample(PORTS, 2))
        interface = {'input': 'iifname', 'prerouting': 'iifname', 'output': 'oifname'}.get(hook, 'iifname')
        number = '4' if family == 'ip' else '6'
        choices = [
            f'{family} saddr {no}{address}',
            f'{family} daddr {no}{address}',
            f'{family} saddr {no}@v{number}',
            f'tcp dport {no}{first}',
            f'tcp dport {no}{{ {first}, {second} }}',
            f'udp dport {no}{first}-{second}',
            f'th dport {no}{first}',
            f'{interface} {no}"{pick.choice(("lan", "wan", "l*", "lo"))}"',
            f'{interface} {{ "lan", "w*" }}',
            f'meta l4proto {no}{pick.choice(("tcp", "udp", "{ tcp, udp }"))}',
            f'ct state {no}{pick.choice(("new", "established", "{ new, untracked }", "invalid"))}',
            'ct state new,untracked',
            'meta nfproto ipv4',
            'tcp flags syn / fin,syn,rst,ack',
            'tcp flags ! syn',
            'tcp flags == syn',
            'icmp type echo-request' if family == 'ip' else 'icmpv6 type { echo-request, nd-neighbor-solicit }',
            'limit rate 1/hour burst 1 packets',
            'limit rate over 100/second',
            f'mark {no}{pick.choice(("0", "7", "0x4000"))}',
            'meta mark and 0x4000 == 0x4000',
            f'fib daddr type {pick.choice(("local", "unicast"))}',
            'fib saddr . iif oif missing' if hook in ('input', 'prerouting') else 'tcp sport 20000-20020',
            'ct status dnat',
            'meta length < 60',
            'tcp dport > 80',
        ]
        if family == 'ip':
            choices += [f'ip saddr . tcp dport {no}@c4', f'ip saddr {no}@t4', f'ip protocol {no}tcp']
        else:
            choices += [f'ip6 nexthdr {no}udp']
        return pick.choice(choices)
