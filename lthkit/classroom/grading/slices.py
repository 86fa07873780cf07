"""What a function needs: the smallest set of statements that gives a name its value, and no others.

Only these are run to grade an exercise, and only these of a student's other cells come along with an answer. So a
training, an endless loop or a megabyte of output elsewhere in the notebook costs nothing.

A name that is needed brings the statements that bind it, and those that change what it is: assignments to its parts, and
calls of which it can be believed that they fill it. These are, of a name that is more than written into:

- a method whose name says so (`append`, `update`, `register`, `zero_`, ...), or that changes its object in a class of the
  student's own; `model.train()` is the mode, `model.train(data)` is work and stays behind;
- a function that changes its arguments (`heappush`, `insort`, `shuffle`, `setattr`, torch's `init.zeros_`, ...);
- a function of the student's own that changes the parameter that the name is given to, or the name itself, directly or
  through others, or a decorator that does. A function that the answer calls does so then, and is not called before.

A setting of a module (`set_default_dtype`, `manual_seed`, `getcontext().prec = 9`) comes along where something of that
package is used, a patch (`torch.Tensor.foo = foo`) where an attribute with its name is. A print, a plot, an assertion, a
`check` and a loop that nothing ends bring nothing and are never brought.
"""

from __future__ import annotations

import ast
import builtins
import warnings
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from lthkit.classroom.exercises import BLANK
from lthkit.classroom.grading.effects import Effect, effect, endless, makes_function
from lthkit.classroom.grading.forms import cut, form, is_of_the_future

BUILTIN = frozenset(dir(builtins))


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a cell.

    Attributes:
        text: as it stands in the cell, with its comments.
        form: equal for statements that differ only in layout.
        effect: what it does when it runs.
        function: the name of the function that it defines, else "".
        blank: it defines a function that is still the stub.
        helper: what it binds can surely be called.
        imports, star, future: it is an import; of all names of a module; of `__future__`.
        endless: it is a loop that nothing in it ends.
    """

    text: str
    form: str
    effect: Effect
    function: str = ""
    blank: bool = False
    helper: bool = False
    imports: bool = False
    star: bool = False
    future: bool = False
    endless: bool = False

    @property
    def binds(self) -> frozenset[str]:
        """Names that it gives a value."""
        return self.effect.binds

    @property
    def changes(self) -> frozenset[str]:
        """Names whose value it changes."""
        return self.effect.changes | self.effect.fills

    @property
    def needs(self) -> frozenset[str]:
        """Names of the notebook that it or a function in it uses, those of Python too."""
        return self.effect.needs


def statements(code: str) -> list[Statement]:
    """The statements of a cell.

    Raises:
        SyntaxError: it is not Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an escape sequence in a student's text
        try:
            tree = ast.parse(code)
            lines = code.split("\n")
            shared = Counter(line for node in tree.body for line in {_begin(node), node.end_lineno or 0})
            return [_statement(node, lines, shared) for node in tree.body]
        except (RecursionError, MemoryError):
            raise SyntaxError("it is nested too deeply") from None
        except SyntaxError as error:
            raise SyntaxError(str(error.msg)[:200], (None, error.lineno, None, None)) from None
        except ValueError as error:
            raise SyntaxError(str(error)[:200]) from None


def needed(
    wanted: Iterable[str],
    pool: Sequence[Statement],
    *,
    cut: int | None = None,
    elsewhere: Collection[str] = frozenset(),
    modules: Collection[str] = frozenset(),
    whole: Iterable[int] = (),
) -> list[Statement]:
    """The statements of `pool` that together give the `wanted` names their values, in an order in which they can run.

    Args:
        cut: where the function was checked. Of the bindings of a name those before it count; those after it only for a
            name that has none before and is none of Python's own.
        elsewhere: names that have a value without these statements; `modules` those of them that are modules.
        whole: places of statements that come along in any case.
    """
    search = _Search(pool, len(pool) if cut is None else cut, elsewhere, modules)
    return search.found(wanted, whole)


def joined(found: Iterable[Statement]) -> str:
    """The text of a program of these statements; what it imports of `__future__` holds for all of it and stands first."""
    listed = list(found)
    return "\n".join(s.text for s in [*(s for s in listed if s.future), *(s for s in listed if not s.future)])


