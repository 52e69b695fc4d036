"""Calls every documented method of a supervisor with Python's own client, over TCP and a socket.

The configuration is that of ctl-scene.ts; usage: supervisor-rpc.py <port> <socket>
"""

import http.client
import socket
import sys
import time
import xmlrpc.client
from base64 import b64encode

PORT, SOCKET = sys.argv[1], sys.argv[2]


class UnixConnection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(SOCKET)


class UnixTransport(xmlrpc.client.Transport):
    def make_connection(self, host):
        return UnixConnection('localhost')

    def send_headers(self, connection, headers):
        word = b64encode(b'admin:s3:cret').decode()
        super().send_headers(connection, [*headers, ('Authorization', 'Basic ' + word)])


def faults(code, call, *args):
    try:
        value = call(*args)
    except xmlrpc.client.Fault as fault:
        assert fault.faultCode == code, (args, fault)
        return fault.faultString
    raise AssertionError((args, value))


def types(struct, **of):
    assert {name: type(value) for name, value in struct.items()} == of, struct


INFO = dict(
    **dict.fromkeys(['name', 'group', 'statename', 'spawnerr', 'logfile', 'stdout_logfile'], str),
    **dict.fromkeys(['stderr_logfile', 'description'], str),
    **dict.fromkeys(['start', 'stop', 'now', 'state', 'exitstatus', 'pid'], int),
)


def results(found, code=80, description='OK'):
    for each in found:
        types(each, name=str, group=str, status=int, description=str)
        assert (each['status'], each['description']) == (code, description), each
    return ['%(group)s:%(name)s' % each for each in found]


