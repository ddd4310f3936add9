/** Frames as somebody writes them who is no node, or no node of ours. */
import {
  allocateHead,
  channels,
  frameHeaderBytes,
  FrameParser,
  FrameQueue,
} from '../../../src/transport/frames.ts';
import type { Channel } from '../../../src/transport/frames.ts';
import { decodeReject, encodeHello } from '../../../src/transport/hello.ts';
import type { Hello } from '../../../src/transport/hello.ts';

export function frame(channel: Channel, payload: Uint8Array | string): Buffer {
  const bytes = Buffer.from(payload);
  const head = allocateHead(bytes.length);
  bytes.copy(head, frameHeaderBytes);
  const queue = new FrameQueue();
  queue.add(channel, head);
  return Buffer.concat(queue.take());
}

/** Node 2 greets node 1; both are voters. */
export const goodHello: Hello = {
  ...{ id: 2, to: 1, incarnation: 'i2', boot: 'x', clusterId: undefined, url: undefined },
  ...{ featureLevel: 1, role: 'voter', members: '1=voter 2=voter' },
};

export function helloFrame(changes: Partial<Hello> = {}, version?: number): Buffer {
  const payload = encodeHello({ ...goodHello, ...changes }, version).subarray(frameHeaderBytes);
  return frame(channels.hello, payload);
}

/** The reasons for which a node has refused the connection on which it sent these bytes. */
export function rejectsIn(bytes: Buffer): string[] {
  const parser = new FrameParser(100_000);
  const reasons: string[] = [];
  parser.push(bytes);
  for (let one = parser.next(); one !== undefined; one = parser.next()) {
    if (one.channel === channels.reject) reasons.push(decodeReject(one.payload));
  }
  return reasons;
}
