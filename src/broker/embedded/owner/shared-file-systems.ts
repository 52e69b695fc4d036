import { statfsSync } from 'node:fs'

/** File systems that several machines (or a machine and its host) can have mounted at a time: statfs(2), `f_type`. */
const SHARED = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0x65735546, 'FUSE'],
  [0x01021997, '9P'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x01161970, 'GFS2'],
  [0x0bd00bd0, 'Lustre'],
  [0x7461636f, 'OCFS2'],
  [0x786f4256, 'vboxsf'],
])

/** What a folder is on, where several machines can have that mounted. */
export function sharedFileSystemOf(folder: string): string | undefined {
  return SHARED.get(Number(statfsSync(folder).type) >>> 0)
}
