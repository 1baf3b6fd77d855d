"""Real connections between the lab's hosts. Runs on a host, and is independent of firewalls and of the collection.

The request is the first line of standard input:

probe.py serve    {"services": [["tcp", 443], ...]}     print "ready", answer on every service until killed
probe.py connect  {"targets": [["tcp", "198.51.100.11", 443], ...], "timeout": 1}     print, in order, which answer
probe.py stream   {"target": ["198.51.100.11", 443], "allowed": true, "minimum": 500}
                                print "ready", connect every 10 ms until standard input ends, but at least MINIMUM
                                times; print [tried, answered]
"""

import concurrent.futures
import json
import selectors
import socket
import struct
import sys
import threading
import time

MAX_THREADS = 64
# A denied connection of a stream must not be answered in this time. An allowed one has longer, as the machine may be
# slow: whether the firewall dropped something is seen by the packets that the kernel had to send again.
DENIED_SECONDS, ALLOWED_SECONDS = 0.9, 60
TOTAL_RETRANSMISSIONS = 100  # offset in struct tcp_info


def serve(request):
    selector = selectors.DefaultSelector()
    for protocol, port in request["services"]:
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        server = socket.socket(socket.AF_INET6, kind)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            server.bind(("::", port))
        except OSError:
            continue  # the host's own service (sshd) answers there
        if protocol == "tcp":
            server.listen(512)
        selector.register(server, selectors.EVENT_READ, protocol)
    print("ready", flush=True)
    while True:
        for key, _events in selector.select():
            if key.data == "tcp":
                key.fileobj.accept()[0].close()
            else:
                data, peer = key.fileobj.recvfrom(64)
                key.fileobj.sendto(data, peer)


def is_answered(target, timeout, at_once=False):
    """Whether TARGET answers within TIMEOUT seconds; AT_ONCE: and no packet had to be sent again."""
    protocol, address, port = target
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        try:
            client.connect((address, port))
            if protocol == "udp":
                client.send(b"probe")
                client.recv(64)
            return not (at_once and retransmissions(client))
        except OSError:
            return False


def retransmissions(client):
    info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return struct.unpack_from("I", info, TOTAL_RETRANSMISSIONS)[0]


def connect(request):
    with concurrent.futures.ThreadPoolExecutor(MAX_THREADS) as pool:
        return list(pool.map(lambda target: is_answered(target, request["timeout"]), request["targets"]))


def stream(request):
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    target, is_allowed = ["tcp", *request["target"]], request["allowed"]
    timeout = ALLOWED_SECONDS if is_allowed else DENIED_SECONDS
    with concurrent.futures.ThreadPoolExecutor(256) as pool:
        jobs = []
        print("ready", flush=True)
        while not over.is_set() or len(jobs) < request["minimum"]:
            jobs.append(pool.submit(is_answered, target, timeout, is_allowed))
            time.sleep(0.01)
        return [len(jobs), sum(job.result() for job in jobs)]


if __name__ == "__main__":
    verb = {"serve": serve, "connect": connect, "stream": stream}[sys.argv[1]]
    print(json.dumps(verb(json.loads(sys.stdin.readline()))))
