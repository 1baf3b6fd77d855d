"""Writes one line of JSON for each host and task, which the tests read."""

from __future__ import annotations

import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = '''
name: results
type: aggregate
short_description: One line of JSON for each host and task
description: The file is named by the environment variable PORTMATRIX_RESULTS.
'''


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'aggregate'
    CALLBACK_NAME = 'results'

    def _write(self, status, result):
        name = result._host.get_name()
        with open(os.environ['PORTMATRIX_RESULTS'], 'a', encoding='utf-8') as file:
            file.write(json.dumps({'host': name, 'status': status, **result._result}, default=str) + '\n')

    def v2_runner_on_ok(self, result):
        self._write('ok', result)

    def v2_runner_on_skipped(self, result):
        self._write('skipped', result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._write('failed', result)

    def v2_runner_on_unreachable(self, result):
        self._write('unreachable', result)
