import type { RpcValue } from './xml-rpc.ts'

/** Values within values; Python's own ones nest three deep. */
const DEEPEST = 32

/** The text is no XML-RPC. */
export class RpcInvalid extends Error {}

/** A walk through the tags of a text, from the first to the last. */
export class RpcReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Whether the next tag opens that element. */
  isAt(name: string): boolean {
    this.#skip()
    return this.#tagAt()?.name === name
  }

  open(name: string): void {
    if (!this.#take(name)) throw this.#unexpected(`<${name}>`)
  }

  close(name: string): void {
    if (!this.#take(`/${name}`)) throw this.#unexpected(`</${name}>`)
  }

  params(): RpcValue[] {
    const params: RpcValue[] = []
    if (this.#take('params/')) return params
    this.open('params')
    while (this.isAt('param')) {
      this.open('param')
      params.push(this.value(0))
      this.close('param')
    }
    this.close('params')
    return params
  }

  value(depth: number): RpcValue {
    if (depth > DEEPEST) throw new RpcInvalid(`values are nested deeper than ${DEEPEST}`)
    if (this.#take('value/')) return ''
    this.open('value')
    const from = this.#at
    const plain = this.text()
    // Without a type it is a string, with all its spaces.
    if (this.#tagAt()?.name === '/value') return this.#end(plain)
    this.#at = from
    this.#skip()
    const tag = this.#tagAt()
    if (!tag) throw this.#unexpected('a type')
    this.#at = tag.end
    return this.#end(this.#typed(tag.name, depth))
  }

  /** Text up to the next tag, its entities replaced. */
  text(): string {
    let text = ''
    for (;;) {
      const to = this.#text.indexOf('<', this.#at)
      if (to === -1) throw this.#unexpected('a tag')
      text += unescaped(this.#text.slice(this.#at, to))
      this.#at = to
      if (this.#text.startsWith('<![CDATA[', to)) text += this.#between('<![CDATA[', ']]>')
      else if (this.#text.startsWith('<!--', to)) this.#between('<!--', '-->')
      else return text
    }
  }

  #end(value: RpcValue): RpcValue {
    this.close('value')
    return value
  }

  #typed(type: string, depth: number): RpcValue {
    switch (type) {
      case 'array':
        return this.#array(depth)
      case 'struct':
        return this.#struct(depth)
      case 'array/':
        return []
      case 'struct/':
        return {}
      case 'nil/':
        return null
      case 'string/':
      case 'base64/':
        return ''
      default: {
        const text = this.text()
        this.close(type)
        return scalar(type, text)
      }
    }
  }

  #array(depth: number): RpcValue[] {
    const values: RpcValue[] = []
    if (!this.#take('data/')) {
      this.open('data')
      while (this.isAt('value') || this.isAt('value/')) values.push(this.value(depth + 1))
      this.close('data')
    }
    this.close('array')
    return values
  }

  #struct(depth: number): Record<string, RpcValue> {
    // No name can be one that objects have of themselves.
    const members = Object.create(null) as Record<string, RpcValue>
    while (this.isAt('member')) {
      this.open('member')
      this.open('name')
      const name = this.text()
      this.close('name')
      members[name] = this.value(depth + 1)
      this.close('member')
    }
    this.close('struct')
    return { ...members }
  }

  #take(name: string): boolean {
    this.#skip()
    const tag = this.#tagAt()
    if (tag?.name !== name) return false
    this.#at = tag.end
    return true
  }

  /** Passes what means nothing: spaces, the declaration, comments. */
  #skip(): void {
    for (;;) {
      while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++
      if (this.#text.startsWith('<?', this.#at)) this.#between('<?', '?>')
      else if (this.#text.startsWith('<!--', this.#at)) this.#between('<!--', '-->')
      else return
    }
  }

  #tagAt(): { name: string; end: number } | undefined {
    if (this.#text[this.#at] !== '<') return undefined
    const end = this.#text.indexOf('>', this.#at)
    if (end === -1) return undefined
    return { name: this.#text.slice(this.#at + 1, end).replaceAll(/\s+/g, ''), end: end + 1 }
  }

  #between(from: string, to: string): string {
    const start = this.#at + from.length
    const end = this.#text.indexOf(to, start)
    if (end === -1) throw this.#unexpected(to)
    this.#at = end + to.length
    return this.#text.slice(start, end)
  }

  #unexpected(expected: string): RpcInvalid {
    const seen = this.#text.slice(this.#at, this.#at + 30)
    return new RpcInvalid(`expected ${expected} at character ${this.#at}, and found ${JSON.stringify(seen)}`)
  }
}

function scalar(type: string, text: string): RpcValue {
  const plain = text.trim()
  switch (type) {
    case 'int':
    case 'i4':
    case 'i8':
      if (/^[+-]?\d+$/.test(plain) && Number.isSafeInteger(Number(plain))) return Number(plain)
      break
    case 'double':
      if (plain !== '' && Number.isFinite(Number(plain))) return Number(plain)
      break
    case 'boolean':
      if (plain === '1' || plain === '0') return plain === '1'
      break
    case 'string':
    case 'dateTime.iso8601':
      return text
    case 'base64':
      return Buffer.from(plain, 'base64').toString('utf8')
  }
  throw new RpcInvalid(`${JSON.stringify(plain.slice(0, 30))} is no ${type || 'value'}`)
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function unescaped(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&([^;&]{0,10});?/g, (whole, name: string) => {
    const known = ENTITIES[name]
    if (known !== undefined && whole.endsWith(';')) return known
    const code = /^#x[\da-f]+$/i.test(name)
      ? parseInt(name.slice(2), 16)
      : /^#\d+$/.test(name)
        ? Number(name.slice(1))
        : NaN
    if (!(code <= 0x10ffff) || !whole.endsWith(';')) throw new RpcInvalid(`${JSON.stringify(whole)} is no entity`)
    return String.fromCodePoint(code)
  })
}
