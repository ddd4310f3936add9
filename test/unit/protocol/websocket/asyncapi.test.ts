import { Parser } from '@asyncapi/parser';
import { describe, expect, it } from 'vitest';
import { asyncApiDocument } from '../../../../src/protocol/websocket/asyncapi.ts';
import { requestTypes } from '../../../../src/protocol/websocket/client.ts';
import { closeCodes, closeReasons } from '../../../../src/protocol/websocket/server.ts';

const document = asyncApiDocument({ version: '1.2.3' });

describe('the AsyncAPI document', () => {
  it('is valid', async () => {
    const { diagnostics } = await new Parser().parse(JSON.stringify(document));
    // 0 is an error, 1 a warning.
    const severities: readonly number[] = diagnostics.map(({ severity }) => severity);
    expect(severities.filter((severity) => severity <= 1)).toEqual([]);
  });

  it('is the same each time, and plain data', () => {
    expect(asyncApiDocument({ version: '1.2.3' })).toEqual(document);
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  });

  it('knows each type of message, and how it is answered', () => {
    const operations = document['operations'] as Record<
      string,
      { action: string; reply?: unknown }
    >;
    for (const type of requestTypes) {
      expect(operations[type]).toMatchObject({ action: 'receive' });
      expect(operations[type]?.reply).toBeDefined();
    }
  });

  it('defines all that it refers to', () => {
    const text = JSON.stringify(document);
    const references = new Set([...text.matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path));
    expect(references.size).toBeGreaterThan(50);
    for (const path of references) {
      const target = path
        ?.split('/')
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);
      expect(target, path).toBeDefined();
    }
  });

  it('states each close code with a reason that fits into a close frame', () => {
    const { description } = document['info'] as { description: string };
    for (const code of Object.values(closeCodes)) {
      expect(description).toContain(`${code}: ${closeReasons[code]}`);
      expect(Buffer.byteLength(closeReasons[code])).toBeLessThanOrEqual(123);
    }
  });
});
