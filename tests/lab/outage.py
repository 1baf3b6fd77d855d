"""How long management access was lost: new connections from the controller to sshd of each host, ten a second."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import typing as t

import testbed

REPORT = os.environ.get('PORTMATRIX_FAULT_REPORT')
_PAUSE, _TIMEOUT = 0.1, 0.5


class Outage:
    """`longest`: host -> seconds between the last connection that was answered and the next one."""

    def __init__(self, hosts: t.Iterable[str]):
        self.longest = dict.fromkeys(hosts, 0.0)
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._watch, args=(host,), daemon=True) for host in self.longest]

    def __enter__(self) -> Outage:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_why: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _watch(self, host: str) -> None:
        address, answered = testbed.HOSTS[host]['ansible_host'], time.monotonic()
        while not self._over.is_set():
            with contextlib.suppress(OSError), socket.create_connection((address, 22), _TIMEOUT) as connection:
                connection.settimeout(_TIMEOUT)
                if connection.recv(4):
                    answered = time.monotonic()
            self.longest[host] = max(self.longest[host], time.monotonic() - answered)
            self._over.wait(_PAUSE)


def record(fault: str, hosts: int, seconds: float | None) -> None:
    """Add a line to the file $PORTMATRIX_FAULT_REPORT: FAULT was survived by HOSTS (how many). SECONDS is the longest
    time without management access, None if it was not watched."""
    if REPORT:
        with open(REPORT, 'a', encoding='utf-8') as file:
            file.write(json.dumps({'fault': fault, 'hosts': hosts, 'seconds': seconds}) + '\n')
