"""What ships as PowerShell, parsed and run by PowerShell 7. Where there is none it is skipped, and the last line of the
tests says so. Windows PowerShell 5.1, COM, the registry and the Task Scheduler are not there."""

from __future__ import annotations

import json
import random

import csharp
import powershell
import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import policy as policies
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._action.windows import program, script

pytestmark = pytest.mark.skipif(not powershell.PROGRAM, reason=powershell.MISSING)
SCRIPTS = sorted((*csharp.ROOT.glob('plugins/modules/*.ps1'), *csharp.HERE.rglob('*.ps1')))
RENDERED = 10
CASES = 23  # in run.ps1


def test_the_module_runs_on_a_pretended_firewall():
    finished = powershell.run(csharp.HERE / 'run.ps1')
    lines = finished.stdout.splitlines()
    assert finished.returncode == 0, finished.stdout
    assert lines[-1] == 'all passed' and len(lines) == CASES + 1, lines
    assert all(line.startswith('ok ') for line in lines[:-1]), lines


@pytest.mark.parametrize('path', SCRIPTS, ids=lambda path: f'{path.parent.name}/{path.name}')
def test_powershell_parses_what_ships(tmp_path, path):
    assert powershell.faults(path, tmp_path) == []


def test_the_parser_finds_a_mistake(tmp_path):
    broken = tmp_path / 'broken.ps1'
    broken.write_text('if ($a) {\n')
    assert len(powershell.faults(broken, tmp_path)) == 1


def test_powershell_parses_what_is_rendered(tmp_path):
    chance = random.Random(1)
    for number in range(RENDERED):
        path = tmp_path / 'rendered.ps1'
        document = json.dumps(csharp.create_random_policy(chance))
        text = script.render(policies.parse(document), [22, 5986], script.Host('h\u00e9st#>'), ['\u0142 #> x'])
        read = {text.encode('ascii').decode(page) for page in ('utf-8', 'cp1250', 'cp1251', 'cp1252', 'cp932')}
        assert read == {text}, 'Windows PowerShell reads a script in the code page of the system'
        path.write_text(text, encoding='ascii')
        assert powershell.faults(path, tmp_path) == [], number


def test_powershell_runs_the_script_of_the_task(tmp_path):
    """It compiles the program once, and loads the library from then on. Here it is asked for something that needs no
    Windows."""
    (tmp_path / 'rollback.cs').write_text(program.text(), encoding='utf-8')
    text = csharp.Driver(tmp_path).run('script', str(tmp_path), 'the-token')
    asked = "exit [Portmatrix.Firewall.Program]::RunTask('the-token')"
    assert text.endswith(asked) and '"' not in text, 'it is in quotes in the definition of the task'
    text = text.replace(asked, "[Portmatrix.Firewall.Program]::Run('{', 'x', '', $null)")
    answers = []
    for _number in range(2):
        finished = powershell.run_command(text)
        answers.append(json.loads(finished.stdout))
        (tmp_path / 'rollback.cs').unlink(missing_ok=True)
    assert answers == [{'refused': 'damaged', 'details': {'problem': 'its checksum differs'}}] * 2
