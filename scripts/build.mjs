// Builds dist from src, and takes away what is left in dist of sources that are gone.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { binary, ROOT, run } from './steps.mjs'

const dist = join(ROOT, 'dist')
if (existsSync(dist)) {
  for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    const source = name.replace(/(\.d\.ts|\.js)(\.map)?$/, '.ts')
    if (source !== name && !existsSync(join(ROOT, 'src', source))) rmSync(join(dist, name))
  }
}
process.exitCode = await run(process.execPath, [binary('tsc'), '-p', 'tsconfig.build.json'])