def ask(server):
    s = server.supervisor
    # Of the supervisor itself.
    assert s.getAPIVersion() == s.getVersion() == '3.0'
    assert s.getSupervisorVersion().startswith('4.2.5')
    assert s.getIdentification() == 'supervisor'
    assert s.getState() == {'statecode': 1, 'statename': 'RUNNING'}
    assert type(s.getPID()) is int
    # What it says is in its log a little later.
    while 'INFO' not in s.readLog(0, 0):
        time.sleep(0.02)
    assert len(s.readMainLog(-10, 0)) == 10
    faults(3, s.readLog, 0, -1)
    faults(3, s.readLog, -1, 1)
    # Of processes.
    types(s.getProcessInfo('cat'), **INFO)
    all_info = s.getAllProcessInfo()
    for info in all_info:
        types(info, **INFO)
    names = [(info['group'], info['name']) for info in all_info]
    assert names == sorted(names) and len(names) == 12
    assert faults(10, s.getProcessInfo, 'nosuch') == 'BAD_NAME: nosuch'
    faults(10, s.getProcessInfo, 'pool:*')
    config = {each['name']: each for each in s.getAllConfigInfo()}
    assert len(config) == 12 and config['cat']['autostart'] is True and config['cat']['exitcodes'] == [0]
    # Starts, stops and signals.
    assert s.startProcess('manual') is True
    assert faults(60, s.startProcess, 'manual') == 'ALREADY_STARTED: manual'
    assert s.stopProcess('manual', False) is True
    while s.getProcessInfo('manual')['statename'] != 'STOPPED':
        time.sleep(0.02)
    assert faults(70, s.stopProcess, 'manual') == 'NOT_RUNNING: manual'
    faults(10, s.startProcess, 'nosuch')
    faults(20, s.startProcess, 'nofile')
    faults(21, s.startProcess, 'noexec')
    assert faults(50, s.startProcess, 'crasher') == 'SPAWN_ERROR: crasher'
    pool = ['pool:pool_00', 'pool:pool_01', 'pool:pool_02']
    assert results(s.stopProcessGroup('pool')) == pool
    assert results(s.startProcessGroup('pool', True)) == pool
    assert s.startProcessGroup('pool') == []
    assert results(s.stopProcess('pool:*')) == pool and results(s.startProcess('pool:*')) == pool
    faults(10, s.startProcessGroup, 'nosuch')
    faults(10, s.stopProcessGroup, 'nosuch')
    assert s.signalProcess('cat', 'CONT') is True and s.signalProcess('cat', 18) is True
    faults(11, s.signalProcess, 'cat', 'NOPE')
    faults(70, s.signalProcess, 'manual', 'HUP')
    assert results(s.signalProcessGroup('pool', 'CONT')) == pool
    assert len(results(s.signalAllProcesses('CONT'))) == 8
    # Logs, stdin, events.
    assert s.sendProcessStdin('cat', 'h\u00e9llo <&> \x1b[1m\n') is True
    while not s.readProcessStdoutLog('cat', 0, 0).endswith('[1m\n'):
        time.sleep(0.02)
    # What XML has no place for is told as such.
    assert s.readProcessLog('cat', 0, 0).endswith('h\u00e9llo <&> \ufffd[1m\n')
    assert s.readProcessStderrLog('cat', 0, 0) == ''
    faults(20, s.readProcessStdoutLog, 'nolog', 0, 0)
    faults(3, s.readProcessStdoutLog, 'cat', 0, -1)
    faults(10, s.readProcessStdoutLog, 'nosuch', 0, 0)
    # It writes on and on, though its log may have been emptied a moment ago.
    while s.tailProcessStdoutLog('ticker', 0, 20)[1] <= 20:
        time.sleep(0.02)
    text, offset, overflow = s.tailProcessStdoutLog('ticker', 0, 20)
    assert (type(text), len(text), type(offset), overflow) == (str, 20, int, True), (text, offset, overflow)
    assert len(s.tailProcessLog('ticker', 0, 20)[0]) == 20
    assert s.tailProcessStderrLog('nolog', 0, 20) == ['', 0, False]
    faults(70, s.sendProcessStdin, 'manual', 'x')
    faults(10, s.sendProcessStdin, 'nosuch', 'x')
    assert s.sendRemoteCommEvent('type', 'data') is True
    assert s.clearProcessLogs('cat') is True and s.clearProcessLog('cat') is True
    assert s.readProcessStdoutLog('cat', 0, 0) == ''
    faults(10, s.clearProcessLogs, 'nosuch')
    assert len(results(s.clearAllProcessLogs())) == 12
    assert s.clearLog() is True
    while 'reopening log file' not in s.readLog(0, 0):
        time.sleep(0.02)
    # The configuration.
    assert s.reloadConfig() == [[[], [], []]]
    assert faults(90, s.addProcessGroup, 'cat') == 'ALREADY_ADDED: cat'
    faults(10, s.addProcessGroup, 'nosuch')
    assert faults(91, s.removeProcessGroup, 'cat') == 'STILL_RUNNING: cat'
    faults(10, s.removeProcessGroup, 'nosuch')
    assert s.removeProcessGroup('manual') is True and s.addProcessGroup('manual') is True
    # What is no method.
    assert faults(1, s.noSuch) == 'UNKNOWN_METHOD'
    faults(1, server.supervisor.supervisord.options.reap)
    faults(1, s.__getattr__('_update'), 'x')
    faults(2, s.getProcessInfo)
    faults(2, s.startProcess, 'a', True, 'more')
    # system.
    assert 'supervisor.startProcess' in server.system.listMethods()
    assert server.system.methodSignature('supervisor.startProcess') == ['boolean', 'string', 'boolean']
    assert server.system.methodHelp('supervisor.getPID')
    faults(4, server.system.methodHelp, 'supervisor.noSuch')
    calls = [
        {'methodName': 'supervisor.getAPIVersion'},
        {'methodName': 'supervisor.getProcessInfo', 'params': ['nosuch']},
        {'methodName': 'system.multicall', 'params': []},
        {'methodName': 'supervisor.restart', 'params': [1]},
    ]
    version, bad, recursive, wrong = server.system.multicall(calls)
    assert version == '3.0' and bad == {'faultCode': 10, 'faultString': 'BAD_NAME: nosuch'}, bad
    assert recursive['faultCode'] == 2 and wrong['faultCode'] == 2


ask(xmlrpc.client.ServerProxy('http://admin:s3%3Acret@127.0.0.1:' + PORT))
ask(xmlrpc.client.ServerProxy('http://socket', transport=UnixTransport()))
tcp = xmlrpc.client.ServerProxy('http://admin:s3%3Acret@127.0.0.1:' + PORT)
stopped = results(tcp.supervisor.stopAllProcesses())
assert len(stopped) == 8
started = {each['name']: each['status'] for each in tcp.supervisor.startAllProcesses(False)}
assert len(started) == 12 and started['cat'] == 80 and started['nofile'] == 20 and started['noexec'] == 21, started
for user in ['admin:s3', 'admin', 'root:s3%3Acret']:
    try:
        xmlrpc.client.ServerProxy('http://%s@127.0.0.1:%s' % (user, PORT)).supervisor.getPID()
        raise AssertionError(user)
    except xmlrpc.client.ProtocolError as error:
        assert error.errcode == 401, error
assert tcp.supervisor.shutdown() is True
print('all is as documented')
