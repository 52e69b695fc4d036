"""A Python worker of which is asked why its tasks do not run."""
import os
import time

from celery import Celery

app = Celery('why', broker=os.environ['BROKER'], backend=os.environ['BACKEND'])
app.conf.update(task_default_queue='python', task_track_started=True, worker_prefetch_multiplier=4)


@app.task(name='py.hold')
def hold():
    time.sleep(600)


@app.task(name='py.limited', rate_limit='1/h')
def limited():
    return 1


@app.task(name='py.add')
def add(x, y):
    return x + y
