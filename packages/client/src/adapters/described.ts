import { FilesError } from '../errors.ts'

/**
 * What a provider says of the file that it made. An answer without it is not the provider's, whatever its status: a
 * proxy's page for instance. The engine asks then.
 * @param sign A field that the provider's description never lacks.
 */
export function described<Answer extends { readonly [name: string]: unknown }>(
  what: string,
  answer: Answer,
  sign: string,
): Answer {
  if (typeof answer[sign] === 'string') return answer
  throw new FilesError('Provider', `${what}: the answer names no file`)
}
