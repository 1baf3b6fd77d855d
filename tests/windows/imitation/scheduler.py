"""A small Task Scheduler: it runs the registered task of each imitated host when it is due, as SYSTEM."""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
import threading
import time
import typing as t
from pathlib import Path
from xml.etree import ElementTree

import powershell

from .hosts import ImitatedHost, every

PAUSE = 0.2  # seconds
RUNS = 'task-runs.jsonl'
_SPACE = {'task': 'http://schemas.microsoft.com/windows/2004/02/mit/task'}


class Trigger(t.NamedTuple):
    """When a task is due (seconds since 1970), and after how many seconds again (0: not)."""

    due: float
    interval: float

    @classmethod
    def parse(cls, definition: str, minute: float) -> Trigger:
        """A run that fails is not repeated: RestartOnFailure is for actions that cannot be started."""
        trigger = ElementTree.fromstring(definition).find('.//task:TimeTrigger', _SPACE)
        start = trigger.findtext('task:StartBoundary', '', _SPACE).replace('Z', '+00:00')
        interval = trigger.findtext('task:Repetition/task:Interval', 'PT0M', _SPACE)
        minutes = int(re.fullmatch(r'PT(\d+)M', interval).group(1))
        return cls(datetime.datetime.fromisoformat(start).timestamp(), minutes * minute)


class Scheduler:
    """Runs the tasks of all hosts in ROOT until the block ends. A minute of a repetition takes MINUTE seconds."""

    def __init__(self, root: Path, minute: float = 60) -> None:
        self._root, self._minute = root, minute
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._next: dict[tuple[str, str], float] = {}
        self._running: dict[str, subprocess.Popen[str]] = {}

    def __enter__(self) -> Scheduler:
        self._thread.start()
        return self

    def __exit__(self, *_error: t.Any) -> None:
        self._stop.set()
        self._thread.join()
        for process in self._running.values():
            process.kill()
            process.communicate()

    def _watch(self) -> None:
        while not self._stop.wait(PAUSE):
            for host in every(self._root):
                self._look_at(host)

    def _look_at(self, host: ImitatedHost) -> None:
        running = self._running.get(host.name)
        if running and running.poll() is not None:
            self._record(host, self._running.pop(host.name))
        elif not running and not host.read('faults.json').get('no_scheduler'):
            self._start_if_due(host)

    def _start_if_due(self, host: ImitatedHost) -> None:
        try:
            task = host.read('task.json')
        except FileNotFoundError:
            return
        asked = host.folder / 'run-task'
        if asked.exists():
            asked.unlink()
            self._start(host, task['script'])
            return
        if host.read('faults.json').get('no_triggers'):
            return
        trigger = Trigger.parse(task['definition'], self._minute)
        key = (host.name, task['definition'])
        now = time.time() + host.read('machine.json')['clock']
        if now < self._next.get(key, trigger.due):
            return
        self._next[key] = now + trigger.interval if trigger.interval else float('inf')
        self._start(host, task['script'])

    def _start(self, host: ImitatedHost, script: str) -> None:
        environment = {'PORTMATRIX_IMITATED_HOST': str(host.folder), 'PORTMATRIX_IMITATED_USER': 'SYSTEM'}
        self._running[host.name] = subprocess.Popen(
            [str(powershell.PROGRAM), '-NoProfile', '-NonInteractive', '-Command', script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment},
        )

    @staticmethod
    def _record(host: ImitatedHost, process: subprocess.Popen[str]) -> None:
        run = {'rc': process.returncode, 'output': process.communicate()[0]}
        with (host.folder / RUNS).open('a', encoding='utf-8') as file:
            file.write(json.dumps(run) + '\n')


def runs(host: ImitatedHost) -> list[dict[str, t.Any]]:
    """How the task of HOST ran: exit code and output of each run."""
    path = host.folder / RUNS
    return [json.loads(line) for line in path.read_text(encoding='utf-8').splitlines()] if path.exists() else []