class _Search:
    """Follows names through a list of statements; each list below holds places in it, rising."""

    def __init__(
        self, pool: Sequence[Statement], cut: int, elsewhere: Collection[str], modules: Collection[str]
    ) -> None:
        self.pool, self.cut, self.elsewhere = pool, cut, elsewhere
        self.binding: dict[str, list[int]] = defaultdict(list)
        self.storing: dict[str, list[int]] = defaultdict(list)
        self.filling: dict[str, list[int]] = defaultdict(list)
        self.setting: list[int] = []
        self.acting: dict[str, list[int]] = defaultdict(list)  # functions by the names that they change
        self.users: dict[str, list[int]] = defaultdict(
            list
        )  # what has a function in it, by the names that it needs
        self.calling: dict[str, list[int]] = defaultdict(list)
        self.passing: dict[str, list[int]] = defaultdict(list)
        self.asking: dict[str, list[int]] = defaultdict(list)
        self.parts: dict[str, list[str]] = defaultdict(list)  # names of parts of what a name has
        self.patching: dict[str, list[int]] = defaultdict(list)
        self.packages: dict[str, str] = {}
        self.modules = set(modules)
        self.methods = frozenset[str]().union(*(s.effect.methods for s in pool))
        for i, s in enumerate(pool):
            if not s.endless:
                self._file(i, s)
        self.chosen: set[int] = set()
        self.full: dict[str, bool] = {}
        self.open: list[tuple[str, bool]] = []

    def _file(self, i: int, s: Statement) -> None:
        e = s.effect
        self.packages.update(e.packages)
        self.modules |= {name for name, _ in e.packages}
        self.setting += [i] if e.sets else []
        for part, name in e.aliases:
            self.parts[name].append(part)
        for index, names in (
            (self.binding, e.binds),
            (self.storing, e.changes),
            (self.filling, e.fills),
            (self.acting, e.gives),
            (self.users, e.needs if e.holds else ()),
            (self.calling, e.calls),
            (self.passing, {name for _, _, name in e.passes}),
            (self.asking, {name for name, method in e.asks if method in self.methods}),
            (self.patching, {attribute for _, attribute in e.patches}),
        ):
            for name in names:
                index[name].append(i)

    def found(self, wanted: Iterable[str], whole: Iterable[int]) -> list[Statement]:
        for i in [*whole, *(i for i, s in enumerate(self.pool[: self.cut]) if s.star or s.future)]:
            self._take(i)
        self.open += [(name, True) for name in wanted]
        self._follow()
        reached = set(self.full)
        before = -1
        while len(self.chosen) != before:
            before = len(self.chosen)
            for i in [*self._by_calls(reached), *self._by_settings(), *self._by_patches(), *self._older()]:
                self._take(i)
            self._follow()
        if any(name not in self.binding and not self._given(name) for name in self.full):
            self.chosen |= {i for i, s in enumerate(self.pool) if s.star}
        return [self.pool[i] for i in self._ordered()]

    def _take(self, i: int) -> None:
        if i not in self.chosen:
            self.chosen.add(i)
            e = self.pool[i].effect
            self.open += [(name, name not in e.merely) for name in sorted(e.needs)]

    def _follow(self) -> None:
        while self.open:
            name, full = self.open.pop()
            if self.full.get(name) or self.full.get(name) is full:
                continue
            self.full[name] = full
            for i in [*self._binders(name), *(self._changers(name) if full else ())]:
                self._take(i)

    def _given(self, name: str) -> bool:
        return name in self.elsewhere or name in BUILTIN

    def _candidates(self, name: str) -> list[int]:
        """Where a name gets a value that counts, first attempts too."""
        found = [i for i in self.binding.get(name, ()) if name not in BUILTIN or self.pool[i].helper]
        done = [i for i in found if not self.pool[i].blank]
        before = [i for i in done if i < self.cut]
        if before or self._given(name):
            return before
        return done or found[-1:]

    def _binders(self, name: str) -> list[int]:
        """Where a name gets its value. A later definition of a function makes what stands before it void."""
        found = self._candidates(name)
        void = self._void(name, found)
        return [i for i in found if i >= void]

    def _void(self, name: str, found: Sequence[int]) -> int:
        return max((i for i in found if self.pool[i].function == name), default=-1)

    def _within(self, name: str, places: Iterable[int]) -> list[int]:
        """Those of the places that count for a name: after its definition, and before the check if it is bound there."""
        found = self._candidates(name)
        void = self._void(name, found)
        end = self.cut if self._given(name) or (found and found[0] < self.cut) else len(self.pool)
        return [i for i in places if void <= i < end]

    def _changers(self, name: str) -> list[int]:
        names, left = {name}, [name]
        while left:  # a name that is given once to a part of it stands for it
            new = {p for p in self.parts.get(left.pop(), ()) if len(self.binding[p]) == 1} - names
            names |= new
            left += new
        found = {i for n in names for i in (*self.storing.get(n, ()), *self._filling(n))}
        return self._within(name, sorted(found))

    def _filling(self, name: str) -> Iterator[int]:
        if name not in self.modules:
            yield from self.filling.get(name, ())
            made = not any(self.pool[i].helper for i in self.binding.get(name, ()))
            for i in self.asking.get(name, ()):
                methods = {m for n, m in self.pool[i].effect.asks if n == name} & self.methods
                if methods - {"__call__"} or (methods and made):
                    yield i
        yield from self._mutating(name)

    def _mutating(self, name: str) -> list[int]:
        return [i for i in self.passing.get(name, ()) if self._mutates(i, name)]

    def _mutates(self, i: int, name: str) -> bool:
        """Whether a call in the statement gives the name to a parameter that a function of the student's own changes."""
        return any(
            place in self.pool[f].effect.mutates
            for called, place, given in self.pool[i].effect.passes
            if given == name
            for f in self.binding.get(called, ())
        )

    def _by_calls(self, reached: Collection[str]) -> Iterator[int]:
        """Statements that call what changes a needed name; what is `reached` is called by the answer itself."""
        for name in [n for n, full in self.full.items() if full and (n in self.acting or n in self.passing)]:
            acting: set[str] = set()
            left = [
                f for i in (*self.acting.get(name, ()), *self._mutating(name)) for f in self.pool[i].binds
            ]
            while left:
                function = left.pop()
                if function not in acting:
                    acting.add(function)
                    if function in reached:
                        continue
                    left += [f for i in self.users.get(function, ()) for f in self.pool[i].binds]
            for function in acting:
                for i in self._within(name, self.calling.get(function, ())):
                    if function not in reached or function in self.pool[i].effect.decorators:
                        yield i

    def _by_settings(self) -> Iterator[int]:
        used = {self.packages.get(n, n) for n in self.full if n in self.modules}
        for i in self.setting:
            if i < self.cut and any(self.packages.get(n, n) in used for n in self.pool[i].effect.sets):
                yield i

    def _by_patches(self) -> Iterator[int]:
        if self.patching:
            used = frozenset[str]().union(*(self.pool[i].effect.attributes for i in self.chosen))
            for attribute in used & self.patching.keys():
                for i in self.patching[attribute]:
                    roots = {root for root, a in self.pool[i].effect.patches if a == attribute}
                    if i < self.cut and roots & self.modules:
                        yield i

    def _older(self) -> Iterator[int]:
        """First attempts at a function that made a value before the last one was defined."""
        running = [i for i in self.chosen if self.pool[i].effect.now and not self.pool[i].imports]
        for name in list(self.full):
            found = self._candidates(name)
            void = self._void(name, found)
            if len(found) > 1 and found[0] < void:
                using, left = {name}, [name]
                while left:
                    for i in self.users.get(left.pop(), ()):
                        left += self.pool[i].binds - using
                        using |= self.pool[i].binds
                last = max((i for i in running if i < void and self.pool[i].effect.now & using), default=-1)
                yield from (i for i in found if i < last)

    def _ordered(self) -> list[int]:
        """The chosen places as they stand, but nothing runs before what it needs: cells are run in any order."""
        binders: dict[str, list[int]] = defaultdict(list)
        for i in sorted(self.chosen):
            for name in self.pool[i].binds:
                binders[name].append(i)
        order: dict[int, None] = {}
        begun: set[int] = set()
        settled: set[str] = set()
        for first in sorted(self.chosen):
            left = [first]
            while left:
                i = left.pop()
                if i in order:
                    continue
                if i not in begun and not self.pool[i].imports:
                    begun.add(i)
                    names, earlier = self._earlier(i, binders, order, settled)
                    earlier = [x for x in earlier if x not in begun]
                    settled |= names if not earlier else set()
                    left += [i, *reversed(earlier)]
                else:
                    order[i] = None
        return list(order)

    def _earlier(
        self, i: int, binders: dict[str, list[int]], order: Collection[int], settled: Collection[str]
    ) -> tuple[set[str], list[int]]:
        """The names that a statement needs as it runs, through functions too, and where those without a value get one."""
        seen: set[str] = set()
        earlier: set[int] = set()
        left = [*self.pool[i].effect.now]
        while left:
            name = left.pop()
            if name in seen or name in settled or self._given(name):
                continue
            seen.add(name)
            if not any(x in order for x in binders[name]):
                earlier |= set(binders[name])
            for x in binders[name]:
                if self.pool[x].effect.holds:
                    left += self.pool[x].needs
        return seen, sorted(earlier)


