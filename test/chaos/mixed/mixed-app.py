"""The Python half of a mixed fleet: workers of the same tasks, and a caller that waits for what any worker makes of them."""
import os
import random
import sys
import time

from celery import Celery
from celery.result import ResultSet

app = Celery('mixed', broker=os.environ['BROKER'], backend=os.environ['BACKEND'])
app.conf.task_default_queue = os.environ['QUEUE']
app.conf.task_acks_late = True
app.conf.task_reject_on_worker_lost = True
app.conf.worker_prefetch_multiplier = 1
if app.conf.broker_url.startswith('redis'):
    app.conf.broker_transport_options = {'visibility_timeout': 2}


def began(task):
    # Not through sys.stdout, which a worker turns into its log.
    sys.__stdout__.write('python began %s\n' % task.request.id)
    sys.__stdout__.flush()


@app.task(name='nap', bind=True)
def nap(self, ms):
    began(self)
    time.sleep(ms / 1000)
    return ms


@app.task(name='python.only', bind=True)
def only(self, ms):
    began(self)
    time.sleep(ms / 1000)
    return [ms, 'python']


def call(count, seed):
    draw = random.Random(seed)
    wanted = {}
    results = []
    for nth in range(count):
        name, ms = ('python.only' if nth % 10 == 0 else 'nap'), draw.randint(20, 120)
        result = app.send_task(name, (ms,))
        results.append(result)
        wanted[result.id] = [ms, 'python'] if name == 'python.only' else ms
    right = 0
    # One get() after the other takes a second for each that has come already.
    for task_id, meta in ResultSet(results).iter_native(timeout=300):
        if meta['status'] == 'SUCCESS' and meta['result'] == wanted[task_id]:
            right += 1
        else:
            print('WRONG %s %r' % (task_id, meta), flush=True)
    print('RIGHT %d' % right, flush=True)


if __name__ == '__main__':
    call(int(sys.argv[1]), int(sys.argv[2]))
