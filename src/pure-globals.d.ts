// The pure layers (protocol, tree, sessions, zab) are compiled with `types: []` and no DOM library, so that
// nothing which depends on time, chance or the machine can be named in them. Turning text into bytes and
// back depends on none of these, and both Node and browsers have the two classes below as globals; this
// file lends exactly them to the pure compile. Every other compile leaves this file out, because there
// `@types/node` declares the same names. Add a name only if it is deterministic everywhere.

declare class TextEncoder {
  encode(input?: string): Uint8Array<ArrayBuffer>;
}

declare class TextDecoder {
  constructor(label?: 'utf-8', options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(input?: ArrayBuffer | ArrayBufferView): string;
}
