"""Canvases between Python and Lovage: the same tasks on both sides, and a caller that sends each form."""
import json
import os
import sys

from celery import Celery, chain, chord, group
from celery.result import result_from_tuple
from celery.signals import after_task_publish

app = Celery('canvas', broker=os.environ['BROKER'], backend=os.environ['BACKEND'])
app.conf.task_default_queue = os.environ.get('QUEUE', 'celery')
# Where replacing a task has what came of it accumulated.
app.conf.task_routes = {'celery.accumulate': {'queue': os.environ.get('ACCUMULATE', app.conf.task_default_queue)}}
told = []


@app.task(name='both.add')
def add(x, y):
    return x + y


@app.task(name='both.sum')
def xsum(values):
    return sum(values)


@app.task(name='both.flat')
def flat(values):
    return [item for value in values for item in (value if isinstance(value, list) else [value])]


@app.task(name='both.fail')
def fail(*args):
    raise ValueError('boom')


@app.task(name='both.echo')
def echo(value):
    return value


@app.task(name='both.where')
def where(*values):
    return 'python'


@app.task(name='py.note')
def note(value):
    told.append(value)


@app.task(name='py.new', bind=False)
def new_style(request, exc, traceback):
    told.append([request.id, repr(exc)])


@app.task(name='py.swapped', bind=True)
def swapped(self):
    raise self.replace(group(add.s(1, 1), add.s(2, 2)))


@app.task(name='py.told')
def what_was_told():
    return told


def outcome(result, timeout=60):
    try:
        return result.get(timeout=timeout)
    except Exception as error:
        return [type(error).__name__, str(error)]


def call():
    """Every form, sent to the queue of this process, which is Lovage's."""
    has_chords = os.environ['BACKEND'].startswith('redis')
    lines = {
        'chain': outcome(chain(add.s(1, 1), add.s(2), add.s(3)).delay()),
        'immutable': outcome(chain(add.s(1, 1), add.si(5, 5)).delay()),
        'options': outcome(chain(add.s(1, 1), add.s(2).set(countdown=0.2)).delay()),
        'named': outcome(chain(add.s(1, 1), add.s(y=7)).delay()),
        'group': outcome(group(add.s(i, i) for i in range(3)).delay()),
        'chain_group': outcome(chain(add.s(1, 1), group(add.s(1), add.s(2))).delay()),
        'map': outcome(xsum.map([[1, 2], [3, 4]]).delay()),
        'starmap': outcome(add.starmap([(1, 1), (2, 2)]).delay()),
        'chunks': outcome(add.chunks(zip(range(5), range(5)), 2).delay()),
        'broken': outcome(chain(fail.s(), add.s(1)).delay()),
    }
    linked = add.apply_async((1, 2), link=[echo.s(), add.s(10)])
    lines['linked'] = outcome(linked)
    if has_chords:
        lines['children'] = sorted(outcome(child) for child in linked.children[0].results)
        lines['chord'] = outcome(chord([add.s(1, 1), add.s(2, 2)])(xsum.s()))
        lines['upgraded'] = outcome((add.s(1, 1) | group(add.s(1), add.s(2)) | xsum.s() | add.s(100)).delay())
        lines['nested'] = outcome(chord([chain(add.s(1, 1), add.s(2)), group(add.s(4, 4), add.s(3, 3))])(chain(xsum.s(), add.s(1))))
        lines['chord_in_chord'] = outcome(chord([chord([add.s(1, 1), add.s(2, 2)], xsum.s()), add.s(3, 3)])(xsum.s()))
        lines['group_body'] = outcome(chord([add.s(1, 1), add.s(2, 2)])(group(xsum.s(), echo.s())))
        lines['complex'] = outcome(chord([chain(add.s(1, 1), group(add.s(1), add.s(2))), add.s(3, 3)])(flat.s()))
        lines['empty'] = outcome(chord([])(xsum.s()))
        failed = chord([add.s(1, 1), fail.s()])(xsum.s())
        # The result itself would throw what its members threw.
        lines['chord_error'] = outcome(app.AsyncResult(failed.id))
    print('RESULTS ' + json.dumps(lines), flush=True)


def own():
    """The tasks of Celery's own that a client sends, under its hand and by name."""
    sent = []

    @after_task_publish.connect(weak=False)
    def note_sent(sender=None, **_):
        if sender.startswith('celery.'):
            sent.append(sender)

    lines = {}
    if os.environ['BACKEND'].startswith('file'):
        chord([add.s(1, 1), add.s(2, 2)])(xsum.s())
    else:
        lines['map'] = outcome(xsum.map([[1, 2], [3, 4]]).delay())
        lines['starmap'] = outcome(add.starmap([(1, 1), (2, 2)]).delay())
        lines['chunks'] = outcome(add.chunks([(1, 1), (2, 2), (3, 3)], 2).delay())
        lines['group'] = outcome(group(add.s(1, 1), chain(add.s(1, 1), add.s(2))).delay())
        lines['chord'] = outcome(chord([add.s(1, 1), add.s(2, 2)])(xsum.s()))
        by_name = app.tasks['celery.accumulate'], app.tasks['celery.backend_cleanup'], app.tasks['celery.chunks']
        accumulate, cleanup, chunks = by_name
        lines['accumulate'] = outcome(accumulate.delay(1, 2, 3))
        lines['accumulate_one'] = outcome(accumulate.delay([1, 2], [3], index=0))
        lines['backend_cleanup'] = outcome(cleanup.delay())
        chunked = result_from_tuple(outcome(chunks.delay(task=add.s(), it=[(1, 1), (2, 2), (3, 3)], n=2)), app=app)
        lines['chunks_task'] = outcome(chunked)
    print('OWN ' + json.dumps({'sent': sent, 'came': lines}), flush=True)


if __name__ == '__main__':
    {'call': call, 'own': own}[sys.argv[1]]()
