"""Data flows one way: a file imports only from the folders before its own. CONTRIBUTING describes them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / 'plugins'
# the folders in the order in which data passes through them
TARGET = ['_base', '_model', '_kernel', '_host', '_backends', '_rollback', '_converge']
CONTROLLER = ['_base', '_catalog', '_inventory', '_plan', '_policy', '_action']
ORDER = [
    *(f'module_utils/{folder}' for folder in TARGET),
    *(f'plugin_utils/{folder}' for folder in CONTROLLER),
    'modules',
    'action',
    'lookup',
]
# folders from which these must not import, whatever the order
NEVER = {
    'modules': 'plugin_utils',  # it stays on the controller
    'lookup': 'plugin_utils/_action',
}
ANSIBLE_CORE = ('plugin_utils/_base/ansible_core.py', 'plugin_utils/_base/ansible_inventory.py')


def folder_of(path: Path) -> str:
    parts = path.relative_to(PLUGINS).parts
    return '/'.join(parts[:2]) if parts[0].endswith('_utils') else parts[0]


def imports(path: Path) -> set[Path]:
    """The folders and files of this collection that PATH imports from."""
    targets = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1] / (node.module or '').replace('.', '/')
            targets.update(base / name.name for name in node.names)
    return targets


FILES = sorted(path for path in PLUGINS.rglob('*.py') if path.name != '__init__.py')


@pytest.mark.parametrize('path', FILES, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_a_file_imports_only_from_folders_before_its_own(path):
    folder = folder_of(path)
    assert folder in ORDER, f'{folder} is a new folder: add it to ORDER'
    for target in imports(path):
        assert ORDER.index(folder_of(target)) <= ORDER.index(folder), f'{path}: {target} comes after it'
        assert not folder_of(target).startswith(NEVER.get(folder, 'no folder')), (
            f'{path}: {target} must not be imported in {folder}'
        )


def test_the_module_imports_every_file_that_a_host_needs():
    """Ansible sends a module only what it imports, and the rollback program has to be there, too."""
    pending, reached = [PLUGINS / 'modules' / 'linux_policy.py'], set()
    while pending:
        path = pending.pop()
        if path not in reached:
            reached.add(path)
            targets = {candidate for target in imports(path) for candidate in (target, target.parent)}
            pending.extend(target.with_suffix('.py') for target in targets if target.with_suffix('.py').is_file())
    assert {path for path in FILES if 'module_utils' in path.parts} - reached == set()


def test_no_back_end_imports_another():
    folder = PLUGINS / 'module_utils' / '_backends'
    backends = [path for path in folder.iterdir() if path.is_dir() and path.name != '__pycache__']
    assert len(backends) > 1
    for backend in backends:
        for path in backend.rglob('*.py'):
            others = [
                target for target in imports(path) for other in backends if other != backend and other in target.parents
            ]
            assert not others, path


def test_there_are_no_circular_imports():
    edges = {}
    for path in FILES:
        targets = {target.with_suffix('.py') for target in imports(path)} | {
            target.parent.with_suffix('.py') for target in imports(path)
        }
        edges[path] = {target for target in targets if target in set(FILES)} - _type_checking_only(path)
    done: set[Path] = set()

    def visit(path: Path, trail: tuple[Path, ...]) -> None:
        assert path not in trail, ' -> '.join(map(str, (*trail, path)))
        if path not in done:
            for target in edges[path]:
                visit(target, (*trail, path))
            done.add(path)

    for path in FILES:
        visit(path, ())


def _type_checking_only(path: Path) -> set[Path]:
    """The files that PATH imports for annotations only."""
    targets = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.If) and 'TYPE_CHECKING' in ast.unparse(node.test):
            for entry in node.body:
                if isinstance(entry, ast.ImportFrom):
                    base = path.parents[entry.level - 1] / (entry.module or '').replace('.', '/')
                    targets.update(
                        target.with_suffix('.py') for target in (base, *(base / name.name for name in entry.names))
                    )
    return targets


def test_only_two_files_use_private_parts_of_ansible_core():
    for path in FILES:
        if str(path.relative_to(PLUGINS)) not in ANSIBLE_CORE:
            text = path.read_text()
            for name in (
                'raw_get',
                'DEFAULT_LOCAL_TMP',
                '_execute_module',
                '_low_level',
                '._uuid',
                '_connection.',
                '._task._',
            ):
                assert name not in text, f'{path}: {name}'


def test_the_others_import_only_what_ansible_core_documents_for_plugins():
    documented = {
        'ansible.errors',
        'ansible.module_utils.basic',
        'ansible.module_utils.parsing.convert_bool',
        'ansible.plugins.action',
        'ansible.plugins.lookup',
    }
    for path in FILES:
        nodes = list(ast.walk(ast.parse(path.read_text())))
        names = {node.module or '' for node in nodes if isinstance(node, ast.ImportFrom)}
        names |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        used = {name for name in names if name.split('.')[0] == 'ansible'}
        assert used <= documented or str(path.relative_to(PLUGINS)) in ANSIBLE_CORE, f'{path}: {used - documented}'
