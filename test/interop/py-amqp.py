# py-amqp's codec on the tables of cases.json: what it writes, what it reads, and how the methods look that it takes.
import json
import struct
from datetime import datetime
from decimal import Decimal

from amqp import Channel, Connection
from amqp.basic_message import Message
from amqp.serialization import dumps, loads


def build(typed):
    """The Python value that Celery would hold."""
    tag, value = typed
    if tag == 'S':
        data = bytes.fromhex(value)
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data
    if tag == 't':
        return bool(int(value))
    if tag in 'IL':
        return int(value)
    if tag == 'd':
        return struct.unpack('>d', bytes.fromhex(value))[0]
    if tag == 'D':
        digits, scale = value
        return Decimal((int(digits < 0), tuple(int(one) for one in str(abs(digits))), -scale))
    if tag == 'T':
        return datetime.utcfromtimestamp(int(value))
    if tag == 'A':
        return [build(item) for item in value]
    if tag == 'F':
        return {name: build(item) for name, item in value}
    assert tag == 'V', tag
    return None


def describe(value):
    """What was read, with its type."""
    if isinstance(value, bool):
        return ['bool', str(int(value))]
    if isinstance(value, int):
        return ['int', str(value)]
    if isinstance(value, float):
        return ['float', struct.pack('>d', value).hex()]
    if isinstance(value, str):
        return ['text', value.encode('utf-8', 'surrogatepass').hex()]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return ['bytes', bytes(value).hex()]
    if isinstance(value, dict):
        return ['table', [[name, describe(item)] for name, item in value.items()]]
    if isinstance(value, list):
        return ['list', [describe(item) for item in value]]
    assert value is None, value
    return ['null', '']


def properties_of(given):
    named = {name: value for name, value in given.items() if name != 'headers'}
    return {**named, 'application_headers': build(['F', given['headers']])}


def read_properties(data):
    message = Message()
    message._load_properties(60, data, 0)
    headers = message.properties.pop('application_headers')
    return {**message.properties, 'headers': describe(headers)}


with open('cases.json') as file:
    cases = json.load(file)
print(json.dumps({
    'tables': [dumps('F', [build(['F', entries])]).hex() for entries in cases['tables']],
    'read': [describe(loads('F', bytes.fromhex(data), 0)[0][0]) for data in cases['ours']],
    'properties': [Message('', **properties_of(one))._serialize_properties().hex() for one in cases['properties']],
    'readProperties': [read_properties(bytes.fromhex(data)) for data in cases['ourProperties']],
    'methods': [[*sig, method.args or ''] 
                for kind in (Connection, Channel) for sig, method in kind._METHODS.items()],
}))
