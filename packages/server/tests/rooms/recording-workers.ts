import type { AircheckError, TrackSource } from '@aircheck/protocol';
import type { RoomsOptions } from '../../src/rooms/index.ts';
import type { WorkerEventName, WorkerEvents, WorkerRequestName, WorkerRequests } from '../../src/worker/contract.ts';

type Workers = RoomsOptions['workers'];
type Call = {
  [N in WorkerRequestName]: { name: N; roomKey: string; body: WorkerRequests[N]['in'] };
}[WorkerRequestName];

/** Stands where the media workers stand: notes what is asked of them, and says what a worker would say. */
export class RecordingWorkers implements Workers {
  readonly calls: Call[] = [];
  readonly released: string[] = [];
  /** The next request of a name fails with this. */
  readonly failures = new Map<WorkerRequestName, AircheckError>();
  /** Requests of a name are answered once this is settled. */
  readonly gates = new Map<WorkerRequestName, Promise<void>>();
  readonly #eventListeners = new Map<WorkerEventName, Set<(body: never) => void>>();
  readonly #lostListeners = new Set<(roomKeys: string[]) => void>();
  readonly #waiters: { readonly matches: (call: Call) => boolean; readonly resolve: (call: Call) => void }[] = [];
  readonly #published = new Map<string, string>();
  #restarts = 0;
  #revision = 0;

  async request<N extends WorkerRequestName>(
    roomKey: string,
    name: N,
    body: WorkerRequests[N]['in'],
  ): Promise<WorkerRequests[N]['out']> {
    const call = { name, roomKey, body } as Call;
    this.calls.push(call);
    for (const waiter of this.#waiters.filter(({ matches }) => matches(call))) {
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      waiter.resolve(call);
    }
    // Even the fastest worker answers over IPC, never within the same turn.
    await new Promise((resolve) => setImmediate(resolve));
    await this.gates.get(name);
    const failure = this.failures.get(name);
    if (failure !== undefined) {
      this.failures.delete(name);
      throw failure;
    }
    return this.#answer(call) as WorkerRequests[N]['out'];
  }

  on<N extends WorkerEventName>(name: N, listener: (body: WorkerEvents[N]) => void): () => void {
    const listeners = this.#eventListeners.get(name) ?? new Set();
    this.#eventListeners.set(name, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  onWorkerLost(listener: (roomKeys: string[]) => void): () => void {
    this.#lostListeners.add(listener);
    return () => this.#lostListeners.delete(listener);
  }

  releaseRoom(roomKey: string): void {
    this.released.push(roomKey);
  }

  emit<N extends WorkerEventName>(name: N, body: WorkerEvents[N]): void {
    for (const listener of this.#eventListeners.get(name) ?? []) listener(body as never);
  }

  loseWorkerOf(roomKey: string): void {
    for (const listener of this.#lostListeners) listener([roomKey]);
  }

  /** Bodies of all requests of a name so far. */
  bodies<N extends WorkerRequestName>(name: N): WorkerRequests[N]['in'][] {
    return this.calls.filter((call) => call.name === name).map((call) => call.body as WorkerRequests[N]['in']);
  }

  /** The first request of a name that meets the condition, past or to come. */
  async called<N extends WorkerRequestName>(
    name: N,
    condition: (body: WorkerRequests[N]['in']) => boolean = () => true,
  ): Promise<WorkerRequests[N]['in']> {
    const matches = (call: Call) => call.name === name && condition(call.body as WorkerRequests[N]['in']);
    const past = this.calls.find(matches);
    const call = past ?? (await new Promise<Call>((resolve) => this.#waiters.push({ matches, resolve })));
    return call.body as WorkerRequests[N]['in'];
  }

  #answer(call: Call): unknown {
    switch (call.name) {
      case 'publish': {
        const { userId, sdp, tracks } = call.body;
        const offered =
          tracks ??
          [...sdp.matchAll(/m=(audio|video) [\s\S]*?a=mid:(\S+)/g)].map(([, kind, mid = '']) => ({
            mid,
            source: (kind === 'audio' ? 'microphone' : 'camera') satisfies TrackSource,
            muted: false,
          }));
        return {
          sdp: answerSdp('pubUfrag'),
          tracks: offered.map(({ mid, source, muted }) => {
            const trackId = `${userId}-${source}`;
            this.#published.set(trackId, userId);
            const audio = source === 'microphone' || source === 'screen-audio';
            return { mid, trackId, source, muted, kind: audio ? 'audio' : 'video', codec: audio ? 'opus' : 'h264' };
          }),
        };
      }
      case 'subscribe':
        this.#revision += 1;
        return {
          sdp: `offer ${this.#revision}`,
          revision: this.#revision,
          tracks: call.body.trackIds.map((trackId, index) => ({
            mid: String(index),
            trackId,
            userId: this.#published.get(trackId) ?? '',
          })),
        };
      case 'view':
        return { sdp: answerSdp('viewUfrag') };
      case 'restartIce':
        this.#restarts += 1;
        return {
          iceUfrag: `restarted${this.#restarts}`,
          icePwd: 'restartedPassword12345678',
          candidates: ['candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host'],
        };
      default:
        return {};
    }
  }
}

function answerSdp(iceUfrag: string): string {
  return [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    'a=ice-lite',
    'm=audio 40000 UDP/TLS/RTP/SAVPF 111',
    'c=IN IP4 127.0.0.1',
    'a=mid:0',
    `a=ice-ufrag:${iceUfrag}`,
    'a=ice-pwd:answerPassword1234567890',
    '',
  ].join('\r\n');
}
