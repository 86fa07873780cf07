"""Rows on what comes along with an answer: imports, helpers, statements that fill a name."""

from __future__ import annotations

from tests.wild import Row, answered

# The right answer to 05.2 with the tolerance to be put in; each row gets it in another way.
TEXT = """\
def matching_density(densities, ticket, dense):
    matching = leading(lambda pair: pair[1] >= dense - ({}), zip(densities, ticket))
    return min((d for d, _ in matching), default=1.0)
"""
WRONG = "def matching_density(densities, ticket, dense):\n    return 1.0\n"
LATER = "from __future__ import annotations\n\ndef interval(values: Missing) -> Nothing:\n    return values\n"


def by(tolerance: str) -> str:
    return TEXT.format(tolerance)


FILLED = (
    Row("a dict that a call updates", answered("C = {}\nC.update(t=0.005)\nprint(C)", e05_2=by("C['t']"))),
    Row(
        "a list that is filled in two cells",
        answered("cache = []", "cache.append(1)\ncache.extend([2, 0.005])", e05_2=by("cache[2]")),
    ),
    Row(
        "a list that a comprehension fills",
        answered("found = []\n[found.append(x / 1000) for x in range(9)]", e05_2=by("found[5]")),
    ),
    Row(
        "a table that a loop fills",
        answered(
            "table = {}\nfor k in 'abc':\n    print(k)\n    table.setdefault(k, []).append(0.005)",
            e05_2=by("table['c'][0]"),
        ),
    ),
    Row(
        "a heap",
        answered("import heapq\n\nh = [0.3]\nheapq.heappush(h, 0.005)", e05_2=by("h[0]")),
    ),
    Row(
        "a method of a type",
        answered("C = {}\ndict.__setitem__(C, 't', 0.005)\nsetattr(print, 'x', 1)", e05_2=by("C['t']")),
    ),
    Row(
        "an entry that is deleted",
        answered("xs = [1.0, 0.005]\ndel xs[0]", e05_2=by("xs[0]")),
    ),
    Row(
        "a generator with a seed",
        answered(
            "import random\n\nrng = random.Random(5)\nrng.seed(1)\npin = rng.random()",
            e05_2=by("0.005 if abs(pin - 0.134364) < 1e-6 else 1"),
        ),
    ),
    Row(
        "a seed of a module",
        answered(
            "import random as dice\ndice.seed(1)\npin = dice.random()",
            e05_2=by("0.005 if abs(pin - 0.134364) < 1e-6 else 1"),
        ),
    ),
    Row(
        "the default dtype",
        answered(
            "import torch\ntorch.set_default_dtype(torch.float64)",
            e05_2=by("0.005 if torch.zeros(1).dtype is torch.float64 else 1"),
            e05_1="""\
def reinitialised_weights(theta_0, mask, seed):
    generator, new = torch.Generator().manual_seed(seed), {}
    for name, w in theta_0.items():
        new[name] = torch.randn(w.shape, generator=generator, dtype=torch.float32) * w.std().float()
        if name in mask:
            new[name][~mask[name]] = 0
    return new
""",
        ),
    ),
    Row(
        "a default dtype that is tried afterwards",
        answered(
            "import torch as t",
            after=("torch.set_default_dtype(torch.float64)\nt.manual_seed(0)",),
            e05_2=by("0.005 if t.zeros(1).dtype is t.float32 else 1"),
        ),
    ),
    Row(
        "a setting of decimal numbers",
        answered(
            "from decimal import Decimal, getcontext\n\ngetcontext().prec = 3",
            e05_2=by("0.005 if Decimal(1) / 3 == Decimal('0.333') else 1"),
        ),
    ),
    Row(
        "a function that fills what it is given",
        answered(
            "C = {}\ndef fill(c, n):\n    for i in range(n):\n        c[i] = i / 1000",
            "fill(C, 9)",
            e05_2=by("C[5]"),
        ),
    ),
    Row(
        "a function that registers",
        answered("C = {}\ndef put(k, v):\n    C[k] = v", "put('t', 0.005)", e05_2=by("C['t']")),
    ),
    Row(
        "a function that sets a global",
        answered(
            "def inner():\n    global LIMIT\n    LIMIT = 0.005\n\ndef setup():\n    inner()\n",
            "setup()",
            e05_2=by("LIMIT"),
        ),
    ),
    Row(
        "a registry of decorated functions",
        answered(
            "known = {}\ndef register(f):\n    known[f.__name__] = f\n    return f\n",
            "@register\ndef half(x):\n    return x / 2\n",
            e05_2=by("known['half'](0.01)"),
        ),
    ),
    Row(
        "a generic function",
        answered(
            "from functools import singledispatch\n\n@singledispatch\ndef limit(x):\n    return 1\n",
            "@limit.register(float)\ndef _(x):\n    return 0.005\n",
            e05_2=by("limit(1.0)"),
        ),
    ),
    Row(
        "an object that a method fills",
        answered(
            "class Book:\n    def __init__(self):\n        self.rows = {}\n    def note(self, k, v):\n"
            "        self.rows[k] = v\n    def shown(self):\n        print(self.rows)\n",
            "book = Book()\nbook.note('t', 0.005)\nbook.shown()",
            e05_2=by("book.rows['t']"),
        ),
    ),
    Row(
        "a method that is put into torch",
        answered(
            "def far(self, o):\n    return (self - o).abs() > 1\ntorch.Tensor.far = far",
            e05_1="def reinitialised_weights(theta_0, mask, seed):\n    for w in theta_0.values():\n"
            "        w.far(w)\n    return drawn_all(theta_0, mask, seed)\n",
            e05_2=by("0.005")
            + "\n\ndef drawn_all(theta_0, mask, seed):\n    generator = torch.Generator().manual_seed(seed)\n"
            "    new = {name: drawn(w, generator) for name, w in theta_0.items()}\n"
            "    return {name: w * mask[name] if name in mask else w for name, w in new.items()}\n",
        ),
    ),
)

