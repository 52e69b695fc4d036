"""The Python half of the tests of routing: reads cases as JSON, and does with Celery what each of them says."""
import json
import re
import sys

from celery import Celery
from celery.exceptions import QueueNotFound
from kombu import Exchange, Queue, binding
from kombu.common import Broadcast


def exchange(given):
    if isinstance(given, str):
        return Exchange(given)
    kept = {'name', 'type', 'durable'}
    extra = {'autoDelete': 'auto_delete', 'deliveryMode': 'delivery_mode'}
    return Exchange(**{extra.get(k, k): v for k, v in given.items() if k in kept or k in extra})


def queue(given):
    if isinstance(given, str):
        return Queue(given)
    given = dict(given)
    options = {}
    if 'exchange' in given:
        ex = given.pop('exchange')
        if 'exchangeType' in given:
            ex = {'name': ex, 'type': given.pop('exchangeType')}
        options['exchange'] = exchange(ex)
    names = {
        'routingKey': 'routing_key', 'autoDelete': 'auto_delete', 'durable': 'durable', 'exclusive': 'exclusive',
        'maxPriority': 'max_priority', 'maxLength': 'max_length',
    }
    for ours, theirs in names.items():
        if ours in given:
            options[theirs] = given.pop(ours)
    for ours, theirs in {'expires': 'expires', 'messageTtl': 'message_ttl'}.items():
        if ours in given:
            options[theirs] = given.pop(ours) / 1000
    arguments = dict(given.pop('arguments', {}))
    if 'type' in given:
        arguments['x-queue-type'] = given.pop('type')
    if arguments:
        options['queue_arguments'] = arguments
    if 'bindings' in given:
        options['bindings'] = [
            binding(exchange(b['exchange']), routing_key=b.get('routingKey', '')) for b in given.pop('bindings')]
    if 'broadcast' in given:
        name = given.pop('broadcast')
        made = Broadcast(name, **{**given, **options})
    else:
        made = Queue(given.pop('name'), **options)
        assert not given, given
    return made


def app_of(settings, broker):
    app = Celery('routing', broker=broker)
    conf = app.conf
    names = {
        'defaultQueue': 'task_default_queue', 'defaultExchange': 'task_default_exchange',
        'defaultExchangeType': 'task_default_exchange_type', 'defaultRoutingKey': 'task_default_routing_key',
        'createMissingQueues': 'task_create_missing_queues', 'queueMaxPriority': 'task_queue_max_priority',
    }
    for ours, theirs in names.items():
        if ours in settings:
            conf[theirs] = settings[ours]
    queues = settings.get('queues')
    if isinstance(queues, dict):
        compat = {'exchange': 'exchange', 'exchangeType': 'exchange_type', 'routingKey': 'routing_key'}
        conf.task_queues = {
            name: {compat[k]: v for k, v in given.items()} for name, given in queues.items()}
    elif queues:
        conf.task_queues = [queue(given) for given in queues]
    if 'routes' in settings:
        conf.task_routes = [table(router) for router in settings['routes']]
    return app


def table(pairs):
    return [(re.compile(name['regexp']) if isinstance(name, dict) else name, target(to)) for name, to in pairs]


def target(to):
    if isinstance(to, str):
        return to
    return {{'routingKey': 'routing_key'}.get(k, k): v for k, v in to.items()}


OPEN = []


def declare(case, broker):
    """What a worker declares that reads these queues, and a producer that sends to those."""
    app = app_of(case['settings'], broker)
    app.amqp.queues.select(case.get('read'))
    app.amqp.queues.deselect(case.get('exclude'))
    connection = app.connection_for_write()
    # What goes with its connection is to be there when it is looked for.
    OPEN.append(connection)
    channel = connection.default_channel
    for one in app.amqp.queues.consume_from.values():
        one(channel).declare()
    for call in case.get('send', []):
        app.send_task('any', **{{'routingKey': 'routing_key'}.get(k, k): v for k, v in call.items()})


class Producer:
    """Takes what is published in place of a broker."""

    def __init__(self, app):
        self.connection = app.connection_for_write()

    def publish(self, body, **options):
        self.published = options


def nothing():
    pass


def route(case):
    """Where each call is published, and how."""
    found = []
    app = app_of(case['settings'], 'memory://')
    for call in case['calls']:
        names = {'queue', 'exchange', 'routingKey', 'priority'}
        task = {'routingKey': 'routing_key'}
        own = {task.get(k, k): v for k, v in call['task'].items() if k in names}
        given = {task.get(k, k): v for k, v in call['call'].items() if k in names}
        made = app.task(name=call['name'], shared=False, **own)(nothing)
        producer = Producer(app)
        try:
            made.apply_async(producer=producer, **given)
        except Exception as error:
            found.append(type(error).__name__ if isinstance(error, QueueNotFound) else repr(error))
        else:
            said = producer.published
            found.append({
                'exchange': getattr(said['exchange'], 'name', said['exchange']),
                # A producer of kombu publishes without a key with an empty one.
                'routingKey': said['routing_key'] or '',
                'priority': said.get('priority') or 0,
                'deliveryMode': said['delivery_mode'],
            })
        app.tasks.pop(call['name'])
    return found


def main():
    # One line a question, one line an answer: what it declares or routes is asked of it while it runs.
    for line in sys.stdin:
        asked = json.loads(line)
        if 'broker' in asked:
            declare(asked, asked['broker'])
            print('ANSWER null', flush=True)
        else:
            print('ANSWER ' + json.dumps(route(asked)), flush=True)


main()
