"""The reports of the shop: what is in Python."""

import os
import random
import time

from celery import Celery
from celery.utils.log import get_task_logger

app = Celery("shop", broker=os.environ["LOVAGE_BROKER_URL"], backend=os.environ["LOVAGE_RESULT_BACKEND"])
app.conf.update(task_default_queue="reports", task_send_sent_event=True, worker_hijack_root_logger=True)
log = get_task_logger(__name__)


@app.task(name="report.build")
def build(day, rows=1000):
    log.info("building %s of %d rows", day, rows)
    time.sleep(min(rows / 8000, 2) + random.uniform(0.1, 0.5))
    if random.random() < 0.04:
        totals = {"monday": 1, "wednesday": 3}
        return totals[day] / int(rows < 0)
    return {"day": day, "rows": rows, "pages": rows // 40}


@app.task(name="stock.forecast")
def forecast(product):
    time.sleep(random.uniform(0.2, 1.2))
    if random.random() < 0.03:
        raise ValueError(f"product {product} has been sold for less than 14 days")
    return [round(random.uniform(0, 30), 1) for _ in range(7)]
