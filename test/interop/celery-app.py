"""The Python half of the interop tests: a Celery application whose tasks Lovage calls, and a caller of Lovage's tasks."""
import datetime
import json
import os
import sys
import time

from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded

app = Celery('interop', broker=os.environ['BROKER'], backend=os.environ['BACKEND'])
app.conf.task_default_queue = os.environ.get('QUEUE', 'celery')
if 'VISIBILITY' in os.environ:
    app.conf.broker_transport_options = {'visibility_timeout': float(os.environ['VISIBILITY'])}


class Stubborn(Exception):
    """An exception that only this side knows."""


@app.task(name='py.add')
def add(x, y):
    return x + y


@app.task(name='py.echo')
def echo(value):
    return value


@app.task(name='py.fail')
def fail(kind):
    if kind == 'value':
        raise ValueError('no such value: \u00e4')
    if kind == 'own':
        raise Stubborn('will not', 7)
    raise KeyError(kind)


@app.task(name='py.nan')
def nan():
    return [float('nan'), float('inf'), 2 ** 70, 1.0]


@app.task(name='shared.who')
def who():
    time.sleep(0.02)
    return 'python'


@app.task(name='shared.hold', acks_late=True)
def hold():
    print('HOLDING', flush=True)
    time.sleep(600)


@app.task(name='py.describe', bind=True)
def describe(self, *args, **kwargs):
    request = self.request
    return {
        'args': args,
        'kwargs': kwargs,
        'id': request.id,
        'root_id': request.root_id,
        'parent_id': request.parent_id,
        'argsrepr': request.argsrepr,
        'kwargsrepr': request.kwargsrepr,
        'retries': request.retries,
        'timelimit': request.timelimit,
        'lang': request.lang,
    }


@app.task(name='shared.hop', bind=True, max_retries=5, acks_late=True)
def hop(self, label):
    request = self.request
    seen = {name: getattr(request, name) for name in ('id', 'root_id', 'parent_id', 'retries', 'eta', 'reply_to')}
    print('HOP ' + json.dumps({**seen, 'label': label, 'at': time.time()}), flush=True)
    if request.retries < 2:
        raise self.retry(countdown=5.5)
    return 'python'


@app.task(name='py.when', bind=True)
def when(self):
    return {'at': time.time(), 'eta': self.request.eta}


@app.task(name='py.report', bind=True)
def report(self, total):
    time.sleep(0.5)  # for whoever listens from the answer of the broker on
    self.update_state(state='PROGRESS', meta={'done': 1, 'total': total})
    self.update_state(state='PACKING', meta=['a', {'b': None}])
    return 'reported'


@app.task(name='py.soft')
def soft():
    try:
        time.sleep(20)
    except SoftTimeLimitExceeded:
        return 'stopped softly'


@app.task(name='py.slow')
def slow():
    time.sleep(20)


@app.task(name='py.asked', bind=True)
def asked(self):
    request = self.request
    return {
        # Celery 5.2 puts headers of the caller's own beside its own.
        'mine': request.get('mine'),
        'ignore': request.ignore_result,
        'shadow': request.shadow,
        'expires': request.expires,
        'priority': request.delivery_info.get('priority'),
    }


ignored = []


@app.task(name='py.ignored')
def count_ignored(label):
    ignored.append(label)
    return label


@app.task(name='py.ignored_so_far')
def ignored_so_far():
    return ignored


def failure_of(result):
    try:
        return {'value': result.get(timeout=60)}
    except Exception as error:  # the type is what the test asks for
        return {
            'type': type(error).__name__,
            'module': type(error).__module__,
            'args': [str(argument) for argument in error.args],
            'traceback': bool(result.traceback),
            'state': result.state,
        }


def call_lovage():
    send = app.send_task
    values = {
        'unicode': '\u00e4\u00f6\u00fc \u65e5\u672c\u8a9e \U0001f600 \x00 "quoted" \\',
        'nested': {'a': [1, [2, {'b': None}]], '': {'true': True}},
        'null': None,
        'big': 2 ** 70,
        'negative': -(2 ** 63) - 1,
        'float': 0.1,
        'empty': [[], {}, ''],
    }
    date = datetime.datetime(2026, 11, 21, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    lines = {
        'sum': send('ts.add', (2,), {'y': 3}).get(timeout=60),
        'echo': {name: send('ts.echo', (value,)).get(timeout=60) == value for name, value in values.items()},
        'date': send('ts.echo', (date,)).get(timeout=60),
        'nan': send('ts.describe', (float('nan'), float('inf'))).get(timeout=60),
        'type_error': failure_of(send('ts.fail', ('type',))),
        'own_error': failure_of(send('ts.fail', ('own',))),
        'unknown': failure_of(send('ts.nobody')),
        'too_many': failure_of(send('ts.add', (1, 2, 3, 4))),
        'circular': failure_of(send('ts.fail', ('circular',))),
        'later': send('ts.add', (1, 1), countdown=0.2).get(timeout=60),
    }
    print('RESULTS ' + json.dumps(lines), flush=True)


def call_options():
    """Our tasks with every option that travels with a message."""
    send = app.send_task
    states = []
    told = send('ts.report', (3,)).get(timeout=60, on_message=lambda body: states.append([body['status'], body['result']]))
    headers = {'mine': 'yes', 'mine-too': [1, {'deep': True}]}
    shadowed = send('ts.asked', headers=headers, shadow='other', priority=3, expires=60, time_limit=30, soft_time_limit=20)
    ignoring = send('ts.ignored', ('one',), ignore_result=True)
    eta = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
    lines = {
        'report': told,
        'states': states,
        'asked': shadowed.get(timeout=60),
        'expired': failure_of(send('ts.add', (1, 1), expires=datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc))),
        'soft': failure_of(send('ts.soft', soft_time_limit=0.2, time_limit=15)),
        'hard': failure_of(send('ts.slow', time_limit=0.2)),
        'retried': send('ts.retried', ('word',)).get(timeout=60),
        'at': send('ts.at', eta=eta).get(timeout=60) - eta.timestamp(),
        'ignored': send('ts.ignored_so_far').get(timeout=60),
        'ignored_state': ignoring.state,
    }
    print('RESULTS ' + json.dumps(lines), flush=True)


def call_later():
    before = time.time()
    result = app.send_task('ts.when', countdown=4)
    print('LATER ' + json.dumps({'id': result.id, 'before': before}), flush=True)
    print('RAN ' + json.dumps(result.get(timeout=60)), flush=True)


if __name__ == '__main__' and sys.argv[1:] == ['later']:
    call_later()
if __name__ == '__main__' and sys.argv[1:] == ['call']:
    call_lovage()
if __name__ == '__main__' and sys.argv[1:] == ['options']:
    call_options()
