"""Print what an operator would see of the answers of a Windows host. Exit code 1 if one cannot be read.

python tests/windows/hosted/results.py FOLDER

FOLDER contains what functions.ps1 keeps: NAME.json is the answer to the call NAME of request.py.
"""

from __future__ import annotations

import json
import sys
import typing as t
from pathlib import Path

import request
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._action.platforms.windows import Windows


def read(name: str, answer: dict[str, t.Any]) -> dict[str, t.Any]:
    """The result of the action for the ANSWER to the call NAME."""
    wanted = {'state': 'gathered'} if name == 'gathered' else request.create_wanted(name)
    return Windows({}).read_result(answer, wanted)


def show(name: str, result: dict[str, t.Any]) -> None:
    diff = result.get('diff') or {}
    print(f'== {name}: changed={result.get("changed")} {result.get("msg", "")}'.rstrip())
    for side in 'before', 'after':
        for line in diff.get(side, '').splitlines():
            print(f'{side:>6}  {line}')
    for warning in result.get('warnings', ()):
        print(f'warning {warning}')
    if 'gathered' in result:
        print(json.dumps(result['gathered'], indent=2))


def main() -> None:
    folder = Path(sys.argv[1])
    unread = []
    for name in ('gathered', *request.CHECKS, *request.CHANGES):
        path = folder / f'{name}.json'
        try:
            show(name, read(name, json.loads(path.read_text(encoding='utf-8'))))
        except FileNotFoundError:
            print(f'== {name}: no answer')
        except Exception as error:  # whatever a real host answers, all of it is shown
            unread.append(f'{name}: {error!r}: {path.read_text(encoding="utf-8")}')
    if unread or not any(folder.glob('*.json')):
        sys.exit('\n'.join(['answers that could not be read:', *unread]))


if __name__ == '__main__':
    main()
