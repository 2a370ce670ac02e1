"""Functions to be rewritten, each with calls that must give what plain Python gives.

A case is a function and several argument tuples. ``log`` is a list that notes what was evaluated
and in which order. Nothing here is called by pytest itself, which would compile it differently.
The file is long because it is a table: one list of independent cases, most of a few lines.
"""

# ruff: noqa: B007, B018, B023, C416, F401, F821, F841, I001, RUF021, RUF040, SIM223
import contextlib
import functools
import math

CASES = []
COUNT = 0


def case(*calls, pure=True):
    def add(function):
        CASES.append((function, calls, pure))
        return function

    return add


def noted(log, value):
    log.append(value)
    return value


# Branches.


def one_branch(x):
    y = 1
    if x > 0:
        y = 2
    return y


case((1,), (-1,))(one_branch)


def chain(x):
    if x < 0:
        s = "negative"
    elif x == 0:
        s = "zero"
    elif x < 10:
        s = "small"
        x += 100
    else:
        s = "large"
    return s, x


case((-1,), (0,), (5,), (50,))(chain)


def unbound_after_branch(x):
    if x:
        y = 1
    return y


case((0,), (1,))(unbound_after_branch)


def unbound_inside(x):
    if x > 1:
        y = 1
    if x > 0:
        z = y + 1
        return z
    return None


case((0,), (1,), (2,))(unbound_inside)


def unbound_in_operand(x):
    if x > 1:
        y = 1
    return x and y


case((0,), (1,), (2,))(unbound_in_operand)


def unbound_update(x):
    for i in range(x):
        total += i
    return total


case((0,), (1,))(unbound_update)


def unbound_in_comprehension(x):
    if x > 1:
        y = 1
    if x:
        return [y for _ in range(2)], [_ for _ in range(y)]


case((0,), (1,), (2,))(unbound_in_comprehension)


def unbound_first_iterable(x):
    if x > 1:
        y = 1
    if x:
        return [k for k in range(y)]


case((0,), (1,), (2,))(unbound_first_iterable)


def deleted_in_branch(x):
    y = 3
    if x:
        del y
    if x > 1:
        del y
    return y


case((0,), (1,), (2,))(deleted_in_branch)


def deleted_parameter(x):
    while x > 0:
        del x
    return x


case((0,), (1,))(deleted_parameter)


def rebinds_parameter(x, y=2, *args, k=3, **kw):
    if x:
        y, k = k, y
        args = args[::-1]
    else:
        kw = None
    return x, y, k, args, kw


case((0,), (1,), (1, 5, 6, 7))(rebinds_parameter)


def early_returns(x):
    if x < 0:
        return "a"
    y = x * 2
    if y > 10:
        if y > 20:
            return "b"
        y -= 1
    if y % 3 == 0:
        return "c", y
    return y


case((-1,), (1,), (3,), (5,), (6,), (7,), (8,), (11,))(early_returns)


def falls_off(x):
    if x > 0:
        return x


case((1,), (0,))(falls_off)


def bare_return(x, log):
    if x > 0:
        return
    log.append("after")


case((1, []), (0, []), pure=False)(bare_return)


def both_return(x):
    if x > 0:
        return 1
    else:
        return 2
    return 3


case((1,), (0,))(both_return)


def raises_in_branch(x):
    if x < 0:
        raise ValueError(f"negative: {x}")
    if x == 0:
        return 1 / x
    return math.sqrt(x)


case((-1,), (0,), (4,))(raises_in_branch)


def dead_code(x):
    if x:
        return 1
        never = 2
    return never


case((0,), (1,))(dead_code)

# Loops.


def sums(n):
    s = 0
    for i in range(n):
        s += i * i
    return s


case((0,), (1,), (7,))(sums)


def loop_variable_stays(xs):
    for i, (a, *rest) in enumerate(xs):
        pass
    return i, a, rest


case(([],), ([(1, 2, 3)],), ([(1,), (4, 5)],), ([()],))(loop_variable_stays)


