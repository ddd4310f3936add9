/** Writes the generated documents into `openapi/`: `npm run openapi`. A test compares them with the code. */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { openApiDocument } from '../protocol/rest/openapi.ts';
import { asyncApiDocument } from '../protocol/websocket/asyncapi.ts';
import { productVersion } from './version.ts';

const version = productVersion();
const folder = fileURLToPath(new URL('../../openapi/', import.meta.url));

await mkdir(folder, { recursive: true });
for (const [name, document] of [
  ['openapi.json', openApiDocument({ version })],
  ['asyncapi.json', asyncApiDocument({ version })],
] as const) {
  await writeFile(`${folder}${name}`, `${JSON.stringify(document, null, 2)}\n`);
}
