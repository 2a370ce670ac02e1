"""A pool of threads below Python: chunks of a nest, claimed one by one.

``tapejit_parallel_run(fn, ctx, n)`` calls ``fn(ctx, k)`` for k = 0 ... n - 1, in any order, on the
caller and on the workers, and returns when all have returned. Generated kernels call it by this
name. It never fails and never waits for a lock: while one caller uses the pool, another one, or a
chunk that has chunks of its own, runs its chunks itself. What a chunk writes must not depend on the
others; then results do not depend on the number of threads.

The workers are threads of the C library that sleep on a semaphore, without Python's lock and
without signals. A job is one word, (number of the job) << 32 | chunks left, so that a worker that
wakes up late claims a chunk of the job that is there, or none. A process that was forked has no
workers: it runs its chunks itself. So do systems other than Linux.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
from typing import Any

NAME = "tapejit_parallel_run"
MOST = 64
"""Workers that are started at most."""

_CODE = """
@fn = internal global ptr null
@ctx = internal global ptr null
@count = internal global i64 0
@word = internal global i64 0, align 64
@pending = internal global i64 0, align 64
@busy = internal global i64 0, align 64
@workers = internal global i64 0, align 64
@work = internal global [128 x i8] zeroinitializer, align 64
@done = internal global [128 x i8] zeroinitializer, align 64

declare i32 @sem_init(ptr, i32, i32)
declare i32 @sem_wait(ptr)
declare i32 @sem_post(ptr)
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_sigmask(i32, ptr, ptr)
declare i32 @sigfillset(ptr)

; Run chunks of the present job until none is left; whether the last one to end was ours.
define internal i1 @help() {
start:
  br label %look
look:
  %last = phi i1 [ false, %start ], [ %last, %claim ], [ %ended, %own ]
  %w = load atomic i64, ptr @word seq_cst, align 8
  %left = and i64 %w, 4294967295
  %none = icmp eq i64 %left, 0
  br i1 %none, label %leave, label %claim
claim:
  %less = sub i64 %w, 1
  %swap = cmpxchg ptr @word, i64 %w, i64 %less seq_cst seq_cst
  %won = extractvalue { i64, i1 } %swap, 1
  br i1 %won, label %own, label %look
own:
  ; The job cannot end before this chunk has: what it says of itself holds until then.
  %n = load i64, ptr @count
  %k = sub i64 %n, %left
  %f = load ptr, ptr @fn
  %c = load ptr, ptr @ctx
  call void %f(ptr %c, i64 %k)
  %before = atomicrmw sub ptr @pending, i64 1 seq_cst
  %ended = icmp eq i64 %before, 1
  br label %look
leave:
  ret i1 %last
}

define internal ptr @worker(ptr %unused) {
start:
  %set = alloca [128 x i8], align 16
  call i32 @sigfillset(ptr %set)
  call i32 @pthread_sigmask(i32 2, ptr %set, ptr null)
  br label %sleep
sleep:
  %r = call i32 @sem_wait(ptr @work)
  %last = call i1 @help()
  br i1 %last, label %tell, label %sleep
tell:
  call i32 @sem_post(ptr @done)
  br label %sleep
}

define void @run(ptr %f, ptr %c, i64 %n) {
start:
  %have = load atomic i64, ptr @workers seq_cst, align 8
  %few = icmp slt i64 %n, 2
  %no = icmp eq i64 %have, 0
  %alone = or i1 %few, %no
  br i1 %alone, label %serial, label %take
take:
  %swap = cmpxchg ptr @busy, i64 0, i64 1 seq_cst seq_cst
  %free = extractvalue { i64, i1 } %swap, 1
  br i1 %free, label %offer, label %serial
offer:
  store ptr %f, ptr @fn
  store ptr %c, ptr @ctx
  store i64 %n, ptr @count
  store atomic i64 %n, ptr @pending seq_cst, align 8
  %old = load atomic i64, ptr @word seq_cst, align 8
  %job = lshr i64 %old, 32
  %next = add i64 %job, 1
  %high = shl i64 %next, 32
  %new = or i64 %high, %n
  store atomic i64 %new, ptr @word seq_cst, align 8
  %others = sub i64 %n, 1
  %fewer = icmp slt i64 %others, %have
  %wanted = select i1 %fewer, i64 %others, i64 %have
  br label %wake
wake:
  %i = phi i64 [ 0, %offer ], [ %j, %wake ]
  call i32 @sem_post(ptr @work)
  %j = add i64 %i, 1
  %more = icmp slt i64 %j, %wanted
  br i1 %more, label %wake, label %join
join:
  %mine = call i1 @help()
  br i1 %mine, label %over, label %wait
wait:
  %r = call i32 @sem_wait(ptr @done)
  %again = icmp ne i32 %r, 0
  br i1 %again, label %wait, label %over
over:
  store atomic i64 0, ptr @busy seq_cst, align 8
  ret void
serial:
  %any = icmp sgt i64 %n, 0
  br i1 %any, label %each, label %end
each:
  %k = phi i64 [ 0, %serial ], [ %l, %each ]
  call void %f(ptr %c, i64 %k)
  %l = add i64 %k, 1
  %on = icmp slt i64 %l, %n
  br i1 %on, label %each, label %end
end:
  ret void
}

