import stringWidth from 'string-width'
import { expect, test } from 'vitest'
import { textWidth } from '../../src/cli/text-width.ts'

test.each(['', 'shop.add', '\u001b[1;36mbold\u001b[0m', 'Größe', '日本', '👩‍👩‍👧', '\u001b[2m日本\u001b[22m x', 'a\tb'])(
  'the width of %j is what string-width says',
  (text) => expect(textWidth(text)).toBe(stringWidth(text)),
)
