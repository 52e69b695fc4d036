"""What the Python application runs with: a configuration of the old kind, as many are in use."""
from multiprocessing import cpu_count

from kombu import Exchange, Queue

BROKER_URL = 'amqp://checker:check-secret@127.0.0.1:5672/checks'
CELERY_RESULT_BACKEND = 'redis://:result-secret@127.0.0.1:6379/3'

CELERY_TIMEZONE = 'Asia/Shanghai'
CELERY_ENABLE_UTC = True

CELERY_TASK_SERIALIZER = 'json'
CELERY_RESULT_SERIALIZER = 'json'
CELERY_ACCEPT_CONTENT = ['json']

CELERY_QUEUES = (
    Queue('common_check', Exchange('common', type='direct', delivery_mode=2), routing_key='common.check'),
    Queue('common_report', Exchange('common', type='direct', delivery_mode=2), routing_key='common.report'),
    Queue('common_archive', Exchange('common', type='direct'), routing_key='common.check'),
    Queue('urgent_check', Exchange('urgent', type='direct'), routing_key='urgent.check'),
)
CELERY_ROUTES = {
    'routes.check': {'queue': 'common_check', 'exchange': 'common', 'routing_key': 'common.check'},
    'routes.report': {'queue': 'common_report', 'routing_key': 'common.report'},
    'routes.alarm': {'queue': 'urgent_check', 'routing_key': 'urgent.check'},
}
CELERY_DEFAULT_QUEUE = 'common_check'
CELERY_DEFAULT_EXCHANGE = 'common'
CELERY_DEFAULT_EXCHANGE_TYPE = 'direct'
CELERY_DEFAULT_ROUTING_KEY = 'common.check'

CELERY_ACKS_LATE = True
CELERYD_PREFETCH_MULTIPLIER = 1
CELERY_DISABLE_RATE_LIMITS = True
CELERYD_CONCURRENCY = cpu_count() / 2
CELERYD_POOL_RESTARTS = False

CELERY_TASK_PUBLISH_RETRY = True
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    'max_retries': 3,
    'interval_start': 10,
    'interval_step': 5,
    'interval_max': 20,
}
