import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { encodeClip } from '../synthetic-media/clip.ts';
import type {
  FromPeerProcess,
  GarbageKind,
  PeerRequestName,
  PeerRequests,
  PublishOptions,
  ReceivedMedia,
  SentMedia,
  ViewOptions,
} from './contract.ts';
import { SignalingError } from './http-signaling.ts';

const DEFAULT_CLIP_SECONDS = 10;

/** A host that publishes over WHIP. */
export interface WhipPublisher {
  /** URL of the WHIP session. */
  readonly resource: string;
  /** Of the process that holds it. */
  readonly pid: number;
  sent(): Promise<SentMedia>;
  /** Sends nothing until `resume`; media time goes on. */
  pause(): Promise<void>;
  /** Begins again with a key frame. */
  resume(): Promise<void>;
  /** Sends half of the next frame's packets and then nothing. */
  stopMidFrame(): Promise<void>;
  sendGarbage(kind: GarbageKind, packets: number, seed?: number): Promise<void>;
  /** Leaves by DELETE, or (`silently`) by closing the connection without a word. Answers what was sent. */
  stop(options?: { readonly silently?: boolean }): Promise<SentMedia>;
}

/** A spectator that counts what it is sent over WHEP. */
export interface WhepViewer {
  readonly resource: string;
  readonly pid: number;
  received(): Promise<ReceivedMedia>;
  stop(options?: { readonly silently?: boolean }): Promise<ReceivedMedia>;
}

/** A child process that holds any number of WebRTC publishers and viewers. */
export class PeerProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #requests = 0;
  #peers = 0;

  constructor() {
    this.#child = fork(fileURLToPath(new URL('./peer-process-main.ts', import.meta.url)), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', (message: FromPeerProcess) => {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if ('result' in message) waiting?.resolve(message.result);
      else if (message.error.status === undefined) waiting?.reject(new Error(message.error.message));
      else waiting?.reject(new SignalingError(message.error.message, message.error.status, message.error.code));
    });
    this.#child.on('exit', (code, signal) => {
      const error = new Error(`the process of the WebRTC peers ended (${signal ?? code})`);
      for (const waiting of this.#waiting.values()) waiting.reject(error);
      this.#waiting.clear();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /**
   * Publishes; answers once connected, when the first packets go out.
   * @throws SignalingError when the server refuses
   */
  async publish(options: PublishOptions): Promise<WhipPublisher> {
    this.#peers += 1;
    const peer = this.#peers;
    const { kind = 'clip', ...clip } = options.media ?? {};
    const clipPath = kind === 'clip' ? await encodeClip({ seconds: DEFAULT_CLIP_SECONDS, ...clip }) : undefined;
    const { resource } = await this.#request(peer, 'publish', { ...options, clipPath });
    return {
      resource,
      pid: this.pid,
      sent: () => this.#request(peer, 'sent', null),
      pause: async () => void (await this.#request(peer, 'pause', null)),
      resume: async () => void (await this.#request(peer, 'resume', null)),
      stopMidFrame: async () => void (await this.#request(peer, 'stopMidFrame', null)),
      sendGarbage: async (kindOfGarbage, packets, seed = 1) =>
        void (await this.#request(peer, 'garbage', { kind: kindOfGarbage, packets, seed })),
      stop: async ({ silently = false } = {}) => {
        await this.#request(peer, 'pause', null);
        const sent = await this.#request(peer, 'sent', null);
        await this.#request(peer, 'leave', { silently });
        return sent;
      },
    };
  }

  /** @throws SignalingError when the server refuses */
  async view(options: ViewOptions): Promise<WhepViewer> {
    this.#peers += 1;
    const peer = this.#peers;
    const { resource } = await this.#request(peer, 'view', options);
    return {
      resource,
      pid: this.pid,
      received: () => this.#request(peer, 'received', null),
      stop: async ({ silently = false } = {}) => {
        const received = await this.#request(peer, 'received', null);
        await this.#request(peer, 'leave', { silently });
        return received;
      },
    };
  }

  #request<N extends PeerRequestName>(
    peer: number,
    name: N,
    body: PeerRequests[N]['in'],
  ): Promise<PeerRequests[N]['out']> {
    this.#requests += 1;
    const waiting = Promise.withResolvers<unknown>();
    if (!this.#child.connected) return Promise.reject(new Error('the process of the WebRTC peers has ended'));
    this.#waiting.set(this.#requests, waiting);
    this.#child.send({ id: this.#requests, peer, name, body }, (error) => {
      if (error !== null) waiting.reject(error);
    });
    return waiting.promise as Promise<PeerRequests[N]['out']>;
  }

  /** Ends the process and all peers in it, without a word to the server. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}

/** A publisher in a process of its own. */
export interface OwnWhipPublisher extends WhipPublisher {
  /** Ends the process at once, as a host whose machine failed. */
  kill(): Promise<void>;
}

/** Starts a process with one publisher; `stop` ends both. */
export async function startWhipPublisher(options: PublishOptions): Promise<OwnWhipPublisher> {
  const peers = new PeerProcess();
  const publisher = await peers.publish(options).catch(async (error: unknown) => {
    await peers.close();
    throw error;
  });
  return {
    ...publisher,
    stop: (how) => publisher.stop(how).finally(() => peers.close()),
    kill: () => peers.close(),
  };
}

/** Starts a process with one viewer; `stop` ends both. */
export async function startWhepViewer(options: ViewOptions): Promise<WhepViewer> {
  const peers = new PeerProcess();
  const viewer = await peers.view(options).catch(async (error: unknown) => {
    await peers.close();
    throw error;
  });
  return { ...viewer, stop: (how) => viewer.stop(how).finally(() => peers.close()) };
}
