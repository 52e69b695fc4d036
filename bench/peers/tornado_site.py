"""The same site with Tornado in front of Celery, as its users write it. argv: the way of waiting.

poll: asks for the state at each turn of the loop. executor: 100 threads that wait, each with a backend of its own: all that
is called here has the loop's, whose one subscription breaks as soon as two threads read from it ("Protocol Error"), and
then all of them wait for ever. blocking: the handler waits.
"""
import asyncio
import logging
import sys
from concurrent.futures import ThreadPoolExecutor

from celery_bench import add, app, rest
from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

logging.getLogger('tornado.access').setLevel(logging.CRITICAL)
WAY = sys.argv[1]
threads = ThreadPoolExecutor(100)


async def outcome(result):
    if WAY == 'blocking':
        return result.get(timeout=60)
    if WAY == 'executor':
        return await IOLoop.current().run_in_executor(threads, lambda: app.AsyncResult(result.id).get(timeout=60))
    while not result.ready():
        await asyncio.sleep(0)
    return result.result


class Add(RequestHandler):
    async def get(self):
        self.write({'results': await outcome(add.delay(2, 3))})


class Rest(RequestHandler):
    async def get(self):
        ms = self.get_query_argument('ms', None)
        self.write({'results': await outcome(rest.delay(*([] if ms is None else [float(ms)])))})


async def main():
    server = HTTPServer(Application([('/add', Add), ('/rest', Rest)]))
    sockets = bind_sockets(0, '127.0.0.1', backlog=4096)
    server.add_sockets(sockets)
    print('port', sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
