/**
 * The examples of a Markdown page, as a reader would run them.
 *
 * - `console` blocks: `$ ` begins a command (`> ` goes on with it), what follows is its output.
 * - `websocket NAME` blocks: `> ` is sent on the connection NAME, `< ` is received next, `! dies` cuts it.
 *
 * - `console NAME` blocks: the terminal NAME, in which one command runs for long. What follows it are lines
 *   that come among others, in this order; `^C` ends it.
 *
 * In an expected line `…` stands for any text; alone on its line, for any number of lines.
 */

export interface ConsoleStep {
  readonly kind: 'console';
  readonly line: number;
  readonly command: string;
  readonly output: readonly string[];
}

export interface WebSocketStep {
  readonly kind: 'send' | 'receive' | 'cut';
  readonly line: number;
  readonly connection: string;
  readonly text: string;
}

export interface TerminalStep {
  readonly kind: 'start' | 'shows' | 'interrupt';
  readonly line: number;
  readonly terminal: string;
  readonly text: string;
}

export type Step = ConsoleStep | WebSocketStep | TerminalStep;

interface Block {
  readonly language: string;
  readonly name: string;
  readonly line: number;
  readonly lines: readonly string[];
}

/** Every fenced block of the page, in order. */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { language: string; name: string; line: number; lines: string[] } | undefined;
  markdown.split('\n').forEach((text, index) => {
    if (!text.startsWith('```')) {
      open?.lines.push(text);
      return;
    }
    if (open === undefined) {
      const [language = '', name = ''] = text.slice(3).trim().split(/\s+/);
      open = { language, name, line: index + 2, lines: [] };
    } else {
      blocks.push(open);
      open = undefined;
    }
  });
  return blocks;
}

/** The page with the lines of all other sections empty, so that line numbers are those of the page. */
export function sectionOf(markdown: string, title: string): string {
  let inside = false;
  const lines = markdown.split('\n').map((text) => {
    if (text.startsWith('## ')) inside = text === `## ${title}`;
    return inside ? text : '';
  });
  if (!lines.includes(`## ${title}`)) throw new Error(`there is no section ${title}`);
  return lines.join('\n');
}

/** The steps of all `console` and `websocket` blocks, in the order of the page. */
export function stepsOf(markdown: string): Step[] {
  return blocksOf(markdown).flatMap((block): Step[] => {
    if (block.language === 'console' && block.name !== '') return terminalSteps(block);
    if (block.language === 'console') return consoleSteps(block);
    if (block.language === 'websocket') return webSocketSteps(block);
    return [];
  });
}

function consoleSteps(block: Block): ConsoleStep[] {
  const steps: { line: number; command: string; output: string[] }[] = [];
  block.lines.forEach((text, index) => {
    const last = steps.at(-1);
    if (text.startsWith('$ ')) {
      steps.push({ line: block.line + index, command: text.slice(2), output: [] });
    } else if (last === undefined) {
      throw new Error(`line ${block.line + index}: output without a command`);
    } else if (text.startsWith('> ') && last.output.length === 0) {
      last.command += `\n${text.slice(2)}`;
    } else {
      last.output.push(text);
    }
  });
  return steps.map((step) => ({ kind: 'console', ...step }));
}

function terminalSteps(block: Block): TerminalStep[] {
  return block.lines.map((text, index) => {
    const step = { line: block.line + index, terminal: block.name };
    if (text.startsWith('$ ')) return { ...step, kind: 'start', text: text.slice(2) };
    return { ...step, kind: text === '^C' ? 'interrupt' : 'shows', text };
  });
}

const kinds = { '> ': 'send', '< ': 'receive', '! ': 'cut' } as const;

function webSocketSteps(block: Block): WebSocketStep[] {
  return block.lines.map((text, index) => {
    const line = block.line + index;
    const mark = text.slice(0, 2);
    if (!(mark in kinds)) throw new Error(`line ${line}: neither sent nor received: ${text}`);
    const kind = kinds[mark as keyof typeof kinds];
    return { kind, line, connection: block.name, text: text.slice(2) };
  });
}

/** True when `actual` is what the page shows. */
export function matchesLines(expected: readonly string[], actual: readonly string[]): boolean {
  const pattern = expected
    .map((line) => (line.trim() === '…' ? '(?:[^\\n]*\\n)*?' : `${patternOf(line)}\\n`))
    .join('');
  return new RegExp(`^${pattern}$`).test(actual.map((line) => `${line}\n`).join(''));
}

export function matchesText(expected: string, actual: string): boolean {
  return new RegExp(`^${patternOf(expected)}$`).test(actual);
}

function patternOf(line: string): string {
  return line
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('[^\\n]*');
}
