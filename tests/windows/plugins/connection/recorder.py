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

import base64
import gzip
import json
import os
from pathlib import Path

from ansible.plugins.connection import ConnectionBase

FACTS: dict = {
    **dict.fromkeys(
        ('came', 'went', 'limited', 'enabled', 'disabled', 'came_back', 'fixed', 'management', 'unreadable'), []
    ),
    'changed': True,
    'digest': 'd',
    'profiles_before': {},
    'profiles_after': {},
}
ENDED = {'outcome': 'confirmed', 'reason': '', 'details': {}}


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

    def get_option(self, option, hostvars=None):
        return {'port': 15986}[option] if option == 'port' else super().get_option(option, hostvars)

    def exec_command(self, cmd, in_data=None, sudoable=True):
        sent = (in_data or b'').decode()
        # the bootstrap and its parameters, a line of NULs, and the manifest with the module and its arguments
        arguments = next(iter(_find([json.loads(text) for text in sent.split('\n\0\0\0\0\n')], 'sha256')))
        entry = {'state': arguments['state'], 'arguments': arguments}
        with Path(os.environ['RECORD']).open('a', encoding='utf-8') as file:
            file.write(json.dumps(entry) + '\n')
        request = json.loads(gzip.decompress(base64.b64decode(arguments['request'])))
        pending = bool(request['confirm_timeout']) and not request['check']
        facts = {**FACTS, 'pending': pending} if request['policy'] else {**ENDED, 'token': request['token']}
        return 0, json.dumps({'changed': False, 'answer': {'facts': facts}}).encode(), b''

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


def _find(value, key):
    """The objects in VALUE that have KEY."""
    if isinstance(value, dict):
        if key in value:
            yield value
        for item in value.values():
            yield from _find(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _find(item, key)
