"""Celery's own state of a fleet, fed with every event there is: the workers that it knows, after each of them."""
import os

from celery import Celery
from celery.events.state import State

app = Celery('state', broker=os.environ['BROKER'])
state = State()


def heard(event):
    print('HEARD ' + event['type'], flush=True)
    state.event(event)
    print('WORKERS ' + ' '.join(sorted(state.workers)), flush=True)


with app.connection() as connection:
    receiver = app.events.Receiver(connection, handlers={'*': heard})
    receiver.capture(limit=None, timeout=None, wakeup=False)
