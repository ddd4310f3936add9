/** The least that `ws` can do: every frame goes back as it came. */
import { WebSocketServer } from 'ws';
import { print } from '../children.ts';

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
server.on('connection', (socket) => {
  socket.on('message', (data: Buffer, isBinary) => socket.send(data, { binary: isBinary }));
});
server.on('listening', () => {
  const address = server.address();
  print({ port: address === null || typeof address === 'string' ? 0 : address.port });
});