def _begin(node: ast.stmt) -> int:
    return min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])


def _statement(node: ast.stmt, lines: list[str], shared: Counter[int]) -> Statement:
    begin, end = _begin(node), node.end_lineno or node.lineno
    text = "\n".join(lines[begin - 1 : end])
    if shared[begin] > 1 or shared[end] > 1:  # several on one line
        text = cut(node, lines, begin)
    is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    return Statement(
        text,
        form(node),
        effect(node, cut(node, lines, begin)),
        node.name if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) else "",
        is_function and _is_blank(node),
        makes_function(node),
        isinstance(node, (ast.Import, ast.ImportFrom)),
        any(isinstance(n, ast.ImportFrom) and n.names[0].name == "*" for n in ast.walk(node)),
        is_of_the_future(node),
        endless(node),
    )


def _is_blank(node: ast.stmt) -> bool:
    """Whether a function's body is still what the stub had, with its docstring or without."""
    body = [
        s
        for s in getattr(node, "body", [])
        if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)) and not isinstance(s, ast.Pass)
    ]
    if not body:
        return True
    if len(body) > 1 or not isinstance(body[0], ast.Raise) or body[0].exc is None:
        return False
    said = ast.unparse(body[0].exc)
    return said in ("NotImplementedError", "NotImplementedError()") or BLANK in said
