import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { errorCodes, errorTable } from '../../../../src/protocol/errors.ts';
import { openApiDocument } from '../../../../src/protocol/rest/openapi.ts';
import { describedRoutes } from '../../../../src/protocol/rest/routes.ts';

interface Media {
  readonly schema: object;
  readonly example?: unknown;
}

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly {
    readonly $ref?: string;
    readonly name?: string;
    readonly schema?: object;
    readonly example?: unknown;
  }[];
  readonly requestBody?: { readonly content: Record<string, Media> };
  readonly responses: Record<
    string,
    { readonly $ref?: string; readonly content?: Record<string, Media> }
  >;
}

interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: Record<string, Record<string, Record<string, unknown>>>;
}

const root = new URL('../../../../', import.meta.url);
const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
  version: string;
};
const document = openApiDocument({ version }) as unknown as Document;

const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
);

/** The document itself is the schema that references are resolved in. */
const ajv = new Ajv2020({
  strict: false,
  formats: { int32: true, int64: true, binary: true },
});
ajv.addSchema({ $id: 'document', ...document });

function accepts(schema: object, value: unknown): boolean {
  const absolute = JSON.parse(
    JSON.stringify(schema).replaceAll('"#/components', '"document#/components'),
  ) as object;
  return ajv.validate(absolute, value);
}

describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1', async () => {
    const result = await new Validator().validate(structuredClone(document) as never);
    expect(result).toEqual({ valid: true });
  });

  it('is the committed one', () => {
    const committed = readFileSync(new URL('openapi/openapi.json', root), 'utf8');
    expect(JSON.parse(committed)).toEqual(JSON.parse(JSON.stringify(document)));
  });

  it('describes each route once, with a name of its own and a summary', () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(Object.keys(describedRoutes).sort());
    for (const { operation } of operations) expect(operation.summary).toMatch(/^[A-Z].*[^.]$/);
  });

  it('declares every parameter of its path', () => {
    for (const { path, operation } of operations) {
      for (const [, name] of path.matchAll(/\{(\w+)\}/g)) {
        expect(operation.parameters?.map((parameter) => parameter.name)).toContain(name);
      }
    }
  });

  it('refers only to what it contains', () => {
    const text = JSON.stringify(document);
    const references = [...text.matchAll(/"\$ref":"#\/components\/(\w+)\/([^"]+)"/g)];
    expect(references.length).toBeGreaterThan(100);
    for (const [, kind = '', name = ''] of references) {
      expect(Object.keys(document.components[kind] ?? {})).toContain(name);
    }
  });

  it('shows no key as an example: the same on two routes, it would belong to another request', () => {
    expect(document.components['parameters']?.['Idempotency-Key']).not.toHaveProperty('example');
  });

  it('has a pattern for each znode path', () => {
    for (const { path, method, operation } of operations) {
      const schema = operation.parameters?.find(({ name }) => name === 'path')?.schema;
      if (schema === undefined) continue;
      expect(accepts(schema, 'config/db'), path).toBe(true);
      expect(accepts(schema, '/config/db'), path).toBe(false);
      const creates = path.startsWith('/znodes/') && ['put', 'post'].includes(method);
      expect(accepts(schema, 'q/'), `${method} ${path}`).toBe(creates);
    }
  });

  it('shows examples that its own schemas accept', () => {
    for (const { operation } of operations) {
      const media = [
        ...Object.values(operation.requestBody?.content ?? {}),
        ...Object.values(operation.responses).flatMap(({ content }) =>
          Object.values(content ?? {}),
        ),
      ];
      for (const { schema, example } of media) {
        if (example === undefined) continue;
        expect(accepts(schema, example), `${operation.operationId}: ${ajv.errorsText()}`).toBe(
          true,
        );
      }
      for (const { name, schema, example } of operation.parameters ?? []) {
        if (schema === undefined || example === undefined) continue;
        expect(accepts(schema, example), `${operation.operationId} ${String(name)}`).toBe(true);
      }
    }
  });

  it('shows headers that their own schemas accept', () => {
    const headers = Object.values(document.components['headers'] ?? {});
    for (const { schema, example } of headers)
      expect(accepts(schema as object, example)).toBe(true);
  });

  it('names the codes of each failure, as the table of errors has them', () => {
    const responses = Object.values(document.components['responses'] ?? {});
    const named = responses.map(({ description }) => String(description)).join(' ');
    const unnamed = errorCodes.filter((code) => !named.includes(`\`${code}\``));
    // Of no status of their own over REST: only inside a multi, only on the WebSocket, never declared.
    expect(unnamed).toEqual(
      errorCodes.filter((code) => [405, 424, 426, 501].includes(errorTable[code].status)),
    );
  });

  it('declares a problem for each failure, and nothing but problems', () => {
    for (const { operation } of operations) {
      for (const [status, response] of Object.entries(operation.responses)) {
        const failure = Number(status) >= 400;
        expect(response.$ref !== undefined).toBe(failure);
      }
    }
  });

  it('gives statuses in ascending order, for whoever reads it', () => {
    for (const { problems } of Object.values(describedRoutes)) {
      expect([...problems].sort((one, other) => one - other)).toEqual(problems);
    }
  });
});

