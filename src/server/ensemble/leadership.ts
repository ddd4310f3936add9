/** Who leads, asked of the nodes themselves, as anybody could. */

/** The part of `GET /ensemble` that matters here. */
export interface EnsembleView {
  readonly epoch: number;
  readonly leader: number | null;
  readonly self: number;
}

/** Milliseconds. */
const ASK_TIMEOUT_MS = 1000;

/** What the newest leader among `urls` says. That others take somebody for the leader is no proof. */
export async function askForLeader(urls: readonly string[]): Promise<EnsembleView | undefined> {
  const views = (await Promise.all(urls.map(viewOf))).filter((view) => view !== undefined);
  const leading = views.filter(({ leader, self }) => leader === self);
  return leading.sort((one, other) => other.epoch - one.epoch)[0];
}

/** True once every one of `urls` serves clients. */
export async function areReady(urls: readonly string[]): Promise<boolean> {
  const answers = await Promise.all(urls.map((url) => ask(`${url}/health/ready`)));
  return answers.every((answer) => answer?.ok === true);
}

async function viewOf(url: string): Promise<EnsembleView | undefined> {
  const answer = await ask(`${url}/ensemble`);
  if (answer?.ok !== true) return undefined;
  return (await answer.json().catch(() => undefined)) as EnsembleView | undefined;
}

/** A node that does not answer is down, or not up yet. */
async function ask(url: string): Promise<Response | undefined> {
  return fetch(url, { signal: AbortSignal.timeout(ASK_TIMEOUT_MS) }).catch(() => undefined);
}
