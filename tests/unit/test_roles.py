"""Roles, pages and the schema are what the script generates from the catalogs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import PortmatrixError
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._catalog import loader
from yamllint import config, linter

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests' / 'tools'))

import generate
import role_files

ACME = """
product: acme
title: "Acme: Backup"
documents:
  guide: {title: Guide, version: "7.2", retrieved: "2026-11-21"}
options:
  port: {type: port, default: 9443, description: "Port, one | two, <a>"}
  pull: {type: bool, default: false, description: "The server fetches from the clients; a sentence that is long enough to be folded\
 when it is written into the argument spec of the role."}
  kinds: {type: list, choices: [full, delta], default: [full, delta], description: Kinds of backup}
  mode: {type: choice, choices: ["on", "off"], default: "on", description: A word that YAML takes for true}
components:
  cloud: {title: Cloud, external: true}
  mirror: {title: Mirror, external: true, addresses: [192.0.2.0/28]}
  server: {title: Server}
notes: [A note, "Another: the last"]
flows:
  - {id: a, title: A, source: server, destination: cloud, protocol: tcp, ports: [port],
     citations: [{document: guide, section: A, row: "1"}]}
"""

INTRODUCTION = """<!-- generated from the catalog: introduction -->
# Acme: Backup

Hardens the hosts of Acme: Backup according to the port matrix of the vendor: "Guide" (version 7.2, retrieved 2026-11-21).
<!-- end -->
"""
COMPONENTS = """<!-- generated from the catalog: components -->
| component | description |
|---|---|
| `acme.cloud` | Cloud (external) |
| `acme.mirror` | Mirror (external: `192.0.2.0/28`) |
| `acme.server` | Server |

Rules for an external component without addresses allow any address: set its addresses in `portmatrix_peers`.
<!-- end -->
"""
OPTIONS = """
| variable | type | default | description |
|---|---|---|---|
| `acme_port` | port | `9443` | Port, one &#124; two, &lt;a> |
| `acme_pull` | bool | `false` | The server fetches from the clients; a sentence that is long enough to be folded\
 when it is written into the argument spec of the role. |
| `acme_kinds` | list: `full`, `delta` | `[delta, full]` | Kinds of backup |
| `acme_mode` | choice: `on`, `off` | `'on'` | A word that YAML takes for true |
<!-- end -->
"""
EXAMPLE = """
- hosts: acme_server
  gather_facts: false
  become: true
  roles:
    - portmatrix.firewall.acme
