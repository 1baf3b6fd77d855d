"""Real connections between the lab's hosts. Runs on a host; knows nothing of firewalls or of the collection.

probe.py serve    < {"services": [["tcp", 443], ...]}                     answer on every service until killed
probe.py connect  < {"targets": [["tcp", "198.51.100.11", 443], ...]}     print, in order, which targets answer
probe.py stream   < {"target": ["198.51.100.11", 443], "seconds": 5}      connect every 10 ms, print [tried, answered]
"""

import concurrent.futures
import json
import selectors
import socket
import sys
import time

TIMEOUT = 1.0


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


def answers(target, timeout=TIMEOUT):
    protocol, address, port = target
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        try:
            client.connect((address, port))
            if protocol == "udp":
                client.send(b"probe")
                client.recv(64)
            return True
        except OSError:
            return False


def connect(request):
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        return list(pool.map(answers, request["targets"]))


def stream(request):
    end = time.monotonic() + request["seconds"]
    with concurrent.futures.ThreadPoolExecutor(256) as pool:
        jobs = []
        while time.monotonic() < end:
            jobs.append(pool.submit(answers, ["tcp", *request["target"]], 0.9))
            time.sleep(0.01)
        return [len(jobs), sum(job.result() for job in jobs)]


if __name__ == "__main__":
    verb = {"serve": serve, "connect": connect, "stream": stream}[sys.argv[1]]
    print(json.dumps(verb(json.load(sys.stdin))))
