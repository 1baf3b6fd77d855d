"""winrm without a network: see connections.py."""

from __future__ import annotations

from imitation.connections import Imitation, document, load_real

real = load_real('winrm')
DOCUMENTATION = document(real)


class Connection(Imitation, real.Connection):
    @property
    def imitated_port(self) -> int:
        return int(self.get_option('port'))
