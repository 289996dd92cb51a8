"""Change a function in one place, in every way that is known here.

An operator, a number, an index, a name of an argument; a call or a line
left out; two things exchanged.
"""

import ast
from collections.abc import Callable, Iterator

OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div,
    ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.FloorDiv: ast.Div,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
COUNTING = {"range", "arange", "linspace", "randint", "random_"}
MODULES = {"torch", "diffusion_lessons"}
Change = tuple[str, ast.AST]  # its kind, and what stands there now


def changes(node: ast.AST, names: list[str]) -> Iterator[Change]:
    """What may stand in place of a node; *names* are the arguments."""
    match node:
        case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.BoolOp(op=op):
            if other := OPERATORS.get(type(op)):
                yield "operator", _but(node, op=other())
        case ast.UnaryOp(op=ast.USub()):
            yield "operator", node.operand
        case ast.Constant(value=int() | float()) if not isinstance(
            node.value, bool
        ):
            yield "number", ast.Constant(node.value + 1)
            yield "number", ast.Constant(node.value / 2)
        case ast.Name(ctx=ast.Load()) if node.id in names:
            other = names[(names.index(node.id) + 1) % len(names)]
            yield "another name", ast.Name(other, node.ctx)
        case ast.Subscript(ctx=ast.Load(), slice=ast.Name() | ast.BinOp()):
            for index in _moved(node.slice):
                yield "off by one", _but(node, slice=index)
        case ast.Tuple(elts=[a, b]) | ast.List(elts=[a, b]):
            yield "exchanged", _but(node, elts=[b, a])
        case ast.Call():
            yield from _changes_of_call(node)
    match node:
        case ast.BinOp(
            op=ast.Sub() | ast.Div() | ast.Pow() | ast.MatMult()
        ):
            turned = {"left": node.right, "right": node.left}
            yield "exchanged", _but(node, **turned)
        case ast.Expr() | ast.AugAssign():
            yield "left out", ast.Pass()


def _changes_of_call(node: ast.Call) -> Iterator[Change]:
    owner = getattr(node.func, "value", None)
    if owner and getattr(owner, "id", "") not in MODULES:
        yield "left out", owner  # x.sqrt() becomes x
    elif len(node.args) == 1:
        yield "left out", node.args[0]  # torch.sqrt(x) becomes x
    if len(node.args) > 1:
        first, second, *rest = node.args
        yield "exchanged", _but(node, args=[second, first, *rest])
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    for i, arg in enumerate(node.args if name in COUNTING else ()):
        for moved in _moved(arg):
            args = [*node.args[:i], moved, *node.args[i + 1 :]]
            yield "off by one", _but(node, args=args)


def _moved(node: ast.expr) -> Iterator[ast.expr]:
    for operator in (ast.Add(), ast.Sub()):
        yield ast.BinOp(node, operator, ast.Constant(1))


def _but(node: ast.AST, **other: object) -> ast.AST:
    return type(node)(**{**vars(node), **other})


class Put(ast.NodeTransformer):
    """Put one node in the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST):
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        """The node, or what takes its place."""
        return self.new if node is self.old else self.generic_visit(node)


def mutants(text: str, name: str) -> Iterator[tuple[str, str, Callable]]:
    """(kind, "old -> new", function), for each change of a function."""
    place = choice = 0
    while True:
        tree = ast.parse(text)
        (function,) = (f for f in functions(tree) if f.name == name)
        nodes = [x for line in function.body for x in ast.walk(line)]
        if place == len(nodes):
            return
        node, names = nodes[place], [a.arg for a in function.args.args]
        options = list(changes(node, names))
        if choice == len(options):
            place, choice = place + 1, 0
            continue
        kind, new = options[choice]
        choice += 1
        words = f"{ast.unparse(node)}  ->  {ast.unparse(new)}"
        tree = ast.fix_missing_locations(Put(node, new).visit(tree))
        room: dict = {"__name__": "mutant"}
        try:
            exec(compile(tree, "mutant", "exec"), room)
        except SyntaxError:  # a star where none may stand
            continue
        yield kind, words, room[name]


def functions(tree: ast.Module) -> list[ast.FunctionDef]:
    """The functions of a file."""
    return [x for x in tree.body if isinstance(x, ast.FunctionDef)]
