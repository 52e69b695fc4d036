import { describe, expect, it } from 'vitest'
import { Redactor } from '../../src/dashboard/redact.ts'
import { pythonRepr } from '../../src/protocol/python-repr.ts'
import { readPythonLiteral } from '../../src/protocol/python-literal.ts'

describe('what leaves the dashboard', () => {
  const redactor = new Redactor()

  it.each([
    ["{'password': 'hunter2', 'x': 1}", "{'password': '***', 'x': 1}"],
    ["{'user': {'db_password': 'hunter2'}, 'x': [1]}", "{'user': {'db_password': '***'}, 'x': [1]}"],
    ["{'refreshToken': ['hunter2', {'a': 1}], 'x': 1}", "{'refreshToken': '***', 'x': 1}"],
    ["{'password': 'it\\'s, hunter2', 'x': 1}", "{'password': '***', 'x': 1}"],
    ['{"X-Api-Key": "hunter2"}', '{"X-Api-Key": "***"}'],
    ['(\'{"password": "hunter2"}\',)', '(\'{"password": "***"}\',)'],
    ['\'{\\"password\\": \\"hunter2\\"}\'', '\'{\\"password\\": \\"***\\"}\''],
    ["{'password': 'hunter2 that is cut...", "{'password': '***'"],
    ["User(name='ana', token='hunter2')", "User(name='ana', token='***')"],
    ['GET /?access_token=hunter2&x=1', 'GET /?access_token=***&x=1'],
    ["[('Authorization', 'hunter2')]", "[('Authorization', '***')]"],
    ['Authorization: Digest hunter2\nx: 1', "Authorization: '***'\nx: 1"],
    ["requests.get failed: {'headers': 'Bearer hunter22'}", "requests.get failed: {'headers': 'Bearer ***'}"],
    ["('amqp://ana:hunter2@rabbit:5672/x',)", "('amqp://ana:***@rabbit:5672/x',)"],
    ["{b'password': b'hunter2'}", "{b'password': '***'}"],
    ["{'token': 12345}", "{'token': '***'}"],
  ])('hides what follows the name of a secret: %s', (given, shown) => {
    expect(redactor.text(given)).toBe(shown)
  })

  it.each([
    "{'x': 'password'}",
    "('welcome', 81, {'name': 'ana'})",
    'TimeoutError: took 30 s: smtp.example == None',
    "{'compass': 'north', 'passenger': 'ana'}",
    '',
  ])('leaves alone what is none: %s', (given) => {
    expect(redactor.text(given)).toBe(given)
  })

  it('hides all or some of a task by its name', () => {
    const rules = new Redactor({
      keys: ['*maiden*'],
      tasks: { 'auth.*': true, 'mail.send': { args: [1], kwargs: ['body'], result: true } },
    })
    const all = {
      args: "('a', 'b')",
      kwargs: "{'body': 'b', 'to': 'c', 'maidenName': 'd'}",
      result: "'r'",
      error: 'E(1)',
    }
    expect(rules.task({ name: 'auth.login', ...all })).toMatchObject({
      args: '***',
      kwargs: '***',
      result: '***',
      error: '***',
    })
    expect(rules.task({ name: 'mail.send', ...all })).toMatchObject({
      args: "('a', ***)",
      kwargs: "{'body': '***', 'to': 'c', 'maidenName': '***'}",
      result: '***',
      error: 'E(1)',
    })
    // What cannot be taken apart is not shown at all.
    expect(rules.task({ name: 'mail.send', ...all, args: "('a', 'b..." }).args).toBe('***')
    const other = { name: 'shop.add', ...all, kwargs: '{}' }
    expect(rules.task(other)).toBe(other)
    expect(rules.result('auth.login', { a: 1 })).toBe('***')
  })

  it('goes into values', () => {
    const conf = { broker_url: 'amqp://a:hunter2@h//', x: [{ secret_key: 'hunter2', is_token_on: true }], n: null }
    expect(redactor.value(conf)).toEqual({
      broker_url: 'amqp://a:***@h//',
      x: [{ secret_key: '***', is_token_on: true }],
      n: null,
    })
  })

  it.each(["'", '"', '\\', "\\'", "'a', ", 'a=', "'password': ", '(', ' '])(
    'takes no longer for a hostile text of %j',
    (piece) => {
      const text = piece.repeat(16_384 / piece.length)
      const began = performance.now()
      redactor.text(text)
      expect(performance.now() - began).toBeLessThan(5_000)
    },
  )
})

describe('arguments read back from a repr', () => {
  it.each([
    ["(1, 'two', None, True, 2.5)", [1, 'two', null, true, 2.5]],
    ['()', []],
    ['(1,)', [1]],
    ['[2, 3]', [2, 3]],
    ["{'x': {'y': [1, (2, 3)]}, 'z': \"it's\"}", { x: { y: [1, [2, 3]] }, z: "it's" }],
    ["('it\\'s', 'ä😀\n')", ["it's", 'ä😀\n']],
    ['(12345678901234567890,)', [12345678901234567890n]],
    ['(-3, 1e-07)', [-3, 1e-7]],
  ])('are those that were sent: %s', (text, value) => {
    expect(readPythonLiteral(text)).toEqual({ value })
  })

  it.each([
    ["('aaaa...',)", 'may be cut'],
    ["('a', ...)", 'is cut'],
    ["({'a': [{'b': [...]}]},)", 'is cut'],
    ["('abc", 'is cut'],
    ['(datetime.datetime(2026, 1, 1),)', 'something other'],
    ['(<Order 81>,)', 'something other'],
    ["(b'x',)", 'something other'],
    ['(1.0,)', 'the number 1.0'],
    ['(nan,)', 'something other'],
    ["('C:\\\\x',)", 'backslash'],
    ["('\\', ', ')", 'is cut'],
    ['{1: 2}', 'no text'],
    ['(1 2)', 'something other'],
    ['(1,) x', 'something other'],
    ['', 'is cut'],
    ['['.repeat(5000), 'too deep'],
  ])('are refused where they are not known whole: %s', (text, problem) => {
    expect(readPythonLiteral(text)).toEqual({ problem: expect.stringContaining(problem) as string })
  })

  it('are refused where a long text was cut at a blank', () => {
    const text = pythonRepr([`a ${'b'.repeat(3000)}`])
    expect(readPythonLiteral(text)).toHaveProperty('problem')
  })
})