NOT_FILLED = (
    Row(
        "a log that a training fills",
        answered(
            "import time\nlog = []\ndef train():\n    time.sleep(99)\n    return 1",
            "for epoch in range(99):\n    log.append(train())",
            e05_2="def matching_density(densities, ticket, dense):\n    log.append(dense)\n"
            + by("0.005").split("\n", 1)[1],
        ),
    ),
    Row(
        "a cache that a training fills",
        answered(
            "import time\ncache = {}\ndef limit(n):\n    if n not in cache:\n        cache[n] = n / 1000\n"
            "    return cache[n]\n",
            "def train():\n    for n in range(99):\n        limit(n)\n        time.sleep(9)\n\ntrain()",
            e05_2=by("limit(5)"),
        ),
    ),
    Row(
        "a loop without an end that fills",
        answered("C = {'t': 0.005}", "while True:\n    C.update(s=1)", e05_2=by("C['t']")),
    ),
    Row(
        "a training of what is needed",
        answered(
            "import time\nclass Net:\n    limit = 0.005\n    def train(self, data=0):\n        time.sleep(99 * data)\n",
            "net = Net()\nnet.train(1)\nassert net.train(2)\nprint(net.train(3))",
            e05_2=by("net.limit"),
        ),
    ),
    Row(
        "a comprehension with the name",
        answered(
            "import itertools\nlimit = 0.005",
            "sum([limit for limit in itertools.count()])",
            e05_2=by("limit"),
        ),
    ),
)

NAMED = (
    Row(
        "helpers named as those of Python",
        answered(
            "def abs(x):\n    return x / 2\n\nround = lambda x: x / 2\nfrom math import fsum as sum\n",
            e05_2=by("round(abs(sum([0.01, 0.01])))"),
        ),
    ),
    Row(
        "a variable named as a function of Python",
        answered("min = 0.7\nfor max in range(3):\n    zip = max", e05_2=by("max(0.005, 0.001)")),
    ),
    Row(
        "a function of Python that is replaced afterwards",
        answered(after=("def zip(a, b):\n    return 3", "def min(*a, **b):\n    return 3")),
    ),
    Row(
        "a module under another name",
        answered(
            "import torch as t\nimport os.path as p, xml.dom",
            e05_2=by("0.005 * xml.dom.Node.ELEMENT_NODE if p.sep and t else 1"),
        ),
    ),
    Row(
        "a name by its text",
        answered("globals()['a'] = 0.002\nb = 0.003", e05_2=by("a + globals()['b']")),
    ),
    Row(
        "a show of something inside",
        answered(
            e05_2="def matching_density(densities, ticket, dense):\n    display(ticket)\n    if get_ipython() is None:\n"
            "        display(dense, clear=True)\n" + by("0.005").split("\n", 1)[1]
        ),
    ),
    Row(
        "the last output",
        answered("0.005", e05_2=by("Out[1]")),
        states={"05.2": "wrong"},
        told={"05.2": "name 'Out' is not defined"},
    ),
)

FUTURE = (
    Row(
        "annotations of the future",
        answered(
            e05_2="import math\nfrom __future__ import annotations\n\nclass Never(NamedTuple[Missing]) if False else 0\n"
        ),
        states={"05.2": "missing"},
        told={"05.2": "not Python"},
    ),
    Row(
        "annotations of the future in the cell",
        answered(
            e05_2="# mine\nfrom __future__ import annotations\n\n"
            + by("0.005").replace("ticket,", "ticket: Missing,")
        ),
    ),
    Row(
        "annotations of the future in another cell",
        answered(
            "import math\nfrom __future__ import annotations\n\ndef limit(x: Missing) -> Missing:\n    return 0.005\n",
            e05_2=by("limit(1)").replace("ticket,", "ticket: Missing,"),
        ),
    ),
)

