import type { HostPattern } from './host-names.ts'
import type { RpcClient } from './rpc-client.ts'

/** One thing that a host says. */
export interface Said {
  /** `group:process`, or a name that means nothing; absent: it is about the host. */
  readonly name?: string
  readonly text: string
  /** ctl's, 0 where it is done. */
  readonly exitCode: number
}

/** An error that was no answer. */
export interface Lost {
  readonly name?: string
  readonly error: unknown
}

/** How a verb speaks to one host. */
export interface HostTalk {
  readonly host: string
  readonly client: RpcClient
  call<T>(method: string, ...params: readonly (string | number | boolean)[]): Promise<T>
  /** A name has meant something here. */
  found(pattern: string): void
}

/** A verb with its words, read. */
export interface HostAct {
  readonly patterns: readonly HostPattern[]
  readonly missing: string
  readonly exitMissing: number
  /** One process at a time over all hosts; nothing more is begun once one has failed. */
  readonly inTurn?: boolean
  perform(talk: HostTalk): AsyncIterable<Said | Lost>
}

export interface Wrong {
  readonly wrong: string
  readonly exitCode: number
}
