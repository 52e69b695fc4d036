"""The application of Flower's captured answers."""
import os
import time

from celery import Celery

app = Celery('check', broker=os.environ['BROKER'], backend=os.environ['BACKEND'])
app.conf.update(
    task_send_sent_event=True,
    worker_send_task_events=True,
    task_track_started=True,
    result_expires=600,
)


@app.task(name='check.add')
def add(x, y):
    return x + y


@app.task(name='check.fail')
def fail(m):
    raise ValueError(m)


@app.task(name='check.sleep')
def sleep(n):
    time.sleep(n)
