"""Load random rule sets, send packets, and compare what happens with what the evaluator says; needs root.

python differential.py FIRST_SEED COUNT        prints one line of JSON
"""

from __future__ import annotations

import json
import random
import re
import sys
import typing as t
from pathlib import Path

import hand_made
import namespaces
import rulesets
from namespaces import HERE, LINKS, PEERS, Packet, run

sys.path.insert(0, str(Path(__file__).parents[2] / 'plugins'))
from module_utils._kernel import outcome, reader
from module_utils._kernel.packets import Packets
from module_utils._model import traffic

_PACKETS = 40
_PROTOCOLS = {'tcp': 6, 'udp': 17}


def main() -> None:
    network = namespaces.Namespaces()
    result = Result()
    if sys.argv[1] == 'hand-made':
        for number, (name, scripts) in enumerate(hand_made.CASES.items()):
            result.add(name, network, scripts, _every_packet(20000 + number * 100))
    else:
        first, count = int(sys.argv[1]), int(sys.argv[2])
        for seed in range(first, first + count):
            packets = _random_packets(random.Random(seed), 20000 + seed * _PACKETS % 30000)
            result.add(seed, network, rulesets.generate(seed), packets)
    network.close()
    print(json.dumps({'rulesets': result.rulesets, 'counts': result.counts, 'wrong': result.wrong}))


class Result:
    """`counts`: answer and what happened -> how often."""

    def __init__(self) -> None:
        self.rulesets = 0
        self.counts: dict[str, int] = {}
        self.wrong: list[dict[str, t.Any]] = []

    def add(
        self, name: t.Any, network: namespaces.Namespaces, scripts: t.Iterable[rulesets.Script], packets: list[Packet]
    ) -> None:
        """Load SCRIPTS, send PACKETS, and compare."""
        _load(scripts)
        kernel = reader.read()
        arrived = network.send(packets)
        self.rulesets += 1
        for packet in packets:
            answer = _answer(kernel, packet)
            happened = outcome.PASSES if packet.number in arrived else outcome.DENIED
            key = f'{answer}, {happened}'
            self.counts[key] = self.counts.get(key, 0) + 1
            if answer not in (happened, outcome.UNKNOWN):
                self.wrong.append({'case': name, 'packet': packet, 'answer': answer, 'happened': happened})


def _load(scripts: t.Iterable[rulesets.Script]) -> None:
    """Replace all rules by those of SCRIPTS; one that this kernel does not have is left out."""
    run('nft', 'flush', 'ruleset')
    for family in ('iptables', 'ip6tables'):
        for table in ('filter', 'mangle', 'raw', 'nat'):
            run(f'{family}-legacy-restore', text=_empty(table), check=False)
    run('ipset', 'destroy', check=False)
    run('ipset', 'restore', text=rulesets.IPSETS)
    for script in scripts:
        _load_script(script)


def _load_script(script: rulesets.Script) -> None:
    command = ('nft', '-f', '-') if script.program == 'nft' else tuple(script.program.split())
    lines = script.text.splitlines()
    for _attempt in range(len(lines)):
        try:
            run(*command, text='\n'.join([*lines, '']))
            return
        except RuntimeError as error:
            # two matches that cannot be in one rule, or one that this kernel does not have
            number = re.search(r'(?:line:? |line-?|stdin:)(\d+)', str(error))
            if not number:
                raise
            index = min(int(number[1]), len(lines)) - 1
            while not lines[index].startswith('-A') and script.program != 'nft':
                index -= 1
            del lines[index]
    raise RuntimeError(script.text)


def _empty(table: str) -> str:
    return f'*{table}\nCOMMIT\n'


def _every_packet(number: int) -> list[Packet]:
    """One packet of each protocol, family and direction to several ports."""
    packets = []
    for peer, here in (('192.0.2.11', '192.0.2.1'), ('2001:db8::11', '2001:db8::1')):
        for direction, *ends in (('ingress', peer, here), ('egress', here, peer)):
            for protocol, port in (('tcp', 22), ('tcp', 80), ('tcp', 443), ('udp', 53), ('ping', 9)):
                packets.append(Packet(direction, 'lan', *ends, protocol, port, number + len(packets)))
    return packets


def _random_packets(pick: random.Random, number: int) -> list[Packet]:
    packets = []
    for offset in range(_PACKETS):
        link = pick.choice(LINKS)
        peer = pick.choice(PEERS[link])
        here = next(address for address in HERE[link] if (':' in address) == (':' in peer))
        direction = pick.choice(('ingress', 'ingress', 'egress'))
        ends = (peer, here) if direction == 'ingress' else (here, peer)
        protocol = pick.choice(('tcp', 'tcp', 'udp', 'ping'))
        packets.append(
            Packet(direction, link, *ends, protocol, pick.choice((*rulesets.PORTS, 9, 300)), number + offset)
        )
    return packets


def _answer(kernel: reader.Kernel, packet: Packet) -> str:
    family = traffic.family(packet.source)
    interface = kernel.surroundings.interfaces.index(packet.link) + 1
    ping = 58 if family == 'ipv6' else 1
    one = Packets(
        protocol=_point(_PROTOCOLS.get(packet.protocol, ping)),
        source=(traffic.interval(packet.source),),
        destination=(traffic.interval(packet.destination),),
        **{'input' if packet.direction == 'ingress' else 'output': _point(interface)},
        **(
            {'icmp_type': _point(128 if family == 'ipv6' else 8)}
            if packet.protocol == 'ping'
            else {'source_port': _point(packet.number), 'destination_port': _point(packet.port)}
        ),
    )
    return outcome.of(kernel.rulesets[family], packet.direction, family, [one]).answer


def _point(number: int) -> tuple[tuple[int, int], ...]:
    return ((number, number),)


if __name__ == '__main__':
    main()
