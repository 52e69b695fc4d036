"""Celery as its users run it. BENCH_BROKER, BENCH_BACKEND and BENCH_PREFETCH come from the environment, and BENCH_MARKS:
the Redis where it tells how far it is.

As a program it calls: lines of stdin are "send <count>" (one after the other, as delay() does it), "trips <count>" (each
awaited) and "purge"; for each a line of JSON comes back.
"""
import json
import os
import random
import sys
import time

from celery import Celery
from redis import Redis

app = Celery('celery_bench', broker=os.environ['BENCH_BROKER'], backend=os.environ.get('BENCH_BACKEND'))
marks = Redis.from_url(os.environ['BENCH_MARKS'])
app.conf.update(
    task_default_queue='celery-bench',
    worker_prefetch_multiplier=int(os.environ.get('BENCH_PREFETCH', '4')),
    broker_connection_retry_on_startup=True,
    result_expires=600,
)


@app.task(name='bench.add')
def add(x, y):
    return x + y


@app.task(name='bench.rest')
def rest(ms=None):
    time.sleep((200 + random.random() * 200 if ms is None else ms) / 1000)
    return 'rested'


@app.task(name='bench.mark', ignore_result=True)
def mark(key):
    marks.rpush(key, time.time())


random.seed(1337)


@app.task(name='bench.nap', ignore_result=True)
def nap(key):
    # As in dramatiq's latency bench.
    drawn = random.randint(1, 100)
    seconds = 10 if drawn == 1 else 5 if drawn <= 30 else 3 if drawn <= 50 else 1
    time.sleep(seconds * float(os.environ.get('BENCH_SCALE', '1')))
    marks.rpush(key, time.time())


def send(count):
    start = time.perf_counter()
    for _ in range(count):
        add.apply_async((2, 3), ignore_result=True)
    return {'seconds': time.perf_counter() - start}


def trips(count):
    taken = []
    start = time.perf_counter()
    for _ in range(count):
        before = time.perf_counter()
        add.delay(2, 3).get(timeout=20)
        taken.append((time.perf_counter() - before) * 1000)
    return {'seconds': time.perf_counter() - start, 'taken': taken}


def main():
    print(json.dumps({'ready': True}), flush=True)
    for line in sys.stdin:
        what, _, count = line.strip().partition(' ')
        if what == 'purge':
            told = {'purged': app.control.purge()}
        else:
            told = {'send': send, 'trips': trips}[what](int(count))
        print(json.dumps(told), flush=True)


if __name__ == '__main__':
    main()
