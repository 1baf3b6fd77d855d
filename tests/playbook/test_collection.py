"""The collection as users get it: built, installed, documented."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def run(*command: str, **options) -> str:
    finished = subprocess.run(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options
    )
    assert finished.returncode == 0, finished.stdout
    return finished.stdout


@pytest.fixture(scope='module')
def installed(tmp_path_factory) -> dict[str, str]:
    """The environment in which the built and installed collection is the only one."""
    folder = tmp_path_factory.mktemp('collection')
    run(str(BIN / 'ansible-galaxy'), 'collection', 'build', str(ROOT), '--output-path', str(folder))
    archive = next(folder.glob('portmatrix-firewall-*.tar.gz'))
    run(
        str(BIN / 'ansible-galaxy'),
        'collection',
        'install',
        str(archive),
        '-p',
        str(folder / 'installed'),
        '--offline',
        '--force',
    )
    return {**os.environ, 'ANSIBLE_COLLECTIONS_PATH': str(folder / 'installed'), 'ANSIBLE_HOME': str(folder / 'home')}


def test_the_installed_collection_plans(installed, tmp_path):
    (tmp_path / 'inventory').write_text('vm ansible_host=192.0.2.1\n[rightscale_instance]\nvm\n')
    run(str(BIN / 'ansible-playbook'), '-i', 'inventory', 'portmatrix.firewall.plan', cwd=tmp_path, env=installed)
    assert json.loads((tmp_path / 'portmatrix-plan.json').read_text())['hosts']['vm']['rules']


def test_the_archive_contains_what_users_need_and_no_tests(installed):
    folder = Path(installed['ANSIBLE_COLLECTIONS_PATH']) / 'ansible_collections' / 'portmatrix' / 'firewall'
    assert {path.name for path in folder.iterdir()} == {
        *(
            'COPYING',
            'CONTRIBUTING.md',
            'FILES.json',
            'MANIFEST.json',
            'README.md',
            'SECURITY.md',
            'requirements.txt',
            'changelogs',
            'docs',
            'meta',
            'playbooks',
            'plugins',
        ),
        'roles',
    }


DOCUMENTED = [*(('module', name) for name in ('policy', 'plan', 'linux_policy', 'windows_policy')), ('lookup', 'flows')]


@pytest.mark.parametrize('kind, name', DOCUMENTED)
def test_plugins_are_documented(installed, kind, name):
    text = run(str(BIN / 'ansible-doc'), '--json', '-t', kind, f'portmatrix.firewall.{name}', env=installed)
    documented = json.loads(text)[f'portmatrix.firewall.{name}']
    assert documented['doc']['description'] and documented['examples'] and documented['return']


@pytest.mark.parametrize('name', ['policy', 'plan'])
def test_documented_options_are_those_of_the_action(name, installed):
    import importlib

    text = run(str(BIN / 'ansible-doc'), '--json', '-t', 'module', f'portmatrix.firewall.{name}', env=installed)
    options = json.loads(text)[f'portmatrix.firewall.{name}']['doc']['options']
    spec = importlib.import_module(f'ansible_collections.portmatrix.firewall.plugins.action.{name}').ARGUMENTS

    def relevant(entry):
        return {key: entry.get(key) for key in ('type', 'choices', 'default', 'elements')}

    assert {key: relevant(entry) for key, entry in options.items()} == {
        key: relevant(entry) for key, entry in spec.items()
    }


@pytest.mark.parametrize('role', sorted(path.name for path in (ROOT / 'roles').iterdir()))
def test_roles_are_documented(installed, role):
    text = run(str(BIN / 'ansible-doc'), '--json', '-t', 'role', f'portmatrix.firewall.{role}', env=installed)
    assert json.loads(text)[f'portmatrix.firewall.{role}']['entry_points']['main']['description']