```
"""
NOTES = '<!-- generated from the catalog: notes -->\n- A note\n- Another: the last\n<!-- end -->\n'
SPEC = """
    options:
      acme_port:
        description: Port, one | two, <a>
        type: int
        default: 9443
      acme_pull:
        description: >-
          The server fetches from the clients; a sentence that is long enough to be folded when it is written into
          the argument spec of the role.
        type: bool
        default: false
      acme_kinds:
        description: Kinds of backup
        type: list
        elements: str
        choices:
          - full
          - delta
        default:
          - delta
          - full
      acme_mode:
        description: A word that YAML takes for true
        type: str
        choices:
          - 'on'
          - 'off'
        default: 'on'
"""


@pytest.fixture
def acme(tmp_path) -> loader.Catalog:
    (tmp_path / 'acme.yml').write_text(ACME)
    return loader.load_file(tmp_path / 'acme.yml')


@pytest.fixture
def checkout(tmp_path) -> Path:
    """What is generated, without the rest."""
    shutil.copytree(ROOT / generate.ROLES, tmp_path / generate.ROLES)
    shutil.copytree(ROOT / generate.PAGES, tmp_path / generate.PAGES)
    shutil.copytree(ROOT / generate.PLANS, tmp_path / generate.PLANS)
    shutil.copy(ROOT / generate.SCHEMA, tmp_path / generate.SCHEMA)
    return Path(tmp_path)


def test_what_is_committed_is_what_the_catalogs_say():
    assert generate.outdated_files(ROOT, loader.load_catalogs()) == {}


def test_the_role_of_an_invented_catalog(acme):
    files = role_files.role_files(acme, None)
    assert sorted(files) == ['README.md', 'meta/argument_specs.yml', 'meta/main.yml', 'tasks/main.yml']
    for part in (INTRODUCTION, COMPONENTS, OPTIONS, EXAMPLE, NOTES):
        assert part in files['README.md']
    assert files['README.md'].startswith(INTRODUCTION) and '`acme_<component>`' in files['README.md']
    assert files['meta/argument_specs.yml'].endswith(SPEC)
    assert "description: 'Harden the hosts of Acme: Backup'" in files['meta/main.yml']
    assert files['tasks/main.yml'].endswith('portmatrix.firewall.policy:\n    state: enforced\n')


@pytest.mark.filterwarnings('ignore:GitWildMatchPattern:DeprecationWarning')
def test_generated_yaml_is_accepted(acme):
    rules = config.YamlLintConfig(file=str(ROOT / '.yamllint'))
    files = {name: text for name, text in role_files.role_files(acme, None).items() if name.endswith('.yml')}
    assert {name: list(linter.run(text, rules)) for name, text in files.items()} == dict.fromkeys(files, [])
    options = yaml.safe_load(files['meta/argument_specs.yml'])['argument_specs']['main']['options']
    spec = {name: {key: entry[key] for key in entry if key != 'description'} for name, entry in options.items()}
    result = ArgumentSpecValidator(spec).validate({})
    defaults = {f'acme_{name}': option['default'] for name, option in acme.options.items()}
    assert (result.error_messages, result.validated_parameters) == ([], defaults)


def test_a_product_without_a_role_gets_one_and_text_edited_by_hand_is_kept(acme, tmp_path):
    created = generate.outdated_files(tmp_path, {'acme': acme})
    readme = tmp_path / 'roles' / 'acme' / 'README.md'
    assert {str(path.relative_to(tmp_path)) for path in created} == {
        *(f'roles/acme/{name}' for name in ('README.md', 'meta/argument_specs.yml', 'meta/main.yml', 'tasks/main.yml')),
        *(
            'tests/unit/cases/plans/acme.txt',
            'docs/products/acme.md',
            'docs/products/index.md',
            'docs/catalog.schema.json',
        ),
    }
    edited = created[readme].replace('## Requirements\n', '## Requirements\n\nBy hand.\n')
    longer = acme._replace(notes=(*acme.notes, r'A third note with \1'))
    again = role_files.role_files(longer, edited)['README.md']
    assert again == edited.replace('- Another: the last\n', '- Another: the last\n- A third note with \\1\n')


@pytest.mark.parametrize(
    'name, text',
    [
        ('roles/enstratius/meta/argument_specs.yml', 'Port of the console.'),
        ('roles/enstratius/README.md', 'Port of the console.'),
        ('roles/enstratius/README.md', 'Key manager (KM)'),
        ('roles/enstratius/meta/main.yml', 'Harden the hosts'),
        ('roles/enstratius/tasks/main.yml', 'enforced'),
        ('docs/products/enstratius.md', 'Port of the console.'),
        ('docs/products/index.md', 'Enstratius'),
        ('docs/catalog.schema.json', 'never_expose'),
    ],
)
def test_check_reports_what_was_changed_by_hand_and_a_run_restores_it(name, text, checkout, capsys):
    path = checkout / name
    committed = path.read_text()
    assert text in committed
    changed = committed.replace(text, 'By hand')
    path.write_text(changed)
    assert generate.main(['--check', '--root', str(checkout)]) == 1
    output = capsys.readouterr().out
    assert str(path) in output and 'By hand' in output and text in output and path.read_text() == changed
    assert generate.main(['--root', str(checkout)]) == 0
    assert capsys.readouterr().out == f'{path}\n' and path.read_text() == committed
    assert generate.main(['--check', '--root', str(checkout)]) == 0


def test_a_role_without_a_catalog_is_refused(checkout, capsys):
    (checkout / 'roles' / 'stray').mkdir()
    assert generate.main(['--root', str(checkout)]) == 1
    assert f'{checkout / "roles" / "stray"}: has no catalog' in capsys.readouterr().err


@pytest.mark.parametrize(
    'old, new',
    [
        ('<!-- end -->', ''),
        ('<!-- generated from the catalog: notes -->\n', ''),
        ('from the catalog: notes', 'from the catalog: remarks'),
        ('<!-- generated from the catalog: notes -->\n', '<!-- generated from the catalog: options -->\n'),
    ],
)
def test_a_readme_without_its_markers_is_refused_and_not_written(old, new, acme):
    readme = role_files.role_files(acme, None)['README.md'].replace(old, new, 1)
    with pytest.raises(PortmatrixError, match=r'roles/acme/README\.md: must contain each of the parts introduction, '):
        role_files.role_files(acme, readme)
