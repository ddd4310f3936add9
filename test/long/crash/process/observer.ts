/** Looks at the whole tree now and then, so that the same zxid can be looked at again after the end. */
import { httpClient } from '../../../support/http-client.ts';
import { same } from '../fail.ts';
import { listing, stateAt } from './replay.ts';

interface Look {
  readonly zxid: number;
  readonly nodes: readonly { readonly path: string; readonly stat: object }[];
}

export class Observer {
  #look: Look | undefined;
  /** Looks that have been compared. */
  compared = 0;

  /** Looks until the node is gone. */
  async watch(url: string): Promise<void> {
    this.#look = undefined;
    const http = httpClient(url);
    for (;;) {
      try {
        const answer = await http('GET', '/tree/?limit=10000&consistency=local');
        if (answer.status === 200) this.#look = answer.json() as unknown as Look;
      } catch {
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** What was seen of the tree is what the disk says of that zxid, to the last field of every stat. */
  async compare(dataDir: string): Promise<void> {
    if (this.#look === undefined) return;
    const { zxid, nodes } = this.#look;
    const state = await stateAt(dataDir, zxid);
    if (state === undefined) return;
    same(nodes, listing(state), `the tree at ${zxid}`);
    this.compared += 1;
  }
}
