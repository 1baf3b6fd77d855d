"""Which packets a firewall in a network namespace allows, read from the kernel. Runs on a host, and is independent of
the collection.

judge.py open                                      create the namespaces "tested" and "outside", joined by a cable
judge.py load firewalld|ufw  < {"PATH": "TEXT"}    load these files into the firewall of "tested", with the firewall's
                                                   own start or reload
judge.py send                < [PACKET, ...]       send every packet; print, in order, which ones pass the firewall
judge.py close                                     remove the namespaces

PACKET: {"direction", "protocol", "peer", "dport", "sport"}; "icmp_type" is its type (that of a ping), "to": the address
of a group to which it is sent, instead of that of the host. Each packet carries its number (IPv4: identification, IPv6:
flow label), and a chain after all others (priority 500) records the numbers that it sees: a packet that the firewall
denies does not get there. Packets of the kernel (resets, ICMP errors) have numbers, too; but none of them has a hop
limit of 255 and a flow label, so only packets with 255 count."""

import contextlib
import json
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import sys

TESTED = {4: "198.18.0.1", 6: "2001:db8:ffff::1"}
NUMBERS = {"icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58, "vrrp": 112, "sctp": 132}
NUMBERS.update(igmp=2, ipip=4, ospf=89, pim=103)
# groups of which "tested" is a member
GROUPS = {4: "239.1.2.3", 6: "ff0e::1:3"}
HOOK = """
table inet judge {
  set seen4 { typeof ip id; size 65535; }
  set seen6 { typeof ip6 flowlabel; size 65535; }
  chain ingress { type filter hook input priority 500; ip ttl 255 add @seen4 { ip id }; ip6 hoplimit 255 add @seen6 { ip6 flowlabel }; }
  chain egress { type filter hook output priority 500; ip ttl 255 add @seen4 { ip id }; ip6 hoplimit 255 add @seen6 { ip6 flowlabel }; }
}
"""
UFW = "/run/judge/ufw"


def sh(command, text=None):
    return subprocess.run(command, shell=True, check=True, text=True, input=text, stdout=subprocess.PIPE).stdout


def start():
    sh(
        "ip netns add tested; ip netns add outside; ip link add cable netns tested type veth peer name cable netns "
        "outside"
    )
    for name in ("tested", "outside"):
        # the senders are forged on purpose, and the packets have no valid checksums
        sh(f"""ip netns exec {name} sh -c 'sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv6.conf.all.accept_dad=0 \
            net.ipv6.conf.default.accept_dad=0; ip link set lo up; ip link set cable up'""")
    for address, width in ((TESTED[4], 32), (TESTED[6], 128)):
        sh(f"ip netns exec tested ip addr add {address}/{width} dev cable{' nodad' if width == 128 else ''}")
        for name in ("tested", "outside"):
            version = "-6" if ":" in address else "-4"
            sh(f"ip netns exec {name} ip {version} route add default dev cable")
    for address, width in ((GROUPS[4], 32), (GROUPS[6], 128)):
        sh(f"ip netns exec tested ip addr add {address}/{width} dev cable autojoin")
    mac = sh("ip netns exec tested cat /sys/class/net/cable/address").strip()
    for address in TESTED.values():
        sh(f"ip netns exec outside ip neigh add {address} lladdr {mac} dev cable")
    sh("ip netns exec tested sysctl -qw net.netfilter.nf_conntrack_checksum=0")
    sh("ip netns exec tested nft -f -", HOOK)


def stop():
    subprocess.run(
        "pkill -f '[f]irewalld --nofork --nopid'; ip netns del tested; ip netns del outside; rm -rf /run/judge",
        shell=True,
        check=False,
    )


def load(name, files):
    {"firewalld": load_firewalld, "ufw": load_ufw}[name](files)


def load_firewalld(files):
    for folder in ("policies", "ipsets"):
        os.makedirs(f"/etc/firewalld/{folder}", exist_ok=True)
        for entry in os.listdir(f"/etc/firewalld/{folder}"):
            os.unlink(f"/etc/firewalld/{folder}/{entry}")
    for path, text in files.items():
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    if subprocess.run("firewall-cmd -q --state 2>/dev/null", shell=True, check=False).returncode:
        with open("/run/judge.log", "w", encoding="utf-8") as log:
            subprocess.Popen(
                "exec ip netns exec tested firewalld --nofork --nopid",
                shell=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        sh("for n in $(seq 1200); do firewall-cmd -q --state 2>/dev/null && exit; sleep 0.1; done; exit 1")
    else:
        sh("firewall-cmd -q --reload")


def load_ufw(files):
    shutil.rmtree(UFW, ignore_errors=True)
    shutil.copytree("/etc/ufw", f"{UFW}/etc/ufw")
    os.makedirs(f"{UFW}/etc/default")
    for path, text in files.items():
        with open(UFW + path, "w", encoding="utf-8") as file:
            file.write(text)
    for tool in ("iptables", "ip6tables"):
        sh(
            f"ip netns exec tested {tool}-restore",
            "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n",
        )
    sh(f"ip netns exec tested /lib/ufw/ufw-init --datadir {UFW} start")


def send(packets):
    sh("ip netns exec tested sh -c 'nft flush set inet judge seen4; nft flush set inet judge seen6'")
    sent = {"ingress": [], "egress": []}
    for number, packet in enumerate(packets, 1):
        sent[packet["direction"]].append((number, packet))
    for direction, where in (("ingress", "outside"), ("egress", "tested")):
        raw = [
            (
                packet["peer"] if direction == "egress" else target_of(packet),
                build(number, packet).hex(),
            )
            for number, packet in sent[direction]
        ]
        sh(f"ip netns exec {where} {sys.executable} {os.path.abspath(__file__)} raw", json.dumps(raw))
    seen = set()
    for name in ("seen4", "seen6"):
        listing = sh(f"ip netns exec tested nft list set inet judge {name}")
        seen |= {int(number) for number in re.findall(r"\d+", listing.partition("elements = {")[2].partition("}")[0])}
    return [number in seen for number in range(1, len(packets) + 1)]


def target_of(packet):
    return packet.get("to") or TESTED[6 if ":" in packet["peer"] else 4]


def raw(packets):
    sockets = {}
    for version, family in ((4, socket.AF_INET), (6, socket.AF_INET6)):
        sockets[version] = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
    for target, data in packets:
        with contextlib.suppress(OSError):  # the sender gets an error for what the firewall denies on egress
            sockets[6 if ":" in target else 4].sendto(bytes.fromhex(data), (target, 0))


def build(number, packet):
    version = 6 if ":" in packet["peer"] else 4
    family = {4: socket.AF_INET, 6: socket.AF_INET6}[version]
    peer, own = (socket.inet_pton(family, address) for address in (packet["peer"], TESTED[version]))
    source, target = (own, peer)
    if packet["direction"] == "ingress":
        source, target = peer, socket.inet_pton(family, target_of(packet))
    protocol = NUMBERS.get(packet["protocol"]) or int(packet["protocol"])
    body = payload(packet, number)
    if version == 4:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), number, 0, 255, protocol, 0) + source + target
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body
    return struct.pack("!IHBB", (6 << 28) | number, len(body), protocol, 255) + source + target + body


