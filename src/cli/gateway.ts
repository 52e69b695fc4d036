import { Option, type Command } from 'commander'
import { assertShared } from '../app/capabilities.ts'
import type { Gateway } from '../gateway/gateway.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { printBanner } from './banner.ts'
import { Cluster, clusterSize, isMember, tellReady } from './cluster.ts'
import { chosenProcess, noneOf } from './chosen-process.ts'
import { addServiceOptions, newCommand, optionsOf, portNumber, type ServiceOptions } from './command-options.ts'
import { runService } from './run-service.ts'
import { loadTarget, type Target } from './target.ts'
import { gatewayOf, isGateway, type ListenOptions } from './workload.ts'

interface GatewayCommandOptions extends ServiceOptions, ListenOptions {
  requireBroker?: boolean
  cluster?: number
  cert?: string
  key?: string
  openapi?: boolean
}

export function command(): Command {
  const description =
    'Answers HTTP requests with the results of tasks. SIGINT or SIGTERM once: takes no more, ends the requests in flight, goes with exit code 0.'
  return addServiceOptions(
    newCommand('gateway', description, [
      'lovage gateway',
      'lovage gateway -A gateway.ts --port 8080',
      'LOVAGE_BROKER_URL=amqp://guest:guest@localhost:5672/ lovage gateway --host 0.0.0.0',
    ]),
  )
    .argument('[name]', 'name of a gateway in the configuration')
    .addOption(listenPort())
    .addOption(listenHost())
    .addOption(
      new Option('--cluster <number>', 'processes that share the port; max is one for each processor').argParser(
        clusterSize,
      ),
    )
    .option('--cert <file>', 'certificate, PEM: speak HTTPS; with --key. SIGHUP reads both again')
    .option('--key <file>', 'private key of the certificate, PEM')
    .option('--openapi', 'print the routes as OpenAPI 3.1 describes them, and end')
    .option('--require-broker', 'fail where the broker cannot be reached, instead of waiting for it')
    .action((name: string | undefined, _options, self: Command) =>
      run(name, optionsOf<GatewayCommandOptions>(self), self),
    )
}

/** `--port`, of every command with a gateway. */
export function listenPort(): Option {
  return new Option('--port <number>', 'port to listen on; 0 takes a free one').env('LOVAGE_PORT').argParser(portNumber)
}

/** `--host`, of every command with a gateway. */
export function listenHost(): Option {
  return new Option('--host <address>', 'address to listen on; 0.0.0.0 is all of them').env('LOVAGE_HOST')
}

async function run(name: string | undefined, options: GatewayCommandOptions, self: Command): Promise<void> {
  if (options.openapi) {
    const { gateway } = await chosen(name, options, self)
    console.log(JSON.stringify(gateway.openapi(), null, 2))
    return
  }
  const { cluster } = options
  if (cluster !== undefined && !isMember()) return await runService(options, async () => new Cluster(cluster))
  await runService(options, async () => {
    const { target, gateway } = await chosen(name, options, self)
    const { app } = target
    assertShared(app.settings, 'A gateway by itself', 'Use `lovage dev`, which runs all in one process')
    return {
      start: () => gateway.start(),
      reload: async () => readAgain(gateway),
      announce: () => (isMember() ? tellReady() : printBanner(target, { gateways: [gateway] })),
      stop: async () => {
        await gateway.stop()
        await app.close()
      },
    }
  })
}

/** A new certificate that cannot be used must not end what runs with the old one. */
function readAgain(gateway: Gateway): void {
  try {
    gateway.reload()
    log('info', 'gateway', 'files of TLS read again')
  } catch (error) {
    log('error', 'gateway', 'files of TLS could not be read again', { error: messageOf(error) })
  }
}

async function chosen(
  name: string | undefined,
  options: GatewayCommandOptions,
  self: Command,
): Promise<{ target: Target; gateway: Gateway }> {
  const target = await loadTarget(options, { gateways: true })
  return { target, gateway: pick(target, name, options, self) }
}

function pick(
  target: Target,
  name: string | undefined,
  { port, host, requireBroker, cert, key }: GatewayCommandOptions,
  self: Command,
): Gateway {
  const tls = cert === undefined && key === undefined ? undefined : { cert: cert ?? '', key: key ?? '' }
  const configured = chosenProcess(target, 'gateway', name, self)
  if (configured) {
    const { port: own, host: ownHost } = configured
    return gatewayOf(target, configured).listenOn({ port: port ?? own, host: host ?? ownHost, requireBroker, tls })
  }
  const exported = target.modules.get(target.source)?.['default']
  if (isGateway(exported)) return exported.listenOn({ port, host, requireBroker, tls })
  throw noneOf('gateway', target, "web: { run: 'gateway', module: './gateway.ts' }")
}
