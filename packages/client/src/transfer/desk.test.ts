import fc from 'fast-check'
import { expect, it } from 'vitest'
import { deskOf, UploadControl, type UploadControlStatus } from '../control.ts'

const FINAL = new Set<UploadControlStatus>(['completed', 'aborted', 'error'])

type Step = 'pause' | 'cut' | 'resume' | 'abort' | 'claim' | 'completed' | 'error'

it('follows its states whatever comes in whatever order: final stays final, and nobody waits for ever', async () => {
  const steps = fc.array(
    fc.constantFrom<Step>('pause', 'cut', 'resume', 'abort', 'claim', 'completed', 'error'),
    { maxLength: 20 },
  )
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const control = new UploadControl()
      const desk = deskOf(control)
      const seen: UploadControlStatus[] = []
      control.addEventListener('status', () => seen.push(control.status))
      const aborts: Promise<void>[] = []
      const stop = new AbortController()
      const waiting = desk.ready(stop.signal).catch(() => {})
      let claimed = false
      for (const step of sequence) {
        const before = control.status
        if (step === 'pause') control.pause()
        if (step === 'cut') control.pause({ immediate: true })
        if (step === 'resume') control.resume()
        if (step === 'abort') aborts.push(control.abort())
        if (step === 'claim') {
          if (claimed) expect(() => desk.claim()).toThrow('already drives')
          else desk.claim()
          claimed = true
        }
        if ((step === 'completed' || step === 'error') && claimed) desk.finish(step)
        if (FINAL.has(before)) expect(control.status).toBe(before)
        expect(desk.cut.aborted).toBe(desk.cut.aborted && (desk.paused || FINAL.has(control.status)))
      }
      if (claimed) desk.finish('aborted')
      else await control.abort()
      stop.abort()
      await Promise.all([waiting, ...aborts])
      expect(FINAL.has(control.status)).toBe(true)
      expect(seen.filter((status) => FINAL.has(status))).toHaveLength(1)
    }),
    { numRuns: 500 },
  )
})

it('tells each listener once, and forgets those that were removed', () => {
  const control = new UploadControl()
  let told = 0
  const listener = () => {
    told++
  }
  control.addEventListener('status', listener)
  control.addEventListener('status', listener)
  control.pause()
  expect(told).toBe(1)
  control.removeEventListener('status', listener)
  control.resume()
  expect(told).toBe(1)
})
