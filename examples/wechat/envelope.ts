import { XMLBuilder, XMLParser } from 'fast-xml-parser'

const parser = new XMLParser({ parseTagValue: false, cdataPropName: '#cdata', trimValues: true })
const builder = new XMLBuilder({ cdataPropName: '#cdata' })

/** The fields of a message, all as text, as WeChat names them: `ToUserName`, `MsgType`, `Content`... */
export type Fields = Readonly<Record<string, string>>

/** Reads `<xml><Name><![CDATA[value]]></Name>...</xml>`. Fields that have fields of their own are left out. */
export function readEnvelope(text: string): Fields {
  // WeChat sends none; what one can do to a parser is not worth finding out.
  if (text.includes('<!DOCTYPE')) throw new Error('the message has a DOCTYPE')
  const { xml } = parser.parse(text) as { xml?: Record<string, unknown> }
  if (typeof xml !== 'object') throw new Error('the message has no <xml>')
  const fields: Record<string, string> = {}
  for (const [name, value] of Object.entries(xml)) {
    const plain = typeof value === 'object' && value !== null && '#cdata' in value ? value['#cdata'] : value
    if (Array.isArray(plain)) fields[name] = plain.join('')
    else if (typeof plain === 'string') fields[name] = plain
  }
  return fields
}

/** Writes one: texts as CDATA, numbers as they are. */
export function writeEnvelope(fields: Readonly<Record<string, string | number>>): string {
  const dressed = Object.entries(fields).map(([name, value]) => [
    name,
    typeof value === 'number' ? value : cdata(value),
  ])
  return builder.build({ xml: Object.fromEntries(dressed) as object }) as string
}

/** A text with `]]>` in it would end its section too early: it goes in several. */
function cdata(text: string): object {
  return { '#cdata': text.includes(']]>') ? text.split(/(?<=\]\])(?=>)/) : text }
}