def payload(packet, number):
    protocol, sport, dport = packet["protocol"], packet["sport"], packet["dport"]
    if protocol == "tcp":
        return struct.pack("!HHIIBBHHH", sport, dport, random.getrandbits(32), 0, 0x50, 0x02, 1024, 0, 0)
    if protocol == "udp":
        return struct.pack("!HHHH", sport, dport, 8, 0)
    if protocol == "sctp":
        return struct.pack("!HHII", sport, dport, 0, 0) + struct.pack("!BBHIIHHI", 1, 0, 20, 1, 65536, 1, 1, 1)
    if protocol in ("icmp", "icmpv6"):
        kind = packet.get("icmp_type", 8 if protocol == "icmp" else 128)
        return struct.pack("!BBHHH", kind, 0, 0, sport, number & 0xFFFF)
    return struct.pack("!IIII", 0, 0, number, 0)


def checksum(head):
    total = sum(struct.unpack(f"!{len(head) // 2}H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - ((total & 0xFFFF) + (total >> 16))


if __name__ == "__main__":
    verb = sys.argv[1]
    if verb in ("open", "close"):
        {"open": start, "close": stop}[verb]()
    elif verb == "load":
        load(sys.argv[2], json.load(sys.stdin))
    else:
        print(json.dumps({"send": send, "raw": raw}[verb](json.load(sys.stdin))))
