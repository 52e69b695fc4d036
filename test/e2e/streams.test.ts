import { expect, test } from 'vitest'
import { Deployment, restarted } from '../chaos/streams/deployment.ts'

test('readers of a stream whose gateways are killed go on at another, and get every part once', async () => {
  const deployment = await Deployment.start('embedded')
  try {
    const options = { readers: 10, parts: 200, bytes: 100, everyMs: 5, timeoutMs: 100_000, isPlaceHurt: false }
    const said = await restarted(deployment, options)
    expect(said).toMatchObject({ wrong: [], ended: 10, least: 200, most: 200 })
    expect(said.again).toBeGreaterThan(0)
  } finally {
    await deployment.remove()
  }
}, 180_000)
