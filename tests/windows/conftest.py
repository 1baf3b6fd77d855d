from __future__ import annotations

import powershell


def pytest_terminal_summary(terminalreporter):
    if not powershell.PROGRAM:
        terminalreporter.write_line(f'NOT RUN: {powershell.MISSING}')