describe('what code generators need of the OpenAPI document', () => {
  /** Every schema of the document, however deep. */
  function schemasIn(value: unknown, found: Record<string, unknown>[] = []) {
    if (typeof value !== 'object' || value === null) return found;
    if (!Array.isArray(value)) found.push(value as Record<string, unknown>);
    for (const item of Object.values(value)) schemasIn(item, found);
    return found;
  }
  const all = schemasIn(document);

  it('bytes are strings of the format "binary", in requests and in answers', () => {
    const media = all.flatMap((each) => each['application/octet-stream'] ?? []) as Media[];
    expect(media.length).toBeGreaterThanOrEqual(3);
    for (const { schema } of media)
      expect(schema).toMatchObject({ type: 'string', format: 'binary' });
  });

  it('every integer says how wide it is', () => {
    const integers = all.filter(({ type }) => type === 'integer');
    expect(integers.length).toBeGreaterThan(40);
    for (const { format } of integers) expect(['int32', 'int64']).toContain(format);
    const { Zxid, Version } = document.components['schemas'] ?? {};
    expect([Zxid?.['format'], Version?.['format']]).toEqual(['int64', 'int32']);
  });

  it('alternatives that are objects exclude one another, by a discriminator where they have one', () => {
    const { MultiMember, Children } = document.components['schemas'] ?? {};
    expect(MultiMember).toMatchObject({
      oneOf: ['Create', 'Set', 'Delete', 'Check'].map((name) => ({
        $ref: `#/components/schemas/${name}Member`,
      })),
      discriminator: {
        propertyName: 'op',
        mapping: { create: '#/components/schemas/CreateMember' },
      },
    });
    expect(Children).toMatchObject({
      properties: { children: { type: 'array', items: { oneOf: [{ type: 'string' }, {}] } } },
    });
    const referring = all.filter(({ anyOf }) => JSON.stringify(anyOf ?? '').includes('$ref'));
    expect(referring).toEqual([]);
  });

  it('no schema has the name of a security scheme, whatever the case of its letters', () => {
    const schemas = Object.keys(document.components['schemas'] ?? {});
    const lower = schemas.map((name) => name.toLowerCase());
    for (const scheme of Object.keys(document.components['securitySchemes'] ?? {})) {
      expect(lower).not.toContain(scheme.toLowerCase());
    }
  });

  it('flags are booleans', () => {
    const put = operations.find(({ operation }) => operation.operationId === 'putZnode');
    const flags = ['ephemeral', 'sequential', 'container', 'parents'];
    for (const name of flags) {
      const parameter = put?.operation.parameters?.find((each) => each.name === name);
      expect(parameter?.schema, name).toEqual({ type: 'boolean' });
    }
  });
});