; Start workers; returns how many there are.
define i64 @start(i64 %n) {
start:
  %a = call i32 @sem_init(ptr @work, i32 0, i32 0)
  %b = call i32 @sem_init(ptr @done, i32 0, i32 0)
  %ab = or i32 %a, %b
  %bad = icmp ne i32 %ab, 0
  %thread = alloca i64
  br i1 %bad, label %leave, label %more
more:
  %i = phi i64 [ 0, %start ], [ %j, %made ]
  %all = icmp sge i64 %i, %n
  br i1 %all, label %leave, label %make
make:
  %r = call i32 @pthread_create(ptr %thread, ptr null, ptr @worker, ptr null)
  %failed = icmp ne i32 %r, 0
  br i1 %failed, label %leave, label %made
made:
  %j = add i64 %i, 1
  br label %more
leave:
  %count = phi i64 [ 0, %start ], [ %i, %more ], [ %i, %make ]
  ret i64 %count
}

; Use so many of the workers from now on.
define void @use(i64 %n) {
  store atomic i64 %n, ptr @workers seq_cst, align 8
  ret void
}

; After a fork, in the child: nobody works, and nobody is at work.
define void @forget() {
  store atomic i64 0, ptr @workers seq_cst, align 8
  store atomic i64 0, ptr @word seq_cst, align 8
  store atomic i64 0, ptr @busy seq_cst, align 8
  ret void
}
"""

_SERIAL = """
define void @run(ptr %f, ptr %c, i64 %n) {
start:
  %any = icmp sgt i64 %n, 0
  br i1 %any, label %each, label %end
each:
  %k = phi i64 [ 0, %start ], [ %l, %each ]
  call void %f(ptr %c, i64 %k)
  %l = add i64 %k, 1
  %on = icmp slt i64 %l, %n
  br i1 %on, label %each, label %end
end:
  ret void
}
"""


class Pool:
    """The machine code of the pool, and how many threads it uses.

    Attributes
    ----------
    address : int
        Where ``tapejit_parallel_run`` stands.
    """

    def __init__(self) -> None:
        from llvmlite import binding

        self._lock = threading.Lock()
        self._native = sys.platform == "linux"
        self._started = 0
        self._engine = _compiled(_CODE if self._native else _SERIAL)
        # Workers sleep in this code until the process ends.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._engine))
        self.address: int = self._engine.get_function_address("run")
        binding.add_symbol(NAME, self.address)
        if self._native:
            os.register_at_fork(after_in_child=self._after_fork)

    def _call(self, name: str, result: Any, *args: int) -> Any:
        made = ctypes.CFUNCTYPE(result, *[ctypes.c_int64] * len(args))
        return made(self._engine.get_function_address(name))(*args)

    def _after_fork(self) -> None:
        self._call("forget", None)
        self._native = False
        self._lock = threading.Lock()

    def use(self, threads: int) -> int:
        """Use so many threads from now on, the caller's included; return how many there are."""
        with self._lock:
            if not self._native:
                return 1
            wanted = min(threads - 1, MOST)
            if wanted > 0 and not self._started:
                self._started = self._call("start", ctypes.c_int64, wanted)
            used = max(min(wanted, self._started), 0)
            self._call("use", None, used)
            return used + 1


@functools.cache
def pool() -> Pool:
    """Return the pool of this process."""
    return Pool()


def _compiled(text: str) -> Any:
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_default_triple()
    machine = target.create_target_machine(opt=2, jit=True)
    module = binding.parse_assembly(text)
    module.verify()
    engine = binding.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine
