import { symlinkSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { account, customerService } from '../../examples/wechat/account.ts'
import { Sender } from '../../examples/wechat/sender.ts'
import { lovage, ROOT, write } from '../cli/lovage.ts'
import { describeWith } from '../services/available.ts'
import type { Child } from '../services/child.ts'
import { NginxNode } from '../services/nginx-node.ts'
import { freePorts } from '../services/ports.ts'
import { RedisNode } from '../services/redis-node.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'

const EXAMPLE = join(ROOT, 'examples/wechat')
const READY = { pattern: 'Ctrl-C stops it', timeoutMs: 90_000 }

/** The example, telling what it sends and runs. */
const MODULES = {
  'package.json': '{ "type": "module" }',
  'tasks.ts': `import { app } from '${EXAMPLE}/tasks.ts'
export * from '${EXAMPLE}/tasks.ts'
for (const [hook, did] of [['afterTaskPublish', 'sent'], ['taskPrerun', 'ran']]) {
  app.on(hook, ({ task, args }) => console.log(did + ' ' + task + ' ' + args[0].text + ';'))
}
`,
  'gateway.ts': `import './tasks.ts'\nexport { default } from '${EXAMPLE}/gateway.ts'\n`,
  'lovage.config.ts': `import { defineConfig } from 'lovage/config'
export default defineConfig({
  app: './tasks.ts',
  processes: { gateway: { run: 'gateway', module: './gateway.ts' }, worker: { run: 'worker' } },
})
`,
}

const folder = temporaryFolder()

/** Three gateways behind nginx, two workers, and WeChat on the other side. */
class Site {
  readonly sender = new Sender(account, customerService.secret)
  readonly gateways: Child[] = []
  readonly workers: Child[] = []
  nginx: NginxNode | undefined

  async start(home: string, settings: Readonly<Record<string, string>>): Promise<void> {
    write(home, MODULES)
    mkdirSync(join(home, 'node_modules'))
    symlinkSync(ROOT, join(home, 'node_modules/lovage'), 'dir')
    const env = { LOVAGE_HOME: join(home, 'data'), WECHAT_API_URL: await this.sender.start(), ...settings }
    const config = ['--config', join(home, 'lovage.config.ts')]
    const ports = await freePorts(3)
    for (const port of ports) {
      this.gateways.push(lovage(['gateway', ...config, '--port', String(port)], { env, cwd: home }))
    }
    for (const name of ['one', 'two']) {
      this.workers.push(lovage(['worker', ...config, '-n', `${name}@%h`], { env, cwd: home }))
    }
    await Promise.all([...this.gateways, ...this.workers].map((child) => child.line(READY.pattern, READY)))
    // Attempts are one task: what was under way at a gateway that died may be passed on.
    this.nginx = await NginxNode.start(ports, ['proxy_next_upstream error timeout non_idempotent;'])
  }

  get url(): string {
    return `${this.nginx?.url}/wechat`
  }

  /** How often one of them told that. */
  told(children: readonly Child[], line: string): number {
    return children.flatMap((child) => child.lines).filter((text) => text.includes(line)).length
  }

  async stop(): Promise<void> {
    await this.nginx?.remove()
    await Promise.all([...this.gateways, ...this.workers].map((child) => child.kill()))
    await this.sender.stop()
  }
}

describeWith(['redis', 'nginx'], 'the example wechat: three gateways behind nginx, two workers', () => {
  let redis: RedisNode
  const sites = { embedded: new Site(), Redis: new Site() }

  beforeAll(async () => {
    redis = await RedisNode.start()
    await sites.embedded.start(join(folder, 'embedded'), {})
    await sites.Redis.start(join(folder, 'redis'), { LOVAGE_BROKER_URL: redis.url() })
  }, 240_000)
  afterAll(async () => {
    await Promise.all(Object.values(sites).map((site) => site.stop()))
    await redis?.remove()
  })

  it.concurrent.each(Object.entries(sites))(
    'answers the handshake, and nothing that is forged: %s',
    async (kind, site) => {
      expect(await site.sender.handshake(site.url)).toBe(true)
      const stranger = new Sender({ ...account, token: 'guessed' }, 'none')
      expect(await stranger.handshake(site.url)).toBe(false)
      const { attempts, answer } = await stranger.push(site.url, 'stranger', 'forged')
      expect([attempts.map(({ status }) => status), answer]).toEqual([[403, 403, 403], undefined])
      expect(site.told(site.gateways, 'forged;')).toBe(0)
      const broker = kind === 'Redis' ? 'Redis at redis://' : 'embedded, in'
      expect(site.told(site.gateways, broker)).toBe(3)
    },
  )

  it.concurrent.each(Object.entries(sites))(
    'runs each message once, answers the right attempt though the gateway that sent it is killed, and the slowest by callback: %s',
    async (_kind, site) => {
      const { sender, gateways, workers } = site
      // In the middle of the time that the first, second and third attempt have, and after it.
      const seconds = [1, 2, 7, 12, 17]
      const pushes = seconds.map((s) => sender.push(site.url, `user${s}`, `wait ${s}`, s === 7))
      // Whoever sent it: the attempts go on at the others.
      const sent = 'sent wechat.answer wait 7;'
      const publisher = await Promise.any(
        gateways.map((gateway) => gateway.line(sent, { timeoutMs: 60_000 }).then(() => gateway)),
      )
      await publisher.kill()

      const deliveries = await Promise.all(pushes)
      expect(deliveries.map(({ answer }) => answer)).toEqual([
        'waited 1 s',
        'waited 2 s',
        'waited 7 s',
        'waited 12 s',
        undefined,
      ])
      expect(deliveries.map(({ attempts }) => attempts.length)).toEqual([1, 1, 2, 3, 3])
      expect(deliveries.map(({ attempts }) => attempts.at(-1)?.status)).toEqual([200, 200, 200, 200, 200])
      expect(await sender.lateAnswer('user17')).toBe('waited 17 s')
      // All answers have been looked after by then, because they are due before the late one.
      expect([...sender.late.keys()]).toEqual(['user17'])
      for (const s of seconds) expect([s, site.told(workers, `ran wechat.answer wait ${s};`)]).toEqual([s, 1])
    },
    180_000,
  )
})
