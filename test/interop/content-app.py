"""The Python half of the tests of content: an application that reads all but pickle, and bodies by kombu's own functions."""
import base64
import json
import os
import sys

from celery import Celery
from kombu import compression
from kombu.serialization import dumps, loads, prepare_accept_content, registry

FORMS = ['json', 'yaml', 'msgpack']

app = Celery('content', broker=os.environ.get('BROKER', 'memory://'), backend=os.environ.get('BACKEND'))
app.conf.task_default_queue = os.environ.get('QUEUE', 'celery')
app.conf.accept_content = FORMS
app.conf.result_accept_content = FORMS
app.conf.result_serializer = os.environ.get('RESULT_SERIALIZER', 'json')


@app.task(name='py.echo')
def echo(*args, **kwargs):
    return {'args': list(args), 'kwargs': kwargs}


@app.task(name='py.fail')
def fail():
    raise ValueError('no such value: \u00e4')


def able():
    """What this Python can read and write."""
    serializers = [name for name in FORMS if name in registry._encoders]
    return {'serializers': serializers, 'compressions': sorted(compression._aliases)}


def convert():
    """Reads what Lovage wrote, line by line, and answers with what kombu makes of the same values."""
    for line in sys.stdin:
        case = json.loads(line)
        body = base64.b64decode(case['body'])
        if case['compression']:
            body = compression.decompress(body, case['compression'])
        value = loads(body, case['type'], case['encoding'], accept=prepare_accept_content(FORMS))
        answer = {'same': value == json.loads(case['json'])}
        content_type, encoding, written = dumps(json.loads(case['json']), serializer=case['serializer'])
        written = written if isinstance(written, bytes) else written.encode('utf-8')
        packed = None
        if case['pack']:
            written, packed = compression.compress(written, case['pack'])
        answer.update(type=content_type, encoding=encoding, compression=packed, body=base64.b64encode(written).decode())
        print('ANSWER ' + json.dumps(answer), flush=True)
    print('DONE', flush=True)


def call():
    """Calls Lovage's task in every form there is."""
    value = {'text': 'žluť 😀 yes', 'list': [1, [2, None], {}], 'float': 0.5, 'true': True, 'big': 2 ** 60}
    for serializer in able()['serializers']:
        for packing in [None, *sys.argv[2].split(',')]:
            result = app.send_task('ts.echo', (value,), serializer=serializer, compression=packing)
            same = result.get(timeout=60) == value
            print('CALLED ' + json.dumps([serializer, packing, same]), flush=True)
    refused = app.send_task('ts.echo', (value,), serializer='pickle')
    try:
        refused.get(timeout=60)
    except Exception as error:  # the text is what the test asks for
        print('REFUSED ' + json.dumps([str(argument) for argument in error.args]), flush=True)


if __name__ == '__main__':
    if sys.argv[1] == 'able':
        print(json.dumps(able()))
    else:
        {'convert': convert, 'call': call}[sys.argv[1]]()
