/** `npm run soak`: abusive clients beside good ones, and whether the good ones notice. */
import process from 'node:process';
import { parseOptions } from './options.ts';
import { soak } from './run.ts';

const options = parseOptions();
console.log(`soak: ${options.calmMinutes} minutes alone, ${options.minutes} beside abuse`);
const { lines, violations } = await soak(options);
for (const line of lines) console.log(`  ${line}`);
console.log(`  violations: ${violations.length}`);
for (const violation of violations) console.log(`    ${violation}`);
process.exit(violations.length === 0 ? 0 : 1);
