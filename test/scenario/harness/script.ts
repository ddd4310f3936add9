/**
 * The form of a scenario script, after etcd's interaction tests: a comment in whole sentences, then blocks of
 * commands, each followed by `----` and the output that these commands have.
 */

export interface Block {
  /** Comment and empty lines before the commands, as they stand. */
  readonly before: readonly string[];
  readonly commands: readonly string[];
  readonly output: readonly string[];
}

export interface Script {
  readonly blocks: readonly Block[];
  /** Comment lines after the last block. */
  readonly after: readonly string[];
}

const SEPARATOR = '----';

/** @throws Error for a block without its separator */
export function parseScript(text: string): Script {
  const lines = text.replace(/\n+$/, '').split('\n');
  const blocks: Block[] = [];
  let at = 0;
  const takeWhile = (isWanted: (line: string) => boolean): string[] => {
    const taken: string[] = [];
    for (let line = lines[at]; line !== undefined && isWanted(line); line = lines[++at]) {
      taken.push(line);
    }
    return taken;
  };
  for (;;) {
    const before = takeWhile((line) => line === '' || line.startsWith('#'));
    const commands = takeWhile((line) => line !== '' && line !== SEPARATOR);
    if (commands.length === 0) return { blocks, after: before };
    if (lines[at] === SEPARATOR) at += 1;
    else if (lines[at] !== undefined) throw new Error(`line ${at + 1}: expected ${SEPARATOR}`);
    blocks.push({ before, commands, output: takeWhile((line) => line !== '') });
  }
}

/** The comment at the head of a script, without its marks. */
export function headOf(script: Script): string {
  const lines = script.blocks[0]?.before ?? [];
  return lines
    .map((line) => line.replace(/^# ?/, ''))
    .join('\n')
    .trim();
}

/** The script with `outputs` in the place of its own, one for each block. */
export function formatScript(script: Script, outputs: readonly (readonly string[])[]): string {
  const lines: string[] = [];
  for (const [index, { before, commands }] of script.blocks.entries()) {
    const own = before.filter((line) => line !== '');
    if (index > 0) lines.push('');
    lines.push(...own);
    if (own.length > 0 && index === 0) lines.push('');
    lines.push(...commands, SEPARATOR, ...(outputs[index] ?? []));
  }
  const after = script.after.filter((line) => line !== '');
  if (after.length > 0) lines.push('', ...after);
  return `${lines.join('\n')}\n`;
}
