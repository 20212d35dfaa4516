/** A hash with its algorithm, RFC 9530 names. */
export interface Digest {
  readonly algorithm:
    | 'crc32'
    | 'crc32c'
    | 'crc64nvme'
    | 'md5'
    | 'sha'
    | 'sha-256'
    | 'sha-512'
    | 'dropbox'
    | 'quickxor'
  /** Base64 of the bytes. */
  readonly value: string
}
