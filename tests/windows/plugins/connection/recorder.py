"""A connection that pretends to be a Windows host: it records what Ansible sends ($RECORD) and answers as the module
would."""

from __future__ import annotations

DOCUMENTATION = """
name: recorder
short_description: records what Ansible would send to a Windows host
description: records what Ansible would send to a Windows host
author: portmatrix
options: {}
"""

import json
import os
from pathlib import Path

from ansible.plugins.connection import ConnectionBase

ANSWERS = {
    'enforced': {
        'changed': True,
        'added': 2,
        'removed': 0,
        'kept': 0,
        'pending': {'token': 'the-token'},
        'invocation': {},
    },
    'confirmed': {'changed': False, 'outcome': 'confirmed', 'settled': True},
}


class Connection(ConnectionBase):
    """The attributes of the winrm plugin, without network."""

    transport = 'winrm'  # as which it is taken: over the network
    module_implementation_preferences = ('.ps1', '.exe', '')
    allow_executable = False
    has_pipelining = True
    always_pipeline_modules = True
    has_native_async = True

    def __init__(self, *arguments, **options):
        self._shell_type = 'powershell'
        super().__init__(*arguments, **options)

    def _connect(self):
        self._connected = True
        return self

    def exec_command(self, cmd, in_data=None, sudoable=True):
        sent = (in_data or b'').decode()
        state = next(name for name in ('confirmed', 'enforced') if f'"state": "{name}"' in sent)
        with Path(os.environ['RECORD']).open('a', encoding='utf-8') as file:
            file.write(json.dumps({'state': state, 'sent': sent}) + '\n')
        return 0, json.dumps(ANSWERS[state]).encode(), b''

    # The base class requires both; a module is sent by pipelining, so a run that copies a file must fail.

    def put_file(self, in_path, out_path):
        raise AssertionError(f'{in_path} is copied to the host')

    def fetch_file(self, in_path, out_path):
        raise AssertionError(f'{in_path} is copied from the host')

    def close(self):
        self._connected = False

    def reset(self):
        with Path(os.environ['RECORD']).open('a', encoding='utf-8') as file:
            file.write(json.dumps({'state': 'reset'}) + '\n')
