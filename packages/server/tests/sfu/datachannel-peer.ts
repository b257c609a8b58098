import { type ChildProcess, fork } from 'node:child_process';

/** Slices of each picture, a packet each. */
export const SLICES = 6;
export type PeerCommand =
  | {
      readonly type: 'publish' /** Every n-th packet of video is lost on its first way; 0: none. */;
      readonly loseEvery: number;
    }
  | { readonly type: 'answer'; readonly sdp: string }
  | { readonly type: 'receive'; readonly sdp: string };

export type PeerReport =
  | { readonly type: 'description'; readonly sdp: string }
  | { readonly type: 'state'; readonly state: string }
  | { readonly type: 'key-frame-requested' }
  | { readonly type: 'asked-again'; readonly packets: number }
  | { readonly type: 'received'; readonly packets: readonly ReceivedPacket[] };

export interface ReceivedPacket {
  readonly ssrc: number;
  readonly payloadType: number;
  readonly sequenceNumber: number;
  /** First bytes, enough to know the slice by. */
  readonly head: readonly number[];
}

/** A peer of libdatachannel in a process of its own. */
export class DatachannelPeer implements Disposable {
  readonly reports: PeerReport[] = [];
  readonly #child: ChildProcess;
  readonly #waiters = new Set<() => void>();

  constructor() {
    this.#child = fork(new URL('./datachannel-peer-main.ts', import.meta.url), { stdio: 'inherit' });
    this.#child.on('message', (report: PeerReport) => {
      this.reports.push(report);
      for (const check of [...this.#waiters]) check();
    });
  }

  send(command: PeerCommand): void {
    this.#child.send(command);
  }

  /** Waits until the reports so far give a value. */
  async until<T>(
    what: string,
    find: (reports: readonly PeerReport[]) => T | undefined,
    timeoutMs = 20_000,
  ): Promise<T> {
    const found = Promise.withResolvers<T>();
    const check = (): void => {
      const value = find(this.reports);
      if (value !== undefined) found.resolve(value);
    };
    const timer = setTimeout(() => {
      const seen = this.reports.map(({ type }) => type).join(' ');
      found.reject(new Error(`no ${what} within ${timeoutMs} ms; reports: ${seen}`));
    }, timeoutMs);
    this.#waiters.add(check);
    check();
    try {
      return await found.promise;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(check);
    }
  }

  description(): Promise<string> {
    return this.until('description', (reports) => reports.find((report) => report.type === 'description')?.sdp);
  }

  async connected(): Promise<void> {
    await this.until('connection', (reports) =>
      reports.find((report) => report.type === 'state' && report.state === 'connected'),
    );
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}
