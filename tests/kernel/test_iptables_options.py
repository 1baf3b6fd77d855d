"""The number of values of every option of every extension of iptables that is installed here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / 'plugins'))
from module_utils._kernel import iptables_options

EXTENSIONS = sorted(
    (path.name[:6], path.stem.partition('_')[2])
    for folder in ('/usr/lib/x86_64-linux-gnu/xtables', '/usr/lib/aarch64-linux-gnu/xtables', '/usr/lib64/xtables')
    for path in Path(folder).glob('lib*t*_[a-z]*.so')
    if path.name.startswith(('libxt_', 'libipt_', 'libip6t_'))
)
# an option at the beginning of a line of the help, and what follows it
OPTION = re.compile(r'(?m)^\s*(?:\[?!\]?\s*)?(--[a-z0-9-]+)(.*)$')
# options whose values the help does not name, or names on the next line
WITHOUT_A_NAME = {'--algo', '--from', '--to', '--hashlimit-htable-gcinterval', '--hashlimit-htable-expire',
                  '--hashlimit-rate-interval', '--comment'}  # fmt: skip
SPELLINGS = {'--source-port', '--destination-port', '--source-ports', '--destination-ports'}


def options():
    for kind, name in EXTENSIONS:
        program = 'ip6tables' if kind == 'libip6' else 'iptables'
        text = subprocess.run([program, '-m', name, '--help'], capture_output=True, text=True, check=False).stdout
        for option, rest in OPTION.findall(text.partition('options:')[2]):
            yield name, option, rest


OPTIONS = sorted(set(options()))


def test_there_are_extensions():
    assert len(EXTENSIONS) > 50 and len(OPTIONS) > 150


@pytest.mark.parametrize(('extension', 'option', 'rest'), OPTIONS, ids=lambda value: str(value)[:30])
def test_the_number_of_values(extension, option, rest):
    """After one blank or "<" comes a value, after more blanks or nothing the description."""
    if option in WITHOUT_A_NAME | SPELLINGS:
        return
    if option == '--restore-skmark':
        rest = ''  # one blank, but no value
    has_value = re.match(r' ?[<\[{]|\s[A-Za-z.]|\t+[a-z_]+\s{2,}', rest) is not None
    line = f'-A INPUT -m {extension} {option} 1 2 -j ACCEPT' if has_value else f'-A INPUT {option} -j ACCEPT'
    parsed = iptables_options.parse(line)
    number = next(len(found.values) for found in parsed.options if found.name == option)
    expected = (2 if option in ('--tcp-flags', '--match-set') else 1) if has_value else 0
    assert number == expected, rest
