"""The Python half of the tests of remote control: an application, and one process that asks everything."""
import json
import os
import sys

from celery import Celery

app = Celery('remote', broker=os.environ['BROKER'], backend=os.environ['BACKEND'])
app.conf.task_default_queue = os.environ.get('QUEUE', 'celery')


@app.task(name='py.add')
def add(x, y):
    return x + y


def ask_all(node):
    """Every question and command as Celery's own client asks it; a line for each with what came back."""
    control = app.control
    inspect = control.inspect(destination=[node], timeout=60)
    to = {'destination': [node], 'reply': True, 'timeout': 60}
    asked = {
        'ping': control.ping(destination=[node], timeout=60),
        'pattern': control.broadcast('ping', reply=True, timeout=60, limit=1, pattern='w*@ours', matcher='glob'),
        'other': control.broadcast('ping', reply=True, timeout=0.5, destination=['nobody@home']),
        'inspect_ping': inspect.ping(),
        'stats': inspect.stats(),
        'active': inspect.active(),
        'active_safe': inspect.active(safe=True),
        'reserved': inspect.reserved(),
        'scheduled': inspect.scheduled(),
        'registered': inspect.registered(),
        'registered_items': inspect.registered('max_retries'),
        'active_queues': inspect.active_queues(),
        'conf': inspect.conf(),
        'conf_all': inspect.conf(with_defaults=True),
        'report': inspect.report(),
        'query_task': inspect.query_task('held', 'nowhere'),
        'clock': inspect.clock(),
        'hello': inspect.hello('py@host', revoked={'theirs': 1.5}),
        'memsample': inspect.memsample(),
        'revoke': control.revoke('r-1', **to),
        'revoke_many': control.revoke(['r-2', 'r-3'], **to),
        'terminate': control.terminate('held', **to),
        'revoked': inspect.revoked(),
        'rate_limit': control.rate_limit('ts.add', '10/m', **to),
        'rate_unknown': control.rate_limit('nope', '10/m', **to),
        'rate_bad': control.broadcast(
            'rate_limit', arguments={'task_name': 'ts.add', 'rate_limit': '1/q'}, **to),
        'rate_off': control.rate_limit('ts.add', 0, **to),
        'time_limit': control.time_limit('ts.add', soft=10, hard=20, **to),
        'add_consumer': control.add_consumer('extra', **to),
        'queues_after': inspect.active_queues(),
        'cancel_consumer': control.cancel_consumer('extra', **to),
        'pool_grow': control.pool_grow(2, **to),
        'pool_shrink': control.pool_shrink(1, **to),
        'pool_restart': control.pool_restart(**to),
        'autoscale': control.autoscale(4, 1, **to),
        'enable_events': control.enable_events(**to),
        'disable_events': control.disable_events(**to),
        'heartbeat': control.heartbeat(destination=[node]),
        # To all it would end a Python worker that is alone among Python's.
        'election': control.broadcast(
            'election', arguments={'id': 'id-1', 'topic': 'task', 'action': None}, destination=[node]),
        'unknown': control.broadcast('no_such_command', **to),
    }
    print('ASKED ' + json.dumps(asked), flush=True)


if __name__ == '__main__' and sys.argv[1:2] == ['ask']:
    ask_all(sys.argv[2])
