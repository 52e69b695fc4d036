import { beforeAll, expect, onTestFinished, test } from 'vitest'
import type { Broker, BrokerAdmin, Posting } from '../../../src/broker/broker.ts'
import { openBroker } from '../../../src/broker/open.ts'
import type { Message } from '../../../src/protocol/message.ts'
import { brokerUrl, describeWith } from '../../services/rabbitmq.ts'
import { PATIENT_BROKER } from '../../services/patience.ts'

function message(text: string): Message {
  return { headers: {}, body: Buffer.from(text), contentType: '', contentEncoding: '', deliveryMode: 2 }
}

async function texts(admin: BrokerAdmin, queue: string): Promise<string[]> {
  const found: string[] = []
  await admin.visit(queue, 10, ({ message: { body } }) => void found.push(Buffer.from(body).toString()))
  return found
}

describeWith(['rabbitmq'], 'what a visitor publishes in one step', () => {
  let url: string
  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
  })

  async function scene(name: string): Promise<{ broker: Broker; admin: BrokerAdmin; from: string; to: string }> {
    const broker = openBroker(url, PATIENT_BROKER)
    onTestFinished(() => broker.stop())
    await broker.start()
    const [from, to] = [`${name}-from`, `${name}-to`]
    await broker.declare({ queues: [{ name: from }, { name: to }] })
    for (const text of ['1', '2']) await broker.publish(message(text), { exchange: '', routingKey: from })
    return { broker, admin: broker.admin as BrokerAdmin, from, to }
  }

  test('is there, and what it has in hand is back in its place', async () => {
    const { admin, from, to } = await scene('whole')
    const nowhere: Posting = { message: message('c'), to: { exchange: '', routingKey: 'whole-nowhere' } }
    const there = ['a', 'b'].map((text): Posting => ({ message: message(text), to: { exchange: '', routingKey: to } }))
    let left: readonly Posting[] = []
    await admin.visit(from, 10, async ({ message: { body } }, together) => {
      if (Buffer.from(body).toString() !== '2') return
      left = (await together?.([...there, nowhere])) ?? []
      expect(await admin.depth(from)).toMatchObject({ messages: 0 })
      expect(await admin.depth(to)).toMatchObject({ messages: 2 })
    })
    expect(left).toEqual([nowhere])
    expect(await texts(admin, to)).toEqual(['a', 'b'])
    expect(await texts(admin, from)).toEqual(['1', '2'])
  })

  test('is not there where one of the messages cannot be sent', async () => {
    const { admin, from, to } = await scene('large')
    const tooLarge: Posting = { message: message('x'.repeat(20_000_000)), to: { exchange: '', routingKey: to } }
    const small: Posting = { message: message('a'), to: { exchange: '', routingKey: to } }
    const visiting = admin.visit(from, 10, async (_, together) => void (await together?.([small, tooLarge])))
    await expect(visiting).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' })
    expect(await texts(admin, to)).toEqual([])
    expect(await texts(admin, from)).toEqual(['1', '2'])
  })

  test('is published for itself where the server refuses the step, and who sends it hears of what is wrong', async () => {
    const { admin, from, to } = await scene('refused')
    const small: Posting = { message: message('a'), to: { exchange: '', routingKey: to } }
    const wrong: Posting = { message: message('b'), to: { exchange: 'refused-no-exchange', routingKey: to } }
    const visiting = admin.visit(from, 10, async (_, together) => void (await together?.([small, wrong])))
    await expect(visiting).rejects.toMatchObject({ code: 'UNROUTABLE' })
    expect(await texts(admin, to)).toEqual(['a'])
    expect(await texts(admin, from)).toEqual(['1', '2'])
  })
})
