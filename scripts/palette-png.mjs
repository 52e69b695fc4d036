// Makes PNG files of screens small: few colours make most of a screen, so each pixel can be one byte that names a colour.
import { deflateSync, inflateSync, crc32 } from 'node:zlib'

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const MOST_COLOURS = 256
/** These are kept as they are, however alike: the areas of a page, and its text. */
const EXACT = 96
/** Others that differ by less than this, as a sum of squares over red, green and blue, are told as one. */
const ALIKE = 60

/**
 * The same picture with at most 256 colours: the commonest, and for all others the nearest of these.
 * @param {Buffer} png 8 bits a channel, not interlaced, nothing to see through: as browsers take pictures
 * @returns {Buffer}
 */
export function toPalette(png) {
  const { width, height, pixels } = read(png)
  /** @type {Map<number, number>} */
  const counts = new Map()
  for (const colour of pixels) counts.set(colour, (counts.get(colour) ?? 0) + 1)
  const commonest = [...counts].sort(([, a], [, b]) => b - a).map(([colour]) => colour)
  /** @type {number[]} */
  const palette = []
  for (const colour of commonest) {
    if (palette.length === MOST_COLOURS) break
    if (palette.length < EXACT || distance(colour, nearest(palette, colour)) > ALIKE) palette.push(colour)
  }
  const places = new Map(palette.map((colour, place) => [colour, place]))
  const rows = Buffer.alloc((width + 1) * height)
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const colour = pixels[at] ?? 0
      let place = places.get(colour)
      if (place === undefined) {
        place = palette.indexOf(nearest(palette, colour))
        places.set(colour, place)
      }
      rows[y * (width + 1) + 1 + x] = place
    }
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 3, 0, 0, 0], 8)
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(palette.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]))),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/**
 * @param {number} a
 * @param {number} b
 */
function distance(a, b) {
  const [red, green, blue] = [(a >> 16) - (b >> 16), ((a >> 8) & 255) - ((b >> 8) & 255), (a & 255) - (b & 255)]
  return red * red + green * green + blue * blue
}

/**
 * @param {readonly number[]} palette
 * @param {number} colour
 */
function nearest(palette, colour) {
  let best = palette[0] ?? 0
  let least = Infinity
  for (const one of palette) {
    const far = distance(one, colour)
    if (far < least) [best, least] = [one, far]
  }
  return best
}

/**
 * @param {string} name
 * @param {Buffer} data
 */
function chunk(name, data) {
  const named = Buffer.concat([Buffer.from(name, 'latin1'), data])
  const frame = Buffer.alloc(8)
  frame.writeUInt32BE(data.length, 0)
  frame.writeUInt32BE(crc32(named), 4)
  return Buffer.concat([frame.subarray(0, 4), named, frame.subarray(4)])
}

/**
 * @param {Buffer} png
 * @returns {{ width: number, height: number, pixels: Uint32Array }} pixels as 0xRRGGBB
 */
function read(png) {
  if (!png.subarray(0, 8).equals(SIGNATURE)) throw new Error('This is no PNG file.')
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)]
  const [depth, kind, , , interlaced] = png.subarray(24, 29)
  if (depth !== 8 || (kind !== 2 && kind !== 6) || interlaced !== 0) throw new Error('This PNG is written another way.')
  const packed = []
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at)
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') packed.push(png.subarray(at + 8, at + 8 + length))
    at += length + 12
  }
  const bytes = kind === 2 ? 3 : 4
  const lines = unfiltered(inflateSync(Buffer.concat(packed)), width * bytes, height, bytes)
  const pixels = new Uint32Array(width * height)
  for (let index = 0; index < pixels.length; index++) {
    const at = index * bytes
    pixels[index] = ((lines[at] ?? 0) << 16) | ((lines[at + 1] ?? 0) << 8) | (lines[at + 2] ?? 0)
  }
  return { width, height, pixels }
}

/**
 * Takes back what PNG does to lines before it packs them: each byte is told as its difference to those around it.
 * @param {Buffer} raw
 * @param {number} stride
 * @param {number} height
 * @param {number} bytes of a pixel
 */
function unfiltered(raw, stride, height, bytes) {
  const out = new Uint8Array(stride * height)
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)] ?? 0
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x
      const left = x >= bytes ? (out[at - bytes] ?? 0) : 0
      const above = y > 0 ? (out[at - stride] ?? 0) : 0
      const corner = x >= bytes && y > 0 ? (out[at - stride - bytes] ?? 0) : 0
      const guess = [0, left, above, (left + above) >> 1, paeth(left, above, corner)][filter] ?? 0
      out[at] = (raw[y * (stride + 1) + 1 + x] ?? 0) + guess
    }
  }
  return out
}

/**
 * @param {number} left
 * @param {number} above
 * @param {number} corner
 */
function paeth(left, above, corner) {
  const sum = left + above - corner
  const [toLeft, toAbove, toCorner] = [Math.abs(sum - left), Math.abs(sum - above), Math.abs(sum - corner)]
  return toLeft <= toAbove && toLeft <= toCorner ? left : toAbove <= toCorner ? above : corner
}
