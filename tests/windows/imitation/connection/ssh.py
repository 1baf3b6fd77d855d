"""ssh without a network to hosts with the shell of Windows (see connections.py), the real one to others."""

from __future__ import annotations

import typing as t

from imitation.connections import Imitation, document, load_real

real = load_real('ssh')
DOCUMENTATION = document(real)


def _choose(name: str) -> t.Any:
    """The method NAME, imitated where the shell is that of Windows."""

    def method(self: Connection, *arguments: t.Any, **options: t.Any) -> t.Any:
        kind = Imitation if getattr(self._shell, '_IS_WINDOWS', False) else real.Connection
        return getattr(kind, name)(self, *arguments, **options)

    return method


class Connection(Imitation, real.Connection):
    keeps_connection = True
    _connect = _choose('_connect')
    exec_command = _choose('exec_command')
    put_file = _choose('put_file')
    fetch_file = _choose('fetch_file')
    reset = _choose('reset')
    close = _choose('close')

    @property
    def imitated_port(self) -> int:
        return int(self.get_option('port') or 22)
