/** Small HTTP requests over connections that are kept, with a deadline. */
import { Agent, request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface Asked {
  readonly port: number;
  readonly path: string;
  readonly method?: string;
  readonly body?: string;
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 2000;

export class HttpClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  /** @throws Error without an answer within the deadline */
  ask({ port, path, method = 'GET', body, timeoutMs = defaultTimeoutMs }: Asked): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
      const asked = request(
        { agent: this.#agent, host: '127.0.0.1', port, path, method, headers },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          response.once('end', () => {
            clearTimeout(timer);
            resolve({ status: response.statusCode ?? 0, text });
          });
          response.once('error', reject);
        },
      );
      const timer = setTimeout(() => asked.destroy(new Error('no answer in time')), timeoutMs);
      asked.once('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
      asked.end(body);
    });
  }

  /** The same. @throws Error for an answer that is no success, too */
  async succeed(asked: Asked): Promise<Answer> {
    const answer = await this.ask(asked);
    if (answer.status < 300) return answer;
    throw new Error(`${asked.method ?? 'GET'} ${asked.path}: ${answer.status} ${answer.text}`);
  }

  close(): void {
    this.#agent.destroy();
  }
}
