"""A cell that is run again must find what it found the first time.

A cell that reads a name from an earlier cell and then binds the same name
anew, as in `b = b[1:]`, finds something else on its second run.
"""

import ast

from nbformat import NotebookNode
from notebook_rules import code_cells, named, parsed

COMPREHENSION = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class _Names(ast.NodeVisitor):
    """Walk a cell in the order in which it runs."""

    def __init__(self) -> None:
        self.read: set[str] = set()
        self.bound: set[str] = set()
        self.rebound: set[str] = set()

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        if isinstance(node.target, ast.Name):
            self._read(node.target.id)
            self._bind(node.target.id)

    def visit_For(self, node: ast.For) -> None:
        for part in (node.iter, node.target, *node.body, *node.orelse):
            self.visit(part)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not _last_entries(node):
            self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self._bind(node.id)
        else:
            self._read(node.id)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._bind(node.name)  # its body runs later

    def visit_Lambda(self, node: ast.Lambda) -> None:
        pass

    def generic_visit(self, node: ast.AST) -> None:
        if not isinstance(node, COMPREHENSION):
            super().generic_visit(node)
            return
        own = {
            name.id
            for loop in node.generators
            for name in ast.walk(loop.target)
            if isinstance(name, ast.Name)
        }
        for name in ast.walk(node):
            if isinstance(name, ast.Name) and name.id not in own:
                self._read(name.id)

    def _read(self, name: str) -> None:
        if name not in self.bound:
            self.read.add(name)

    def _bind(self, name: str) -> None:
        if name in self.read:
            self.rebound.add(name)
        self.bound.add(name)


def _last_entries(node: ast.Subscript) -> bool:
    """Tell a[-n:], which is the same when it is taken twice."""
    cut = node.slice
    return (
        isinstance(cut, ast.Slice)
        and isinstance(cut.lower, ast.UnaryOp)
        and cut.upper is None
    )


def same_when_run_again(notebook: NotebookNode) -> list[str]:
    """No cell binds anew what it has read from an earlier one."""
    complaints = []
    for cell in code_cells(notebook):
        names = _Names()
        names.visit(parsed(cell))
        complaints += [
            f"{named(cell)} reads {name} and then binds it anew"
            for name in sorted(names.rebound)
        ]
    return complaints