def targets_of_all_kinds(xs):
    a = [0, 0, 0]
    d = {}
    k = 0
    for a[k], d["x"] in xs:
        k += 1
    for [*d["y"], a[0]] in [(1, 2, 3)]:
        pass
    return a, d, k


case(([(1, 2), (3, 4)],), ([],), ([(1, 2)] * 4,), pure=False)(targets_of_all_kinds)


def jumps(n, m):
    out = []
    for i in range(n):
        if i % 2:
            continue
        if i == m:
            break
        out.append(i)
    else:
        out.append("all")
    return out


case((0, 0), (7, 4), (7, 5))(jumps)


def jumps_after_work(n):
    out = []
    for i in range(n):
        if i % 2 == 0:
            if i % 3 == 0:
                continue
            out.append(-i)
        out.append(i)
        if i > 8:
            if i % 5 == 0:
                break
            out.append("x")
        out.append("end")
    return out


case((0,), (4,), (20,))(jumps_after_work)


def nested_return(n, want):
    for i in range(n):
        for j in range(i):
            k = 0
            while k < j:
                if i * j * k == want:
                    return i, j, k
                k += 1
            else:
                if k == want:
                    break
        else:
            continue
        if j == 2:
            return "two", i
    return None


case((6, 24), (6, 2), (6, 3), (6, 1000), (0, 0))(nested_return)


def search(xs, x):
    for i, y in enumerate(xs):
        if y == x:
            break
    else:
        i = -1
    return i


case(([], 1), ([1, 2, 3], 3), ([1, 2, 3], 4))(search)


def else_returns(xs):
    for x in xs:
        if x < 0:
            break
    else:
        return "none"
    if x < -5:
        return "far"
    return x


case(([],), ([1, -2],), ([1, -9],), ([3],))(else_returns)


def while_else(n):
    while n > 3:
        n -= 1
        if n == 7:
            n = 70
            break
    else:
        n += 100
    return n


case((1,), (5,), (9,))(while_else)


def while_true(x):
    k = 0
    while True:
        x = x // 2
        k += 1
        if x == 0:
            return k
        if k > 5:
            break
        if x % 3 == 0:
            continue
        k += 10
    return -k, x


case((1,), (5,), (77,), (1000000,))(while_true)


def walrus_loop(xs):
    xs = list(xs)
    while (x := xs.pop()) > 0 and xs:
        if x == 5:
            break
    return x, xs


case(([1, 2, 3],), ([1, -2, 3],), ([1, 5, 3],), ([],))(walrus_loop)


def walrus_loop_with_flag(xs):
    out = []
    while y := len(xs) - len(out):
        if y == 2:
            break
        out.append(y)
    return y, out


case(([],), ([1],), ([1, 2, 3, 4, 5],))(walrus_loop_with_flag)


def consumes_iterator(n):
    it = iter(range(n))
    for x in it:
        if x == 2:
            break
    return list(it)


case((0,), (3,), (6,), pure=False)(consumes_iterator)


def not_iterable(x):
    for i in x:
        pass


case((3,), ([1],))(not_iterable)


def wrong_unpacking(xs):
    for a, b in xs:
        pass
    return a, b


case(([(1, 2)],), ([(1, 2, 3)],), ([1],))(wrong_unpacking)


def temporary_of_an_iteration(xs):
    best = None
    for x in xs:
        if x % 2:
            t = x * 10
        if x > 2:
            best = t
    return best


case(([],), ([1, 4, 3, 6],), ([4],))(temporary_of_an_iteration)


def carried_through_else(n):
    a, b = 0, 1
    for _ in range(n):
        if a < b:
            a, b = b, a + b
        else:
            a, b = b, a - b
        c = a
    if n:
        return a, b, c
    return a, b


case((0,), (1,), (9,))(carried_through_else)


def read_in_the_next_turn(xs):
    s, y = 0, 1
    for x in xs:
        s += y
        if x > 1:
            y = x
    return s


case(([0, 0, 5, 0],), ([1, 1],))(read_in_the_next_turn)


# Expressions.


