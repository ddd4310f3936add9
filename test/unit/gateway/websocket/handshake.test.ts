import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { UpgradeRefused } from '../../../support/websocket-client.ts';
import { openDoor } from './harness.ts';

/** Sends bytes and reads what comes until the other side ends, or `until` is in it. */
async function exchange(url: string, bytes: string, until?: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connectSocket(Number(port), hostname);
  await once(socket, 'connect');
  socket.write(bytes);
  let text = '';
  for await (const chunk of socket) {
    text += String(chunk as Buffer);
    if (until !== undefined && text.includes(until)) break;
  }
  socket.destroy();
  return text;
}

const upgrade = [
  'Host: 127.0.0.1',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];
const get = (path: string, headers: readonly string[]) =>
  `${[`GET ${path} HTTP/1.1`, ...headers].join('\r\n')}\r\n\r\n`;

describe('the handshake', () => {
  it('is accepted without a subprotocol and with ours', async () => {
    const { connect } = await openDoor();
    const [plain, named, among] = await Promise.all([
      connect(),
      connect({ protocols: ['zk.v1.json'] }),
      connect({ protocols: ['other', 'zk.v1.json'] }),
    ]);
    expect(plain.socket.protocol).toBe('');
    expect(named.socket.protocol).toBe('zk.v1.json');
    expect(among.socket.protocol).toBe('zk.v1.json');
  });

  it('is refused with 400 for another subprotocol', async () => {
    const { connect } = await openDoor();
    const refused = await connect({ protocols: ['mqtt'] }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(UpgradeRefused);
    const { status, body } = refused as UpgradeRefused;
    expect(status).toBe(400);
    expect(JSON.parse(body)).toMatchObject({ code: 'BADARGUMENTS' });
  });

  it('is refused with 401 for an unreadable Authorization', async () => {
    const { connect } = await openDoor();
    const socket = { headers: { authorization: 'Bearer abc' } };
    await expect(connect({ socket })).rejects.toMatchObject({ status: 401 });
  });

  it('gives the connection the identities of its Authorization', async () => {
    const { connect, coordinator } = await openDoor();
    const authorization = `Basic ${Buffer.from('ann:secret').toString('base64')}`;
    await connect({ socket: { headers: { authorization } } });
    expect(coordinator.messages[0]).toMatchObject({
      identities: [
        { scheme: 'ip' },
        { scheme: 'digest', id: expect.stringMatching(/^ann:/) as string },
      ],
    });
  });

  it('a plain GET is 426', async () => {
    const { url } = await openDoor();
    const answer = await fetch(url.replace('ws:', 'http:'));
    expect(answer.status).toBe(426);
    expect(await answer.json()).toMatchObject({ code: 'UPGRADEREQUIRED' });
  });

  it.each([
    ['version', upgrade.map((line) => line.replace('Version: 13', 'Version: 7'))],
    ['key', upgrade.map((line) => line.replace('dGhl', '!!'))],
  ])('is refused with 400 for a bad %s', async (_name, headers) => {
    const { url } = await openDoor();
    const text = await exchange(url, get('/ws', headers));
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain('"code":"BADARGUMENTS"');
  });

  it('is answered once with 101', async () => {
    const { url } = await openDoor();
    const text = await exchange(url, get('/ws', upgrade), '\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 101 /);
  });
});

describe('offers of another upgrade', () => {
  it('are ignored: curl --http2 gets its answer, and the next one on the same connection', async () => {
    const { url, app } = await openDoor();
    const headers = [
      'Host: 127.0.0.1',
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
    ];
    const bytes = get('/ws', headers) + get('/nowhere', ['Host: a', 'Connection: close']);
    const text = await exchange(url, bytes);
    expect(text).toMatch(/^HTTP\/1\.1 426 /);
    expect(text).toContain('HTTP/1.1 404 ');
    expect(app.server.listening).toBe(true);
  });

  it('keep the body of the request', async () => {
    const { url } = await openDoor();
    const headers = ['Host: a', 'Connection: Upgrade', 'Upgrade: h2c', 'Content-Length: 5'];
    const put = get('/ws', headers).replace('GET', 'PUT') + 'hello';
    const text = await exchange(url, put + get('/ws', ['Host: a', 'Connection: close']));
    expect(text).toMatch(/^HTTP\/1\.1 404 /);
    expect(text).toContain('HTTP/1.1 426 ');
  });

  it('of a WebSocket elsewhere are plain requests too', async () => {
    const { url } = await openDoor();
    const text = await exchange(url, get('/elsewhere', upgrade), '\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 404 /);
  });
});
