"""Two network namespaces with two links between them: "here", with the rules that are judged, and the peer.

Which packets get through is read from sets of nftables that the last chain of each hook fills, in the kernel, so by
nothing of what is tested.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
import struct
import subprocess
import time
import typing as t

_CLONE_NEWNET = 0x40000000
_SETTLE_SECONDS = 0.02
LINKS = ('lan', 'wan')
HERE = {'lan': ('192.0.2.1', '2001:db8::1'), 'wan': ('198.51.100.1', '2001:db8:1::1')}
PEERS = {
    'lan': ('192.0.2.11', '192.0.2.12', '192.0.2.130', '2001:db8::11', '2001:db8::8000'),
    'wan': ('198.51.100.11', '198.51.100.77', '2001:db8:1::11'),
}
_WATCH = """
table inet watch {{
  set here4 {{ typeof ip saddr . ip daddr . meta l4proto . th sport . th dport; flags dynamic; size 65535; }}
  set here6 {{ typeof ip6 saddr . ip6 daddr . meta l4proto . th sport . th dport; flags dynamic; size 65535; }}
  set pings4 {{ typeof ip saddr . ip daddr . @th,32,16; flags dynamic; size 65535; }}
  set pings6 {{ typeof ip6 saddr . ip6 daddr . @th,32,16; flags dynamic; size 65535; }}
  {chains}
}}
"""
_CHAIN = """
  chain last_{hook} {{
    type filter hook {hook} priority 2147483000; policy accept;
    meta l4proto {{ tcp, udp, sctp }} add @here4 {{ ip saddr . ip daddr . meta l4proto . th sport . th dport }}
    meta l4proto {{ tcp, udp, sctp }} add @here6 {{ ip6 saddr . ip6 daddr . meta l4proto . th sport . th dport }}
    icmp type echo-request add @pings4 {{ ip saddr . ip daddr . @th,32,16 }}
    icmpv6 type echo-request add @pings6 {{ ip6 saddr . ip6 daddr . @th,32,16 }}
  }}
"""


class Packet(t.NamedTuple):
    """The first packet of a connection; `number` (a port of the sender, or the identifier of a ping) is its own."""

    direction: str
    link: str
    source: str
    destination: str
    protocol: str
    port: int
    number: int


def run(*command: str, text: str = '', check: bool = True) -> str:
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if check and result.returncode:
        raise RuntimeError(f'{" ".join(command)}: {result.stderr}')
    return result.stdout


class Namespaces:
    """This process is "here", from its creation on; a child of it is the peer."""

    def __init__(self) -> None:
        _leave_network()
        ours, theirs = socket.socketpair()
        self._pid = os.fork()
        if not self._pid:
            ours.close()
            _be_peer(theirs)
            os._exit(0)
        theirs.close()
        self._channel = ours.makefile('rwb', buffering=0)
        self._channel.readline()  # the child has its own network now
        run('ip', 'link', 'set', 'lo', 'up')
        for number, link in enumerate(LINKS):
            ours_mac, theirs_mac = f'02:00:00:00:0{number}:01', f'02:00:00:00:0{number}:02'
            peer = ('peer', 'name', link, 'address', theirs_mac, 'netns', str(self._pid))
            run('ip', 'link', 'add', link, 'address', ours_mac, 'type', 'veth', *peer)
            _configure(link, HERE[link], PEERS[link], theirs_mac)
            self._ask({'link': [link, PEERS[link], HERE[link], ours_mac]})
        time.sleep(0.2)

    def send(self, packets: t.Sequence[Packet]) -> set[int]:
        """The numbers of those of PACKETS that get through."""
        run(
            'nft', '-f', '-', text=_WATCH.format(chains=_CHAIN.format(hook='input') + _CHAIN.format(hook='postrouting'))
        )
        self._ask({'packets': [packet for packet in packets if packet.direction == 'ingress']})
        for packet in packets:
            if packet.direction == 'egress':
                _send(packet)
        time.sleep(_SETTLE_SECONDS)
        objects = json.loads(run('nft', '-j', '-n', 'list', 'table', 'inet', 'watch'))['nftables']
        run('nft', 'delete', 'table', 'inet', 'watch')
        seen = {
            tuple(element['concat']) for item in objects if 'set' in item for element in item['set'].get('elem', ())
        }
        return {packet.number for packet in packets if _key(packet) in seen}

    def close(self) -> None:
        self._channel.close()
        os.waitpid(self._pid, 0)

    def _ask(self, request: dict[str, t.Any]) -> None:
        self._channel.write(json.dumps(request).encode() + b'\n')
        self._channel.readline()


def _key(packet: Packet) -> tuple[t.Any, ...]:
    if packet.protocol == 'ping':
        return (packet.source, packet.destination, packet.number)
    number = {'tcp': 6, 'udp': 17, 'sctp': 132}[packet.protocol]
    return (packet.source, packet.destination, number, packet.number, packet.port)


def _leave_network() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), 'unshare')


def _configure(link: str, addresses: t.Iterable[str], others: t.Iterable[str], mac: str) -> None:
    """Without neighbour discovery, which rules may deny: it would be another question."""
    for address in addresses:
        length, options = (64, ['nodad']) if ':' in address else (24, ['broadcast', '+'])
        run('ip', 'address', 'add', f'{address}/{length}', *options, 'dev', link)
    run('ip', 'link', 'set', link, 'up')
    for address in others:
        run('ip', 'neighbour', 'replace', address, 'lladdr', mac, 'nud', 'permanent', 'dev', link)


def _be_peer(channel: socket.socket) -> None:
    _leave_network()
    file = channel.makefile('rwb', buffering=0)
    file.write(b'ready\n')
    for line in file:
        request = json.loads(line)
        if 'link' in request:
            _configure(*request['link'])
        for packet in request.get('packets', ()):
            _send(Packet(*packet))
        file.write(b'done\n')


def _send(packet: Packet) -> None:
    family = socket.AF_INET6 if ':' in packet.source else socket.AF_INET
    with socket.socket(family, *_kind(packet)) as sender:
        sender.setblocking(False)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sender.bind((packet.source, 0 if packet.protocol == 'ping' else packet.number))
        try:
            if packet.protocol == 'tcp':
                sender.connect((packet.destination, packet.port))
            else:
                data = _ping(packet) if packet.protocol == 'ping' else b'portmatrix'
                sender.sendto(data, (packet.destination, 0 if packet.protocol == 'ping' else packet.port))
        except OSError as error:
            if error.errno not in (
                errno.EINPROGRESS,
                errno.EPERM,
                errno.ECONNREFUSED,
                errno.EHOSTUNREACH,
                errno.EACCES,
            ):
                raise


def _kind(packet: Packet) -> tuple[int, int]:
    if packet.protocol == 'ping':
        return socket.SOCK_RAW, socket.getprotobyname('ipv6-icmp' if ':' in packet.source else 'icmp')
    return (socket.SOCK_STREAM if packet.protocol == 'tcp' else socket.SOCK_DGRAM), 0


def _ping(packet: Packet) -> bytes:
    kind = 128 if ':' in packet.source else 8
    data = struct.pack('!BBHHH', kind, 0, 0, packet.number, 1)
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack('!BBHHH', kind, 0, ~total & 0xFFFF, packet.number, 1)