def operators(a, b, c, log):
    r = [noted(log, a) and noted(log, b) or noted(log, c)]
    r.append(not noted(log, a))
    r.append(noted(log, a) if noted(log, b) else noted(log, c))
    r.append(noted(log, a) < noted(log, b) <= noted(log, c))
    r.append(noted(log, a) != noted(log, b) is not noted(log, c) not in (1, 2))
    r.append(a == b == c)
    r.append(a < b)
    return r


case(*[(a, b, c, []) for a in (0, 1, 2) for b in (0, 1, 2) for c in (0, 2)], pure=False)(operators)


def empty_operands():
    return [] and 1, [] or {}, 0 or "" or (), 1 and [] and 2, not [], 1 < 2 > 3 == 4


case(())(empty_operands)


def walrus_everywhere(x):
    if (y := x + 1) and (z := y * 2) > 4:
        y += z
    w = (t := 3) if x else (t := 4)
    u = 1 < (v := x + 2) < 9
    q = [last := i for i in range(3) if i != x]
    p = (lambda: (inside := x) and inside + 1)()
    return x, y, z, w, t, u, v, q, last, p


case((-1,), (0,), (1,), (5,), (20,))(walrus_everywhere)


def subscripts(a, i, j):
    b = [list(r) for r in a]
    s = (b[i][j], b[0][-1], b[i:], b[:j], b[::i], b[1:2], b[i : j + 1 : 1], b[-1])
    return s


case(([(1, 2), (3, 4)], 1, 0), ([(1, 2), (3, 4)], 0, 1), ([(1, 2)], 1, 1))(subscripts)


class Keys:
    """Returns the key that it is asked for."""

    def __getitem__(self, key):
        return key


def keys(i):
    k = Keys()
    t = (i, 2)
    return k[i, 1:i, ..., ::i], k[:], k[1:2, None], k[i,], k[*t, i], k[t], k["x"], k[()], k[-i]


case((3,))(keys)


def order_of_stores(log):
    a = [0] * 5

    def at(x):
        log.append(x)
        return x

    def arr():
        log.append("a")
        return a

    arr()[at(1)] = at(10)
    arr()[at(0)], arr()[at(1)] = at(20), at(30)
    a[at(2)] = b = a[at(3)] = at(40)
    arr()[at(4)] += at(5)
    a[0:2] = [at(7), at(8)]
    i = 3
    i, a[i] = 1, 77
    a[i], i = 66, 2
    *a[at(0) : at(1)], c = [1, 2, 3]
    return a, b, c, i


case(([],), pure=False)(order_of_stores)


def swaps(a, i, j):
    a = list(a)
    a[i], a[j] = a[j], a[i]
    (a[0], (a[1], x)), y = (a[1], (a[0], 5)), 6
    return a, x, y


case(([1, 2, 3], 0, 2), ([1, 2, 3], 1, 1), ([1, 2], 0, 2))(swaps)


def walrus_index(a, i):
    a = list(a)
    a[i] = (i := i + 1)
    a[i] += (i := 0) + 1
    return a, i


case(([1, 2, 3], 0), ([1, 2, 3], 1), ([1, 2, 3], 2))(walrus_index)


def in_place(a, i):
    a = [list(r) for r in a]
    b = a[i]
    a[i] += [9]
    a[i] *= 2
    a[0][0] -= a[i][0] * 3
    a[0][-1] **= 2
    a[0][0] <<= 1
    return a, b, a[i] is b


case(([[1, 2], [3, 4]], 1), ([[1, 2], [3, 4]], 0), ([[1]], 3))(in_place)


def changed_while_adding(log):
    a = [1, 2]

    def change():
        a[0] = 100
        return 1

    a[0] += change()
    return a


case(([],), pure=False)(changed_while_adding)


def error_order_in_augmented(a, i, x):
    a[i] += 1 / x


case(([1], 0, 0), ([1], 5, 0), ([1], 0, 1))(error_order_in_augmented)


def asserts(x, log):
    assert x > 0, noted(log, f"not positive: {x}")
    assert x != 1
    assert x != 2, None
    assert x != 3, (why := "three")
    return x


