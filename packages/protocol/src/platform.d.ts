// The two names this package takes from its surroundings; every browser and Node has them.
// They are declared here, instead of adding the "dom" or "webworker" library, so that a use of `fetch`,
// `Buffer`, `process` or anything else that does I/O or exists on one side only fails the type check.
// Only the members in use are declared. No import leads here: a program that compiles this package from
// source (with Node's or the DOM's types) keeps its own declarations.

declare class TextEncoder {
  encode(text: string): Uint8Array
}

declare class TextDecoder {
  constructor(label?: 'utf-8', options?: { fatal?: boolean; ignoreBOM?: boolean })
  decode(bytes: Uint8Array): string
}
