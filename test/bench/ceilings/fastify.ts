/**
 * The least that Fastify can do: one GET and one PUT route that answer what they were given, with the same
 * headers and body as Zoogate's answers.
 */
import fastify from 'fastify';
import { childInput, print } from '../children.ts';

export interface BareAnswer {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface BareRoutes {
  readonly get: BareAnswer;
  readonly put: BareAnswer;
}

const { get, put } = childInput() as BareRoutes;
const app = fastify({ logger: false });
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.get('/znodes/*', (_request, reply) => {
  reply.headers(get.headers).send(get.body);
});
app.put('/znodes/*', (_request, reply) => {
  reply.headers(put.headers).send(put.body);
});
const url = await app.listen({ host: '127.0.0.1', port: 0 });
print({ port: Number(new URL(url).port) });