case((0, []), (1, []), (2, []), (3, []), (4, []), pure=False)(asserts)


def annotated(x: "int"):
    y: int = x + 1
    z: undefined
    a = [0]
    a[0]: int = 5
    (w): float = 2.0
    if x:
        y: int = 7
        v: str = "v"
        z = v
    return y, a, w, z


case((0,), (1,))(annotated)


def strings(x):
    return f"{x!r:>{x + 3}} {'a' if x else 'b'} {x and 2}"


case((0,), (1,))(strings)


def collections(xs, t):
    a = [x * 2 if x > t else -x for x in xs if x and x != 3]
    b = {x: y for x in xs for y in xs if x < y < t}
    c = {not x for x in xs}
    d = sum(x for x in xs if x > t or x < 0)
    return a, b, c, d, [[xs[i] for i in range(j)] for j in range(2) if xs]


case(([], 1), ([0, 1, 2, 3], 2), ([5, -1], 0))(collections)


def many_calls(*args, **kw):
    return dict(*[args[:0]], **kw, z=len(args)), max(*args, key=lambda v: -v)


case((1, 2, 3), (4, 5))(many_calls)

# Scopes.


def closures(x):
    total = 0

    def add(y, scale=x or 1):
        nonlocal total
        if y > 0:
            total += y * scale
        return total

    if x:
        add(3)
    for i in range(x):
        add(i)
        if total > 5:
            break
    return total, add(1), (lambda q: q if q > total else -q)(x)


case((0,), (1,), (2,), (5,))(closures)


def closures_made_in_loops(n):
    out = []
    for i in range(n):
        if i % 2:

            def g(a, i=i):
                return a + i if a else i

        else:
            g = lambda a: a * i or 100
        out.append(g)
    return [g(3) for g in out], [g(0) for g in out]


case((0,), (1,), (5,))(closures_made_in_loops)


def captured_later(x):
    def read():
        return y

    if x:
        y = 1
    if x > 1:
        y = 2
    return read()


case((0,), (1,), (2,))(captured_later)


def sees_through_generator(x):
    g = (k + y for k in range(2))
    if x:
        y = 10
    return list(g)


case((0,), (1,))(sees_through_generator)


def counts_globally(x):
    global COUNT
    COUNT = 0
    for i in range(x):
        if i % 2:
            COUNT += i
    return COUNT


case((0,), (1,), (6,), pure=False)(counts_globally)


def recursion(n):
    return n * recursion(n - 1) if n > 1 else 1


case((0,), (5,))(recursion)


def mutual(n):
    def even(k):
        if k == 0:
            return True
        return odd(k - 1)

    def odd(k):
        if k == 0:
            return False
        return even(k - 1)

    return even(n)


case((0,), (1,), (6,))(mutual)


def inner_generator(n):
    def numbers():
        for i in range(n):
            if i != 2:
                yield i

    return [x for x in numbers() if x or n > 3]


case((0,), (3,), (5,))(inner_generator)


def inner_class(x):
    if x:

        class Inside:
            size = x

            def get(self):
                return self.size + x

        return Inside().get(), Inside.__qualname__, Inside.get.__qualname__
    return inner_class.__qualname__


case((0,), (2,))(inner_class)


def names_of_functions(x):
    if x:

        def inner():
            return [c for c in "ab"]

        return inner.__qualname__, inner.__name__, (lambda: x).__qualname__
    return (lambda: 0).__qualname__


case((0,), (1,))(names_of_functions)


def imports(x):
    if x:
        import os.path as path

        from math import cos as c
    else:
        import math

        c = math.sin
    return c(0.0)


case((0,), (1,))(imports)


def decorated(x):
    @functools.lru_cache(maxsize=None if x else 1)
    def f(y):
        return y if y else x

    return f(0), f(1)


case((0,), (1,))(decorated)


class Base:
    def __init__(self, x):
        self.__x = x

    def __repr__(self):
        return f"{type(self).__name__} {vars(self)}"

    def area(self, k):
        return 10 * k


