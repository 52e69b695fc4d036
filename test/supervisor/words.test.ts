import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { covers } from '../../src/supervisor/event-names.ts'
import { readSignal, signalName } from '../../src/supervisor/values.ts'
import { readPairs, splitWords } from '../../src/supervisor/words.ts'

const PYTHON = '/usr/bin/python3'

/** What Python's shlex makes of each text; null: it refuses it. */
function shlex(texts: readonly string[]): (string[] | null)[] {
  const script = `
import json, shlex, sys
def split(text):
    try: return shlex.split(text)
    except ValueError: return None
print(json.dumps([split(text) for text in json.load(sys.stdin)]))`
  return JSON.parse(execFileSync(PYTHON, ['-c', script], { input: JSON.stringify(texts), encoding: 'utf8' })) as never
}

describe('a command', () => {
  test('is split as Python splits it', () => {
    const text = fc.array(fc.constantFrom('a', 'bc', ' ', '  ', "'", '"', '\\', '#', '\n', '=', ';'), { maxLength: 12 })
    const texts = fc.sample(
      text.map((parts) => parts.join('')),
      { numRuns: 2_000, seed: 4 },
    )
    const ours = texts.map((each) => {
      try {
        return splitWords(each)
      } catch {
        return null
      }
    })
    expect(ours).toEqual(shlex(texts))
  })
})

test('an environment may have quotes and commas in it', () => {
  expect(readPairs(`A=1, B="x, y",C='=',D=""`)).toEqual({ A: '1', B: 'x, y', C: '=', D: '' })
  expect(() => readPairs('A="1')).toThrow('no closing "')
  expect(() => readPairs('A=1,B')).toThrow('breaks off')
})

test('a signal is known by number and by name', () => {
  expect([readSignal('15'), readSignal('term'), readSignal('SIGHUP')]).toEqual([15, 15, 1])
  expect(signalName(9)).toBe('SIGKILL')
  expect(() => readSignal('77')).toThrow('no signal')
})

test('who asks for the parent of an event is told of it', () => {
  expect(covers('EVENT', 'TICK_5')).toBe(true)
  expect(covers('PROCESS_STATE', 'PROCESS_STATE_EXITED')).toBe(true)
  expect(covers('PROCESS_STATE_EXITED', 'PROCESS_STATE')).toBe(false)
  expect(covers('TICK_60', 'TICK_5')).toBe(false)
})
