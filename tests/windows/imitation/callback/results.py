"""Writes each result of a task to the file $PORTMATRIX_RESULTS, one line of JSON each."""

from __future__ import annotations

DOCUMENTATION = """
name: results
type: notification
short_description: writes each result to a file
description: writes each result to a file
"""

import json
import os
import typing as t
from pathlib import Path

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'notification'
    CALLBACK_NAME = 'results'

    def _write(self, status: str, result: t.Any) -> None:
        line = {'host': result.host.name, 'task': result.task.name, 'status': status, 'result': result.result}
        with Path(os.environ['PORTMATRIX_RESULTS']).open('a', encoding='utf-8') as file:
            file.write(json.dumps(line, default=str) + '\n')

    def v2_runner_on_ok(self, result: t.Any) -> None:
        self._write('ok', result)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        self._write('failed', result)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        self._write('unreachable', result)

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        self._write('skipped', result)
