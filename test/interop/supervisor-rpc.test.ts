import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { PYTHON } from '../services/python.ts'
import { runChild } from '../services/child.ts'
import { describeWith } from '../services/available.ts'
import { ctlScene, PATIENCE } from '../supervisor/ctl-scene.ts'

const SCRIPT = fileURLToPath(new URL('supervisor-rpc.py', import.meta.url))

describeWith(['celery'], "Python's xmlrpc.client with our supervisor", () => {
  it('calls every documented method, with the right types and faults, over TCP and a socket', async () => {
    const { child, folder, urls, stop } = await ctlScene('lovage')
    onTestFinished(stop)
    const port = new URL(urls.tcp).port
    expect(await runChild(PYTHON, [SCRIPT, port, `${folder}/s.sock`], { cwd: folder })).toEqual([
      'all is as documented',
    ])
    expect(await child.ended(PATIENCE)).toMatchObject({ code: 0 })
  })
})
