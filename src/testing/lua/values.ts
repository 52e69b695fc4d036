/** Any value of Lua: nil is undefined, a string has one character a byte, a function gives the list of its results. */
export type LuaValue = undefined | boolean | number | string | LuaTable | LuaFunction

export type LuaFunction = (...args: LuaValue[]) => LuaValue[] | undefined

/** What `error` throws. */
export class LuaError extends Error {
  readonly value: LuaValue

  constructor(value: LuaValue) {
    super(value instanceof LuaTable ? String(value.get('err')) : String(value))
    this.value = value
  }
}

/** A table: its list from 1 on, and all else. */
export class LuaTable {
  readonly list: LuaValue[] = []
  readonly #rest = new Map<LuaValue, LuaValue>()

  static of(list: readonly LuaValue[]): LuaTable {
    const table = new LuaTable()
    list.forEach((value, i) => table.set(i + 1, value))
    return table
  }

  get(key: LuaValue): LuaValue {
    if (typeof key === 'number' && key >= 1 && key <= this.list.length && Number.isInteger(key)) {
      return this.list[key - 1]
    }
    return this.#rest.get(key)
  }

  set(key: LuaValue, value: LuaValue): void {
    if (key === undefined || Number.isNaN(key)) throw new LuaError('table index is nil')
    const { list } = this
    if (typeof key === 'number' && Number.isInteger(key) && key >= 1 && key <= list.length + 1) {
      if (key <= list.length) return this.#setListed(key, value)
      if (value === undefined) return void this.#rest.delete(key)
      list.push(value)
      if (this.#rest.size > 0) this.#gather()
      return
    }
    if (value === undefined) this.#rest.delete(key)
    else this.#rest.set(key, value)
  }

  /** All keys, the list first. */
  keys(): LuaValue[] {
    return [...this.list.keys()].map((i) => (i + 1) as LuaValue).concat([...this.#rest.keys()])
  }

  /** What is taken out of the middle ends the list there: the rest stays under its keys. */
  #setListed(key: number, value: LuaValue): void {
    const { list } = this
    if (value !== undefined) {
      list[key - 1] = value
      return
    }
    for (let at = list.length; at > key; at--) this.#rest.set(at, list[at - 1])
    list.length = key - 1
  }

  #gather(): void {
    const { list } = this
    this.#rest.delete(list.length)
    for (;;) {
      const next = this.#rest.get(list.length + 1)
      if (next === undefined) return
      this.#rest.delete(list.length + 1)
      list.push(next)
    }
  }
}

const NONE: readonly LuaValue[] = []

/** All results of a call. */
export function many(results: LuaValue[] | undefined): readonly LuaValue[] {
  return results ?? NONE
}

export function truthy(value: LuaValue): boolean {
  return value !== undefined && value !== false
}

export function typeName(value: LuaValue): string {
  if (value === undefined) return 'nil'
  if (value instanceof LuaTable) return 'table'
  return typeof value
}

export function toNumber(value: LuaValue): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return undefined
  const text = value.trim()
  if (/^[-+]?0x[0-9a-f]+$/i.test(text)) return text.startsWith('-') ? -Number(text.slice(1)) : Number(text)
  if (/^[-+]?inf(?:inity)?$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  return /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i.test(text) ? Number(text) : undefined
}

/** A number as `%.14g` writes it. */
export function numberText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e14) return Object.is(value, -0) ? '-0' : String(value)
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  const rounded = Number(value.toPrecision(14))
  const exponent = Math.floor(Math.log10(Math.abs(rounded)))
  if (exponent >= -5 && exponent < 14)
    return String(rounded).includes('e') ? rounded.toFixed(20).replace(/0+$/, '') : String(rounded)
  const [digits = '', power = ''] = rounded.toExponential().split('e')
  return `${digits}e${power[0]}${power.slice(1).padStart(2, '0')}`
}

/** The operators, as compiled chunks call them. */
export const OPERATORS = {
  many,
  truthy,
  Table: LuaTable,
  num(value: LuaValue): number {
    const number = typeof value === 'number' ? value : toNumber(value)
    if (number === undefined) throw new LuaError(`attempt to perform arithmetic on a ${typeName(value)} value`)
    return number
  },
  str(value: LuaValue): string {
    if (typeof value === 'string') return value
    if (typeof value === 'number') return numberText(value)
    throw new LuaError(`attempt to concatenate a ${typeName(value)} value`)
  },
  modulo: (a: number, b: number): number => a - Math.floor(a / b) * b,
  less(a: LuaValue, b: LuaValue): boolean {
    if (typeof a === 'number' && typeof b === 'number') return a < b
    if (typeof a === 'string' && typeof b === 'string') return a < b
    throw new LuaError(`attempt to compare ${typeName(a)} with ${typeName(b)}`)
  },
  lessEqual(a: LuaValue, b: LuaValue): boolean {
    if (typeof a === 'number' && typeof b === 'number') return a <= b
    if (typeof a === 'string' && typeof b === 'string') return a <= b
    throw new LuaError(`attempt to compare ${typeName(a)} with ${typeName(b)}`)
  },
  length(value: LuaValue): number {
    if (typeof value === 'string') return value.length
    if (value instanceof LuaTable) return value.list.length
    throw new LuaError(`attempt to get length of a ${typeName(value)} value`)
  },
  call(value: LuaValue, ...args: LuaValue[]): LuaValue[] | undefined {
    if (typeof value !== 'function') throw new LuaError(`attempt to call a ${typeName(value)} value`)
    return value(...args)
  },
  setIndex(table: LuaValue, key: LuaValue, value: LuaValue): void {
    if (!(table instanceof LuaTable)) throw new LuaError(`attempt to index a ${typeName(table)} value`)
    table.set(key, value)
  },
  table(list: readonly LuaValue[], pairs: readonly (readonly [LuaValue, LuaValue])[]): LuaTable {
    const table = LuaTable.of(list)
    for (const [key, value] of pairs) table.set(key, value)
    return table
  },
} as const