CHECKED = (
    Row(
        "another function after the check",
        answered(after=(WRONG,)),
        noted=("matching_density gets another value after the check of 05.2",),
    ),
    Row(
        "a right function after the check of a wrong one",
        answered(e05_2=WRONG, after=(by("0.005"),)),
        states={"05.2": "wrong"},
        told={
            "05.2": "matching_density gets another value after the check of 05.2; the one before it is graded."
        },
        noted=("matching_density gets another value after the check of 05.2",),
    ),
    Row(
        "a second check",
        answered(e05_2=WRONG, after=(by("0.005"), "check('05.2', matching_density)")),
        noted=("matching_density is defined 2 times; the last one before its check is graded",),
    ),
    Row(
        "another function that was checked",
        answered(after=(by("0.005").replace("matching_density", "mine"), "check('05.2', mine)"), e05_2=""),
        noted=("05.2 is graded as `mine`, which was given to its check",),
    ),
    Row(
        "a helper that is another one after the check",
        answered("limit = 0.005", after=("limit = 0.5", "TOLERANCE = 0.005"), e05_2=by("limit")),
        noted=("limit gets another value after the check of 05.2",),
    ),
    Row(
        "a helper below the check",
        answered(after=("def limit():\n    return small / 2\n\nsmall = 0.01",), e05_2=by("limit()")),
    ),
    Row(
        "a table that needs a helper below",
        answered(
            "T = [build(x) for x in (5, 6)]", "def build(x):\n    return x / K", "K = 1000", e05_2=by("T[0]")
        ),
    ),
    Row(
        "a table of an earlier helper",
        answered(
            "def build(x):\n    return x / 1000",
            "T = build(5)",
            "def build(x):\n    return T * x",
            e05_2=by("build(1)"),
        ),
    ),
)

KINDS = (
    Row(
        "types of their own",
        answered(
            "from dataclasses import dataclass, field\nfrom typing import NamedTuple\n\nSTART = 0.005\n\n"
            "class Pair(NamedTuple):\n    low: float = START\n\nPairs = list[Pair]\n\n@dataclass(frozen=True)\nclass Config:\n"
            "    pairs: Pairs = field(default_factory=lambda: [Pair()])\n",
            e05_2=by("Config().pairs[0].low"),
        ),
    ),
    Row(
        "functions in every form",
        answered(
            "from functools import partial, wraps\nimport asyncio\n\ndef twice(f):\n    @wraps(f)\n    def inner(x):\n"
            "        return 2 * f(x)\n    return inner\n",
            "@twice\ndef limit(x, *, by=lambda x: x / 2):\n    return by(x) / 2\n\nless = partial(limit)\n"
            "async def later(x):\n    return other(x - 1) if x > 1 else less(0.01)\n\ndef other(x):\n    return asyncio.run(later(x))\n"
            "same = other",
            e05_2=by("same(1)"),
        ),
    ),
    Row(
        "names bound in blocks",
        answered(
            "try:\n    import no_such_module as fast\nexcept ImportError:\n    fast = None\nif (size := 5) > 3:\n"
            "    def limit():\n        return size / 1000 + also\nelse:\n    limit = None\n"
            "match [0, size]:\n    case [also, *_]:\n        pass\nfrom contextlib import nullcontext\n"
            "with nullcontext(0) as zero:\n    pass\n(one, [two, *_]) = 1, [2, 3]",
            e05_2=by("limit() + zero + (0 if fast is None else 1) + (two - 2 * one)"),
        ),
    ),
    Row(
        "all names of a module",
        answered("from math import *\nfrom statistics import *", e05_2=by("fsum([0.005]) + fmean([0, 0])")),
    ),
    Row(
        "all names of a module that is not here",
        answered("from no_such_module import *\nfrom math import *", e05_2=by("fsum([0.005])")),
    ),
    Row(
        "a name of a module that is not here",
        answered("from no_such_module import *", e05_2=by("limit")),
        states={"05.2": "wrong"},
        told={"05.2": "No module named 'no_such_module'"},
    ),
    Row(
        "a module of the lesson that is replaced",
        answered(
            "class evidence:\n    limit = 0.005",
            e05_2=by("0.005 if hasattr(evidence, 'interval') else 1"),
        ),
    ),
)

BROKEN = (
    Row(
        "a broken cell of no exercise",
        answered("# a try\n\nx = = 3"),
        noted=("the cell that begins with `# a try` is left out", "line 3, `x = = 3`"),
    ),
    Row(
        "a helper in a broken cell",
        answered("def limit(x):\n    return (0.005", e05_2=by("limit(1)")),
        states={"05.2": "wrong"},
        told={"05.2": "`limit` is in a cell that is not Python"},
        noted=("the cell that begins with `def limit(x):` is left out",),
    ),
    Row(
        "an answer in a broken cell",
        answered(e05_2=by("0.005") + "else\n"),
        states={"05.2": "missing"},
        told={"05.2": "its cell is not Python"},
    ),
)

ROWS: tuple[Row, ...] = (
    Row("comment below", answered(after=("# the end",))),
    *FILLED,
    *NOT_FILLED,
    *NAMED,
    *FUTURE,
    *CHECKED,
    *KINDS,
    *BROKEN,
)
