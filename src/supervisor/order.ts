import type { Subprocess } from './subprocess.ts'

/** What ends one of these processes after those of them that depend on it, each once. */
export function afterDependents<T>(
  processes: readonly Subprocess[],
  end: (process: Subprocess) => Promise<T>,
): (process: Subprocess) => Promise<T> {
  const ends = new Map<Subprocess, Promise<T>>()
  const endOf = (process: Subprocess): Promise<T> => {
    const begun = ends.get(process)
    if (begun) return begun
    const dependents = processes.filter((each) => dependsOn(each, process))
    const made =
      dependents.length === 0 ? end(process) : Promise.allSettled(dependents.map(endOf)).then(() => end(process))
    ends.set(process, made)
    return made
  }
  return endOf
}

function dependsOn({ config }: Subprocess, { config: { program }, group }: Subprocess): boolean {
  return config.dependsOn.includes(group) || config.dependsOn.includes(program)
}

/** Those that others of them depend on before these, else as they are. */
export function dependenciesFirst(processes: readonly Subprocess[]): Subprocess[] {
  const ordered = new Set<Subprocess>()
  const take = (process: Subprocess): void => {
    if (ordered.has(process)) return
    for (const each of processes) if (dependsOn(process, each)) take(each)
    ordered.add(process)
  }
  for (const process of processes) take(process)
  return [...ordered]
}
