/**
 * WebSocket frames as bytes (RFC 6455, 5.2). The server's frames are not masked and not compressed, so a
 * frame is the same for every reader: header and text go into one Buffer, built once, written once.
 */

const TEXT = 0x81;
const PING = 0x89;

/** A ping without payload. */
export const pingFrame = Buffer.from([PING, 0]);

function frameLength(text: string): number {
  const bytes = Buffer.byteLength(text);
  if (bytes < 126) return bytes + 2;
  return bytes + (bytes < 65_536 ? 4 : 10);
}

function writeHeader(target: Buffer, offset: number, bytes: number): number {
  target[offset] = TEXT;
  if (bytes < 126) {
    target[offset + 1] = bytes;
    return offset + 2;
  }
  if (bytes < 65_536) {
    target[offset + 1] = 126;
    return target.writeUInt16BE(bytes, offset + 2);
  }
  target[offset + 1] = 127;
  target.writeUInt16BE(0, offset + 2);
  return target.writeUIntBE(bytes, offset + 4, 6);
}

/** @returns the offset behind the frame */
function writeFrame(target: Buffer, offset: number, text: string): number {
  const bytes = Buffer.byteLength(text);
  const start = writeHeader(target, offset, bytes);
  // As many bytes as code units: pure ASCII, whose copy needs no transcoding.
  if (bytes === text.length) target.write(text, start, bytes, 'latin1');
  else target.write(text, start, bytes, 'utf8');
  return start + bytes;
}

/** One text frame. */
export function frameOf(text: string): Buffer {
  const frame = Buffer.allocUnsafe(frameLength(text));
  writeFrame(frame, 0, text);
  return frame;
}

/** The heartbeat made last: idle connections of one turn get the same bookmark. */
let heartbeat = { text: '', frames: pingFrame };

/** A ping and a text frame behind it. */
export function pingWith(text: string): Buffer {
  if (heartbeat.text !== text)
    heartbeat = { text, frames: Buffer.concat([pingFrame, frameOf(text)]) };
  return heartbeat.frames;
}

/** One text frame for each text, one behind the other in one Buffer: one write, one packet. */
export function framesOf(texts: readonly string[]): Buffer {
  const [only] = texts;
  if (texts.length === 1 && only !== undefined) return frameOf(only);
  let total = 0;
  for (const text of texts) total += frameLength(text);
  const frames = Buffer.allocUnsafe(total);
  let offset = 0;
  for (const text of texts) offset = writeFrame(frames, offset, text);
  return frames;
}

/** All texts as one frame that holds an array; a single text stays itself. */
export function arrayFrameOf(texts: readonly string[]): Buffer {
  const [only] = texts;
  return frameOf(texts.length === 1 && only !== undefined ? only : `[${texts.join(',')}]`);
}

/** A piece ends behind so many code units: what waits for a slow reader is counted and sent piece by piece. */
const PIECE_LENGTH = 128 * 1024;
/** Messages of one array frame (`Limits.frameMessagesMax` is what the other side may send). */
const PIECE_MESSAGES = 1000;

/** All texts as Buffers to be written one by one: of frames that hold arrays, or of a frame for each text. */
export function pieces(texts: readonly string[], asArrays: boolean): readonly Buffer[] {
  const build = asArrays ? arrayFrameOf : framesOf;
  const built: Buffer[] = [];
  let start = 0;
  let length = 0;
  for (const [index, text] of texts.entries()) {
    length += text.length;
    const end = index + 1;
    if (length < PIECE_LENGTH && end - start < PIECE_MESSAGES && end < texts.length) continue;
    built.push(build(start === 0 && end === texts.length ? texts : texts.slice(start, end)));
    start = end;
    length = 0;
  }
  return built;
}
