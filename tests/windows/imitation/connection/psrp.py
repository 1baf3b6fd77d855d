"""psrp without a network: see connections.py."""

from __future__ import annotations

from imitation.connections import Imitation, document, load_real

real = load_real('psrp')
DOCUMENTATION = document(real)


class Connection(Imitation, real.Connection):
    @property
    def imitated_port(self) -> int:
        port = self.get_option('port')
        return int(port) if port else 5985 if self.get_option('protocol') == 'http' else 5986
