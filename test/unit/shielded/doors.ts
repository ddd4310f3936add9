/** Checks of the doors, of clients and of peers: a request of another part, bytes that are no text, brackets. */
import { match, notStrictEqual, strictEqual } from 'node:assert/strict';
import { parseJsonBytes } from '../../../src/gateway/common/json-bytes.ts';
import { decodeFrame } from '../../../src/replica/peer-codec.ts';
import { decodeMessage } from '../../../src/transport/codec.ts';
import { restFingerprints, websocketFingerprints } from '../gateway/fingerprints.ts';
import type { Fingerprints } from '../gateway/fingerprints.ts';
import type { Checks } from './checks.ts';

function another(fingerprints: () => Fingerprints, part: string): () => void {
  return () => {
    const { original, others } = fingerprints();
    notStrictEqual(others[part], undefined, `the part ${part}`);
    notStrictEqual(others[part], original, `another ${part} is taken for the same request`);
  };
}

function theSame(fingerprints: () => Fingerprints, part: string): () => void {
  return () => {
    const { original, same } = fingerprints();
    strictEqual(same[part], original, `another ${part} is taken for another request`);
  };
}

const rest = restFingerprints;
const websocket = websocketFingerprints;

/** @param problem what the refusal says */
function refused(read: () => unknown, problem: RegExp): () => void {
  return () => {
    let outcome: string;
    try {
      outcome = `it is taken: ${JSON.stringify(read())}`;
    } catch (error) {
      outcome = String(error);
    }
    match(outcome, problem);
  };
}

const brackets = (levels: number): Buffer => Buffer.from('['.repeat(levels));
const noText = Buffer.from([0x22, 0xff, 0x22]);

function message(json: Uint8Array): Buffer {
  return Buffer.concat([Buffer.alloc(1), json]);
}

function frame(json: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  return Buffer.concat([length, json]);
}

function farHandOff(): Buffer {
  const round = 2 ** 52 + 1;
  return message(Buffer.from(JSON.stringify({ type: 'HANDOFF', tenure: 1, to: 1, round })));
}

/** A refusal that must stay one when it is told: the reason of a peer, of which one byte is no text. */
function reasonOf(byte: number): Buffer {
  const json = Buffer.from('{"type":"REFUSE","tenure":1,"reason":"?"}');
  json[json.indexOf('?')] = byte;
  return message(json);
}

export const checks: Checks = {
  restKeyForgetsMethod: another(rest, 'method'),
  restKeyForgetsRoute: another(rest, 'route'),
  restKeyForgetsPath: another(rest, 'path'),
  restKeyForgetsQuery: another(rest, 'sequence'),
  restKeyForgetsCondition: another(rest, 'If-Match'),
  restKeyForgetsCreateOnly: another(rest, 'If-None-Match'),
  restKeyForgetsAcl: another(rest, 'ACL'),
  restKeyForgetsSession: another(rest, 'session'),
  restKeyForgetsBody: another(rest, 'body'),
  restKeyForgetsIdentity: another(rest, 'identity'),
  restKeyRemembersAddress: theSame(rest, 'address'),
  messageKeyForgetsAcl: another(websocket, 'ACL'),
  messageKeyForgetsSession: another(websocket, 'session'),
  messageKeyForgetsIdentity: another(websocket, 'identity'),
  messageKeyRemembersAddress: theSame(websocket, 'address'),
  bytesOfBodyAreText: refused(() => parseJsonBytes(noText, { jsonDepthMax: 8 }), /not UTF-8/),
  deepBodyIsParsed: refused(
    () => parseJsonBytes(brackets(9), { jsonDepthMax: 8 }),
    /arrays and objects nest/,
  ),
  bytesOfMessageAreText: refused(() => decodeMessage(reasonOf(0xff)), /is no JSON/),
  deepMessageIsParsed: refused(() => decodeMessage(message(brackets(17))), /nests deeper/),
  bytesOfFrameAreText: refused(() => decodeFrame(frame(noText)), /no UTF-8/),
  deepFrameIsParsed: refused(() => decodeFrame(frame(brackets(33))), /nests too deep/),
  anyNumberIsCounted: refused(() => decodeMessage(farHandOff()), /greater than 2\^52/),
};
