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
    first, count = int(sys.argv[1]), int(sys.argv[2])
    network = namespaces.Namespaces()
    counts: dict[str, int] = {}
    wrong: list[dict[str, t.Any]] = []
    for seed in range(first, first + count):
        _load(seed)
        kernel = reader.read()
        packets = _random_packets(random.Random(seed), 20000 + seed * _PACKETS % 30000)
        arrived = network.send(packets)
        for packet in packets:
            answer = _answer(kernel, packet)
            happened = outcome.PASSES if packet.number in arrived else outcome.DENIED
            counts[f'{answer}, {happened}'] = counts.get(f'{answer}, {happened}', 0) + 1
            if answer not in (happened, outcome.UNKNOWN):
                wrong.append({'seed': seed, 'packet': packet, 'answer': answer, 'happened': happened})
    network.close()
    print(json.dumps({'rulesets': count, 'counts': counts, 'wrong': wrong}))


def _load(seed: int) -> None:
    """Replace all rules by those of SEED; a rule that this kernel does not have is left out."""
    run('nft', 'flush', 'ruleset')
    for family in ('iptables', 'ip6tables'):
        for table in ('filter', 'mangle', 'raw', 'nat'):
            run(f'{family}-legacy-restore', text=_empty(table), check=False)
    run('ipset', 'destroy', check=False)
    run('ipset', 'restore', text=rulesets.IPSETS)
    for script in rulesets.generate(seed):
        _load_script(script)


def _load_script(script: rulesets.Script) -> None:
    command = ('nft', '-f', '-') if script.program == 'nft' else (script.program,)
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
