import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { failureOf, type Failure } from '../../src/protocol/failure.ts'
import { formatIso, parseIso } from '../../src/protocol/iso-time.ts'
import { decodeJson, encodeJson } from '../../src/protocol/json.ts'
import { argsRepr, kwargsRepr, pythonRepr } from '../../src/protocol/python-repr.ts'
import { anyDate, anyText, anyValue, plainValue } from '../property/values.ts'
import { describeWith } from '../services/available.ts'
import { PYTHON } from '../services/python.ts'

const SAMPLES = 300

/** Runs a script that maps `values`, a list out of JSON, to `results`, which go into JSON. */
function python(script: string, values: readonly unknown[] = []): unknown[] {
  const around = ['import json, sys', 'values = json.load(sys.stdin)', script, 'print(json.dumps(results))'].join('\n')
  const output = execFileSync(PYTHON, ['-c', around], {
    input: JSON.stringify(values),
    encoding: 'utf8',
    cwd: tmpdir(),
    env: { PYTHONDONTWRITEBYTECODE: '1', PYTHONIOENCODING: 'utf-8' },
    maxBuffer: 2 ** 28,
    timeout: 60_000,
  })
  return JSON.parse(output) as unknown[]
}

/** A value as Python makes them at random; `plain` is what it is to JavaScript: 1.0 has become 1. */
const RANDOM_VALUES = `
import random
draw = random.Random(1)
texts = ["", "a", "it's", "h\\u00e9", "\\u65e5\\u672c", "\\U0001f600", "\\x00\\x1f\\x7f", "\\u2028", 'say "x"', "a b c", "\\ud800", "NaN", "[{", "\\\\"]
numbers = [0, -1, 2**31, 2**53 - 1, 2**53, -2**63, 2**64 + 1, 10**30, 0.1, -1.5, 1.0, 1e16, 1e22, 1e100, 1e-5, 1.5e-7, 5e-324, 123456789.123]
def value(depth):
    kind = draw.randrange(8 if depth else 5)
    if kind == 0: return draw.choice([None, True, False])
    if kind == 1: return draw.choice(numbers)
    if kind == 2: return draw.uniform(-1e6, 1e6) if draw.random() < 0.5 else draw.getrandbits(draw.randrange(1, 120))
    if kind <= 4: return "".join(draw.choice(texts) for _ in range(draw.randrange(4)))
    if kind == 5: return {draw.choice(texts): value(depth - 1) for _ in range(draw.randrange(4))}
    return [value(depth - 1) for _ in range(draw.randrange(5))]
def plain(v):
    if isinstance(v, float) and v.is_integer() and abs(v) < 2**53: return int(v)
    if isinstance(v, list): return [plain(x) for x in v]
    if isinstance(v, dict): return {k: plain(x) for k, x in v.items()}
    return v
samples = [value(4) for _ in range(${SAMPLES})]
`