class Shape(Base):
    """Private names and ``super()``."""

    def __init__(self, x):
        if x > 0:
            super().__init__(x)
            self.__x = -x
        else:
            self.__x = 0
        self.kind = __class__.__name__ if x else "none"

    def area(self, k):
        __private = 1
        for i in range(k):
            if i > 1:
                __private += super().area(i)
                self.__x += 1
        return __private, self.__x, self.__helper(k) and self.__x

    def __helper(self, k):
        return k if k > 2 else self.__x

    @property
    def sign(self):
        return 1 if self.__x > 0 else -1

    @staticmethod
    def twice(k):
        return [2 * k or None for _ in range(2)]

    def nested(self, k):
        def go(me):
            if k:
                return super().area(k)
            return super().area(1)

        try:
            return go(self)
        except TypeError as error:
            return str(error)


def methods(x):
    s = Shape(x)
    return s.area(x), s.sign, s.twice(x), s.kind, s.nested(x), Shape.area(s, 2)


case((0,), (4,))(methods)

# Statements that stay.


@contextlib.contextmanager
def manager(log, swallow=False):
    log.append("in")
    try:
        yield len(log)
    except ZeroDivisionError:
        log.append("caught")
        if not swallow:
            raise
    finally:
        log.append("out")


def tries(x, log):
    for i in range(4):
        try:
            if i == x:
                return "returned", i
            if x > 10 and i == 1:
                continue
            if x > 20 and i == 2:
                break
            log.append(6 // (x - i - 1))
        except ZeroDivisionError as error:
            log.append(str(error))
            if i == 2:
                return "handler"
            continue
        else:
            log.append("else")
        finally:
            log.append("finally")
        log.append("end")
    else:
        return "all"
    return "broke"


case((0, []), (2, []), (3, []), (4, []), (15, []), (25, []), pure=False)(tries)


def try_at_the_top(x, log):
    try:
        if x == 1:
            return "one"
        y = 1 / x
        if x > 5:
            raise ValueError("big")
    except ZeroDivisionError:
        return "zero"
    except ValueError as error:
        if x == 7:
            raise
        if x == 8:
            raise KeyError(x) from error
        y = 3
    else:
        if x == 2:
            return "two"
    finally:
        log.append(x)
    if x == 3:
        return "three", y
    return y


case(*[(x, []) for x in (0, 1, 2, 3, 4, 6, 7, 8)], pure=False)(try_at_the_top)


def last_try(x):
    if x:
        try:
            return 1 / (x - 1)
        except ZeroDivisionError:
            return "inf"
    return "no"


case((0,), (1,), (2,))(last_try)


def try_reads_what_it_left(x):
    y = 0
    try:
        if x:
            y = 1
        z = 1 / (x - 1)
        y = 2
    except ZeroDivisionError:
        return y
    return y, z


case((0,), (1,), (2,))(try_reads_what_it_left)


def finally_reads(x, log):
    y = 0
    try:
        if x:
            y = 5
        return x
    finally:
        log.append(y)


case((0, []), (1, []), pure=False)(finally_reads)


def withs(x, log):
    for i in range(3):
        with manager(log, swallow=x > 1) as depth:
            if i == x:
                return "returned", depth
            if x == 3 and i == 1:
                continue
            if x == 4:
                1 / (i - 1)
                log.append("ok")
            if x == 5:
                break
            if x == -1:
                1 / 0
    return "end", depth


case(*[(x, []) for x in (-1, 0, 1, 2, 3, 4, 5)], pure=False)(withs)


def with_swallows_return(x, log):
    if x:
        with contextlib.suppress(ZeroDivisionError):
            return 1 / (x - 1)
    log.append("after")
    return "end"


case((0, []), (1, []), (3, []), pure=False)(with_swallows_return)


def with_at_the_top(x, log):
    with manager(log):
        return x if x else -1


case((0, []), (1, []), pure=False)(with_at_the_top)


def matches(xs):
    out = []
    for x in xs:
        match x:
            case 0:
                continue
            case [a, *rest] if a or rest:
                out.append((a, rest))
            case {"k": v, **others}:
                if v:
                    return out, v, others
            case int() as n if n > 9:
                break
            case _:
                out.append("other")
        out.append("next")
    return out


case(([0, [1, 2], [0], "s"],), ([{"k": 0}, {"k": 1, "z": 2}, 5],), ([3, 10, 4],))(matches)


def bare_raise(x):
    try:
        return 1 / x
    except ZeroDivisionError:
        if x == 0:
            raise


case((0,), (1,))(bare_raise)


def handler_name_goes(x):
    e = 1
    for i in range(x):
        try:
            1 / i
        except ZeroDivisionError as e:
            s = str(e)
    return e


case((0,), (1,), (2,))(handler_name_goes)


# fmt: off
def error_deep_inside(n):
    total = 0
    for i in range(n):
        if i > 1:
            while total < 10:
                total += 1
                if total == 7:
                    total = (total and
                             None + total)
    return total


# fmt: on
case((1,), (3,))(error_deep_inside)


# fmt: off
def spread_over_lines(x):
    s = (
        "abc"
        .upper()
        .index(x)
    )
    return max(
        s,
        int(
            x),
    ) and [
        s,
        1 / (
            s - 1
        )
    ]


# fmt: on
case(("A",), ("B",), ("x",), (3,))(spread_over_lines)


def documented(x):
    """Says what it does."""
    if x:
        return 1


case((0,))(documented)


def keeps_names(x):
    NoName = [x]
    if x:
        print = len
        x = print(NoName)
    else:
        print = None
    return x, print


case((0,), (5,))(keeps_names)


LAMBDAS = [lambda x: x and 1, lambda x: x or 2]
MORE = (lambda x: not x, lambda x: not x)
for _f in (*LAMBDAS, *MORE, (lambda x, y=3: y if x else [k for k in range(y) if k or x])):
    case((0,), (1,))(_f)


def makes(a):
    b = a + 1

    def inner(x):
        if x > a:
            return b
        return a

    return inner


case((0,), (1,), (7,))(makes(3))
case((1,), (-1,))(Shape.twice)
case((Shape(3),), (Shape(0),))(Shape.sign.fget)
case((Shape(3), 4), (Shape(1), 0), pure=False)(Shape.area)
case((Shape(3), 4), (Shape(1), 0))(Shape.nested)
case((Shape(3), 4), (Shape(1), 0), (Shape(1), -2), pure=False)(Shape.__init__)


def try_leaves_early(x):
    y = 0
    try:
        if x > 1:
            y = 1
        z = 1 / (x - 1)
        y = 2
    except ZeroDivisionError:
        return y
    return z


case((0,), (1,), (2,))(try_leaves_early)


def same_name_in_comprehension(x):
    y = [3]
    if x:
        y = [1, 2]
    return [y for y in y]


case((0,), (1,))(same_name_in_comprehension)


def index_changed_by_a_call(log):
    i, a, b = 0, [0, 0], [0, 0]

    def g():
        nonlocal i
        i += 1
        return 5

    a[i] = g()
    b[i] = a[0]
    return a, b


case(([],), pure=False)(index_changed_by_a_call)


def message_binds(x):
    why = None
    try:
        assert x, (why := "no")  # noqa: RUF018
    except AssertionError:
        return x or why
    return x


case((0,), (1,))(message_binds)


def defines_global(x):
    global made_globally
    if x:

        def made_globally(y):
            return y or x

        return made_globally.__qualname__, made_globally(0)


case((0,), (2,))(defines_global)


def with_free_variables():
    count = 0

    def step(x):
        nonlocal count
        if x > 0:
            count += x
        for _ in range(x):
            count += 1
            if count > 50:
                count = 0
                return "reset"

        class Inside:
            size = count

            def get(self):
                return self.size and x

        return count, Inside().get(), Inside.__qualname__, Inside.get.__qualname__

    return step


case((3,), (0,), (40,), pure=False)(with_free_variables())
