/** Parts of a server that can be told to fail or to wait, one method at a time. */

type Method = (...args: never[]) => unknown

export interface Faulty<T extends object> {
  readonly part: T
  /** What a method does instead, until it is deleted from here; `next` is the real one. */
  readonly faults: Map<keyof T, (next: () => unknown) => unknown>
}

export function faulty<T extends object>(real: T): Faulty<T> {
  const faults: Faulty<T>['faults'] = new Map()
  const part = new Proxy(real, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      return (...args: never[]) => {
        const next = (): unknown => (value as Method).apply(target, args)
        const fault = faults.get(name as keyof T)
        return fault === undefined ? next() : fault(next)
      }
    },
  })
  return { part, faults }
}
