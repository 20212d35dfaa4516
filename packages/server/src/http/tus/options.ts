/** OPTIONS: what this server can do. */
import { CHECKSUM_ALGORITHMS, TUS_VERSION } from '@pawl/protocol'
import type { Exchange } from '../exchange.ts'
import type { TusFace } from './face.ts'

const EXTENSIONS = [
  'creation',
  'creation-with-upload',
  'creation-defer-length',
  'termination',
  'expiration',
  'checksum',
  'checksum-trailer',
  'concatenation',
]

export function options({ uploads, whole }: TusFace, exchange: Exchange): void {
  exchange.answer(204, {
    'Tus-Version': TUS_VERSION,
    'Tus-Extension': EXTENSIONS.filter((name) => !(whole && name === 'concatenation')).join(','),
    'Tus-Checksum-Algorithm': CHECKSUM_ALGORITHMS.join(','),
    'Tus-Max-Size': String(uploads.limits.maxSize),
  })
}