describeWith(['celery'], 'Python and we agree', () => {
  test('on the text of JSON that we write', () => {
    const texts = fc.sample(anyValue, { numRuns: SAMPLES, seed: 1 }).map((value) => encodeJson(value))
    expect(python('results = [json.dumps(json.loads(text)) for text in values]', texts)).toEqual(texts)
  })

  test('on the values of JSON that Python writes', () => {
    const script = `${RANDOM_VALUES}\nresults = [[json.dumps(v), json.dumps(plain(v))] for v in samples]`
    const pairs = python(script) as [string, string][]
    expect(pairs).toHaveLength(SAMPLES)
    for (const [text, plain] of pairs) expect(encodeJson(decodeJson(text))).toBe(plain)
  })

  test('on numbers that JSON has not', () => {
    const [text] = python('results = [json.dumps([float("nan"), float("inf"), -float("inf"), 10**400])]') as [string]
    expect(decodeJson(text)).toEqual([NaN, Infinity, -Infinity, 10n ** 400n])
  })

  test('on the repr of arguments', () => {
    const args = fc.sample(fc.array(plainValue, { maxLength: 30 }), { numRuns: SAMPLES, seed: 2 })
    const kwargs = fc.sample(fc.dictionary(anyText, plainValue, { noNullPrototype: true }), {
      numRuns: SAMPLES,
      seed: 3,
    })
    const script = `
from celery.utils.saferepr import saferepr
results = [[saferepr(tuple(json.loads(a)), 1024), saferepr(json.loads(k), 1024)] for a, k in values]`
    const texts = args.map((each, at) => [encodeJson(each), encodeJson(kwargs[at])])
    const ours = args.map((each, at) => [argsRepr(each), kwargsRepr(kwargs[at] ?? {})])
    expect(python(script, texts)).toEqual(ours)
  })

  test('on where long reprs are cut', () => {
    const script = `${RANDOM_VALUES}
from celery.utils.saferepr import saferepr
limits = [draw.randrange(1, 80) for _ in samples]
results = [[json.dumps(v), n, saferepr(plain(v), n)] for v, n in zip(samples, limits)]`
    const cases = python(script) as [string, number, string][]
    expect(cases.some(([, , repr]) => repr.includes(', ...'))).toBe(true)
    for (const [text, maxLength, repr] of cases) expect(pythonRepr(decodeJson(text), { maxLength })).toBe(repr)
  })

  test('on the repr of bytes and dates', () => {
    const dates = fc.sample(anyDate, { numRuns: SAMPLES, seed: 4 })
    const bytes = fc.sample(fc.uint8Array(), { numRuns: SAMPLES, seed: 5 })
    const script = `
from datetime import datetime
from celery.utils.saferepr import saferepr
results = [saferepr(datetime.fromisoformat(d)) + saferepr(bytes(b)) for d, b in values]`
    const given = dates.map((date, at) => [formatIso(date.getTime()), [...(bytes[at] as Uint8Array)]])
    const ours = dates.map((date, at) => pythonRepr(date) + pythonRepr(bytes[at]))
    expect(python(script, given)).toEqual(ours)
  })

  test('on times, both ways', () => {
    const times = fc.sample(anyDate, { numRuns: SAMPLES, seed: 6 }).map((date) => date.getTime())
    const script = `
from datetime import datetime, timedelta, timezone
from celery.utils.iso8601 import parse_iso8601
start = datetime(1970, 1, 1, tzinfo=timezone.utc)
zones = [timezone.utc, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-11))]
def moved(text, zone):
    try: return datetime.fromisoformat(text).astimezone(zone).isoformat()
    except OverflowError: return text
results = [[(parse_iso8601(t) - start) // timedelta(milliseconds=1), moved(t, zones[i % 3])] for i, t in enumerate(values)]`
    const texts = times.map((ms) => formatIso(ms))
    for (const [at, result] of python(script, texts).entries()) {
      const [ms, moved] = result as [number, string]
      expect(ms).toBe(times[at])
      expect(parseIso(moved)).toBe(times[at])
    }
  })

  test('on failures: each of ours is an exception there, with our message', () => {
    class ShopError extends Error {}
    const thrown = [
      new TypeError('a'),
      new RangeError('b'),
      new ReferenceError('c'),
      new SyntaxError('d'),
      new ShopError('é'),
    ]
    const script = `
from celery import Celery
backend = Celery(set_as_current=False).backend
raised = [backend.exception_to_python(failure) for failure in values]
results = [[type(exc).__name__, str(exc), isinstance(exc, Exception)] for exc in raised]`
    const failures: Failure[] = [...thrown, new Error('f'), 'g'].map(failureOf)
    expect(python(script, failures)).toEqual([
      ['TypeError', 'a', true],
      ['ValueError', 'b', true],
      ['NameError', 'c', true],
      ['SyntaxError', 'd', true],
      ['ShopError', 'é', true],
      ['Error', 'f', true],
      ['Error', 'g', true],
    ])
  })
})
