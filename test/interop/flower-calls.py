"""
What Flower asks of a worker and hears from it, call by call as Flower makes them (its inspector, its events thread, its
control handlers), with the answers in the shapes of Flower's API.
"""
import json
import os
import sys
import threading
import time

from celery import Celery
from celery.events import EventReceiver
from celery.events.state import State

app = Celery('flower', broker=os.environ['BROKER'], backend=os.environ['BACKEND'])
app.conf.task_send_sent_event = True
WORKER = os.environ['WORKER']
METHODS = ('stats', 'active_queues', 'registered', 'scheduled', 'active', 'reserved', 'revoked', 'conf')
FIELDS = (
    'uuid name state received sent started rejected succeeded failed retried revoked args kwargs eta expires retries '
    'result exception timestamp runtime traceback exchange routing_key clock client root root_id parent parent_id children'
).split()


class Counter(State):
    """Flower's state: how many events of each kind a worker sent."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.counter = {}

    def event(self, event):
        super().event(event)
        counts = self.counter.setdefault(event['hostname'], {})
        counts[event['type']] = counts.get(event['type'], 0) + 1


state = Counter()


def listen():
    with app.connection() as connection:
        receiver = EventReceiver(connection, handlers={'*': state.event}, app=app)
        receiver.capture(limit=None, timeout=None, wakeup=True)


def until(what, condition, seconds=30):
    deadline = time.time() + seconds
    while not condition():
        if time.time() > deadline:
            raise SystemExit('%s did not come; seen: %r' % (what, state.counter))
        time.sleep(0.02)


def task_dict(task):
    """`as_dict` of Flower's utils/tasks.py: what a task's page and the API show."""
    shown = {name: getattr(task, name, None) for name in FIELDS if name not in ('root', 'parent', 'children')}
    shown.update(root=task.root_id, parent=task.parent_id, children=[child.uuid for child in task.children])
    shown['worker'] = task.worker.hostname if task.worker else None
    return shown


def answered(replies):
    """The reply of the one worker, as Flower's control handlers read it."""
    return next(reply[WORKER] for reply in replies or [] if WORKER in reply)


def main():
    threading.Thread(target=listen, daemon=True).start()
    until('a heartbeat', lambda: WORKER in state.workers and state.workers[WORKER].alive)
    app.control.enable_events()
    send = app.send_task
    done = send('check.add', (2, 3))
    failed = send('check.fail', ('boom',))
    sleeping = send('check.sleep', (25,))
    later = send('check.add', (1, 1), countdown=300)
    until('the events', lambda: all((
        done.id in state.tasks and state.tasks[done.id].state == 'SUCCESS',
        failed.id in state.tasks and state.tasks[failed.id].state == 'FAILURE',
        sleeping.id in state.tasks and state.tasks[sleeping.id].state == 'STARTED',
        later.id in state.tasks and state.tasks[later.id].state in ('RECEIVED', 'PENDING'),
    )))
    inspect = app.control.inspect(timeout=60, destination=[WORKER])
    info = {}
    for method in METHODS:
        # Flower wants the texts of the arguments of what runs.
        given = {'safe': True} if method == 'active' else {}
        info[method] = (getattr(inspect, method)(**given) or {}).get(WORKER)
    worker = state.workers[WORKER]
    row = dict(state.counter[WORKER])
    row.update({name: getattr(worker, name, None) for name in worker._fields}, status=worker.alive)
    control = app.control
    ask = dict(reply=True, timeout=60, destination=[WORKER])
    replies = {
        'grow': answered(control.pool_grow(n=1, **ask)),
        'shrink': answered(control.pool_shrink(n=1, **ask)),
        'autoscale': answered(control.autoscale(min=1, max=2, **ask)),
        'restart': answered(control.broadcast('pool_restart', arguments={'reload': False}, **ask)),
        'add_consumer': answered(control.broadcast('add_consumer', arguments={'queue': 'x'}, **ask)),
        'cancel_consumer': answered(control.broadcast('cancel_consumer', arguments={'queue': 'x'}, **ask)),
        'rate_limit': answered(control.rate_limit('check.add', '10/m', **ask)),
        'rate_limit_unknown': answered(control.rate_limit('check.nobody', '10/m', **ask)),
        'time_limit': answered(control.time_limit('check.add', hard=20, soft=10, **ask)),
    }
    control.revoke(sleeping.id, terminate=True, signal='SIGTERM')
    until('the revocation', lambda: state.tasks[sleeping.id].state == 'REVOKED')
    control.broadcast('shutdown', destination=[WORKER])
    until('the end', lambda: not state.workers[WORKER].alive)
    print('FLOWER ' + json.dumps({
        'info': info,
        'row': row,
        'success': task_dict(state.tasks[done.id]),
        'failure': task_dict(state.tasks[failed.id]),
        'later': task_dict(state.tasks[later.id]),
        'counter': state.counter[WORKER],
        'replies': replies,
    }, default=str), flush=True)


if __name__ == '__main__':
    main()
    sys.exit(0)
