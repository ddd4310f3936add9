/** HTTP as bytes: what is sent need not be any, and what comes back is taken apart by hand. */
import { connect } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case; of a repeated header the last. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const silenceMs = 400;

/**
 * Sends the bytes and collects all that comes back, until the node closes the connection or, where the
 * bytes are no whole request, until it has been silent for a while.
 * @param isAll says that nothing more will be sent, so that the node need not wait for it
 */
export function exchange(port: number, bytes: Uint8Array, isAll = false): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1');
    socket.setTimeout(silenceMs, () => socket.destroy());
    socket.on('data', (chunk) => chunks.push(chunk));
    // A node that refuses early closes before all has been sent.
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(Buffer.concat(chunks)));
    if (isAll) socket.end(bytes);
    else socket.write(bytes);
  });
}

/**
 * The answers in what has come back.
 * @param methods of the requests, in order: the answer to HEAD has no body
 * @throws Error when it is not a sequence of whole answers
 */
export function parseAnswers(bytes: Buffer, methods: readonly string[]): readonly RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) throw new Error(`no end of the headers: ${rest.toString('latin1', 0, 200)}`);
    const head = parseHead(rest.toString('latin1', 0, end));
    rest = rest.subarray(end + 4);
    // 100 Continue is no answer yet.
    if (head.status < 200) continue;
    // What could not be read as a request was read as no HEAD either.
    const isUnread = head.headers['connection'] === 'close' && rest.length > 0;
    const method = isUnread ? '' : (methods[answers.length] ?? '');
    const length = bodyLength(head, method);
    if (rest.length < length)
      throw new Error(`a body of ${rest.length} bytes instead of ${length}`);
    answers.push({ ...head, body: rest.toString('utf8', 0, length) });
    rest = rest.subarray(length);
  }
  return answers;
}

function parseHead(text: string): Omit<RawAnswer, 'body'> {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const match = /^HTTP\/1\.1 (\d{3}) /.exec(statusLine);
  if (match === null) throw new Error(`no status line: ${statusLine}`);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error(`no header: ${line}`);
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { status: Number(match[1]), headers };
}

function bodyLength({ status, headers }: Omit<RawAnswer, 'body'>, method: string): number {
  if (method === 'HEAD' || status === 204 || status === 304) return 0;
  const length = headers['content-length'];
  if (length === undefined) throw new Error(`an answer ${status} without a length`);
  return Number(length);
}
