"""An application that uses all clusters over new connections, until its standard input ends; runs on a host of the lab.

application.py ADDRESS ...    prints "ready", and in the end one line of JSON: {"tried": N, "failed": [TEXT, ...]}
"""

import base64
import json
import socket
import sys
import threading
import time
import urllib.request

TIMEOUT = 10


def etcd(address):
    key = base64.b64encode(b"app").decode()
    data = json.dumps({"key": key, "value": base64.b64encode(str(time.time()).encode()).decode()}).encode()
    with urllib.request.urlopen(f"http://{address}:2379/v3/kv/put", data, TIMEOUT) as answer:
        assert b"revision" in answer.read()


def talk(port, request, expected):
    def attempt(address):
        with socket.create_connection((address, port), TIMEOUT) as client:
            client.sendall(request)
            assert expected in client.recv(200)

    return attempt


USES = {
    "etcd": etcd,
    "redis": talk(6379, b"PING\r\n", b"PONG"),
    "sentinel": talk(26379, b"PING\r\n", b"PONG"),
    "rabbitmq": talk(5672, b"AMQP\x00\x00\x09\x01", b"capabilities"),
    "galera": talk(3306, b"", b"MariaDB"),
}


def main(addresses):
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    print("ready", flush=True)
    tried, failed = 0, []
    while not over.is_set():
        for address in addresses:
            for name, use in USES.items():
                tried += 1
                try:
                    use(address)
                except (OSError, AssertionError) as error:
                    failed.append(f"{name} {address}: {error!r}")
        time.sleep(0.05)
    print(json.dumps({"tried": tried, "failed": failed}))


if __name__ == "__main__":
    main(sys.argv[1:])
