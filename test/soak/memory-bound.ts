/** How much memory the limits allow what clients can fill, all of them together. */
import { defaultLimits } from '../../src/protocol/limits.ts';

const {
  uploadBytesMax,
  ringBytesMax,
  outstandingBytesMax,
  forwardedBytesMax,
  idempotencyBytesMax,
  unreadAnswersBytesMax,
  unreadStreamsBytesMax,
  waitingBytesMax,
} = defaultLimits;

/** Bytes of one node, beyond what it takes without abuse. */
export const abuseBytesMax =
  uploadBytesMax +
  ringBytesMax +
  outstandingBytesMax +
  forwardedBytesMax +
  idempotencyBytesMax +
  unreadAnswersBytesMax +
  unreadStreamsBytesMax +
  waitingBytesMax;
