/** The key that webhooks are signed with, in the forms that Standard Webhooks libraries read. */

const PREFIX = 'whsec_'
/** Standard Webhooks: "Secrets should be between 24 bytes and 64 bytes". */
const LEAST_BYTES = 24

/**
 * `whsec_` and base64 of at least 24 bytes, or printable ASCII of at least 24 characters, taken as it is.
 * Undefined when it is neither. Other text would not be the same bytes in every library.
 */
export function parseWebhookSecret(text: string): Uint8Array | undefined {
  if (!text.startsWith(PREFIX)) {
    return /^[\x20-\x7e]*$/.test(text) && text.length >= LEAST_BYTES ? Buffer.from(text, 'latin1') : undefined
  }
  const base64 = text.slice(PREFIX.length)
  const key = Buffer.from(base64, 'base64')
  const canonical = key.toString('base64').replace(/=+$/, '') === base64.replace(/=+$/, '')
  return canonical && key.byteLength >= LEAST_BYTES ? key : undefined
}
