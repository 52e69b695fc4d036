/**
 * What Python runs: `-c` this, the path of the configuration, and numbers of cores. It runs the file once for each number,
 * told that the machine has so many, so that a value that depends on it can be told from one that does not; and prints
 * what it got as JSON. What the file itself prints goes to stderr.
 */
export const PYTHON_SCRIPT = String.raw`
import datetime, json, math, os, sys, types
path, counts = sys.argv[1], [int(count) for count in sys.argv[2:]]
out = os.dup(1)
os.dup2(2, 1)
sys.path.insert(0, os.path.dirname(os.path.abspath(path)))

QUEUE = ['name', 'exchange', 'routing_key', 'durable', 'exclusive', 'auto_delete', 'no_ack', 'alias', 'queue_arguments',
         'binding_arguments', 'consumer_arguments', 'max_priority', 'expires', 'message_ttl', 'max_length',
         'max_length_bytes', 'bindings']
FIELDS = {
    'crontab': ['minute', 'hour', 'day_of_week', 'day_of_month', 'month_of_year', 'nowfun'],
    'schedule': ['run_every', 'relative', 'nowfun'], 'solar': ['event', 'lat', 'lon', 'nowfun'],
    'Exchange': ['name', 'type', 'durable', 'auto_delete', 'passive', 'delivery_mode', 'arguments', 'no_declare'],
    'Queue': QUEUE, 'Broadcast': QUEUE, 'binding': ['exchange', 'routing_key', 'arguments'],
}

def unknown(value, code=False):
    return {'$': 'unknown', 'text': repr(value)[:200], 'isCode': code}

def encode(value, depth=0):
    if depth > 40:
        return unknown(value)
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) < 2 ** 53 else unknown(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else unknown(value)
    if isinstance(value, datetime.timedelta):
        return {'$': 'timedelta', 'seconds': value.total_seconds()}
    if isinstance(value, dict):
        return {'$': 'dict', 'items': [[encode(k, depth + 1), encode(v, depth + 1)] for k, v in value.items()]}
    if isinstance(value, (set, frozenset)):
        return [encode(v, depth + 1) for v in sorted(value, key=repr)]
    if isinstance(value, (list, tuple)):
        return [encode(v, depth + 1) for v in value]
    kind = type(value)
    if kind.__module__ == 'celery.schedules' and kind.__name__ in FIELDS:
        fields = {name: getattr(value, '_orig_' + name, getattr(value, name, None)) for name in FIELDS[kind.__name__]}
        encoded = {name: encode(field, depth + 1) for name, field in fields.items()}
        return {'$': 'object', 'type': kind.__name__, 'fields': encoded}
    if not isinstance(value, type):
        for base in type(value).__mro__:
            if base.__module__.split('.')[0] == 'kombu' and base.__name__ in FIELDS:
                fields = {name: encode(getattr(value, name, None), depth + 1) for name in FIELDS[base.__name__]}
                return {'$': 'object', 'type': base.__name__, 'fields': fields}
    return unknown(value, callable(value))

def load(count):
    cores = lambda *args, **kwargs: count
    os.cpu_count = cores
    for name in ('multiprocessing', 'billiard', 'psutil'):
        try:
            __import__(name)
            sys.modules[name].cpu_count = cores
        except Exception:
            pass
    space = {'__name__': 'celeryconfig', '__file__': os.path.abspath(path), '__builtins__': __builtins__}
    with open(path, 'rb') as file:
        exec(compile(file.read(), path, 'exec'), space)
    return {k: encode(v) for k, v in space.items() if not k.startswith('_') and not isinstance(v, types.ModuleType)}

try:
    answer = {'version': sys.version.split()[0], 'loads': [load(count) for count in counts]}
except BaseException as error:
    answer = {'version': sys.version.split()[0], 'error': '%s: %s' % (type(error).__name__, error)}
os.write(out, b'')
with os.fdopen(out, 'w', encoding='utf-8') as stream:
    stream.write(json.dumps(answer))
`
