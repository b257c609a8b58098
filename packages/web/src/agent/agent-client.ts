import type {
  AgentNotice,
  AgentWelcome,
  AudioRecordClose,
  AudioRecordStart,
  HelloResult,
  Mp4Close,
  Mp4Start,
  RecordingMedia,
  RecordingSource,
} from '@aircheck/protocol';
import { AGENT_PORTS, AGENT_PROTOCOL_VERSION, AGENT_SILENCE_MS } from '@aircheck/protocol/agent-door';
import { AircheckError } from '@aircheck/protocol/errors';
import type { Room } from '../core/index.ts';
import { TypedEmitter } from '../core/typed-emitter.ts';
import { AgentLink } from './agent-link.ts';
import { AgentSecrets, newNonce, pageStorage, proofOf, type SecretStorage } from './agent-secrets.ts';

const RETRY_MS = 2_000;

export interface AgentClientOptions {
  /** Ports to look at, in order; those of the agent when absent. */
  readonly ports?: readonly number[];
  /** Where the secrets of pairing are kept; `localStorage` when absent. */
  readonly storage?: SecretStorage;
  /** The browser's own when absent. */
  readonly WebSocket?: typeof WebSocket;
  /** The page's origin; needed only outside of a page. */
  readonly origin?: string;
}

export type AgentState = 'connected' | 'reconnecting' | 'closed';

/** Events carry the notices of NetEase's agent, by their names. */
export interface AgentClientEvents {
  /** The file was made. */
  mp4_start: [notice: Mp4Start];
  /** The file is finished, whoever ended it: `status` says how. */
  mp4_close: [notice: Mp4Close];
  audio_record_start: [notice: AudioRecordStart];
  audio_record_close: [notice: AudioRecordClose];
  /** About once a second for each recording. */
  progress: [progress: Extract<AgentNotice, { type: 'progress' }>];
  state: [state: AgentState];
  /** Nothing was heard of the agent for 35 s. What it recorded is kept, and ended there by now. */
  heartBeatError: [error: AircheckError];
}

/** What a recording by the agent belongs to: the room that the page is in. */
export interface AgentCall {
  readonly room: Room;
}

export interface StartRecordMp4Options extends AgentCall {
  /** Whom to record; oneself when absent. */
  readonly account?: string;
  /** Where to on this computer: `E:/test.mp4`, or a name for the first folder that the user allowed. */
  readonly path: string;
  /** `camera` when absent. */
  readonly source?: RecordingSource;
  /** `audio`: the sound alone. */
  readonly media?: RecordingMedia;
}

/** The page's side of the PC agent, a program on the same computer that records into files there. */
export class AgentClient extends TypedEmitter<AgentClientEvents> {
  readonly #options: AgentClientOptions;
  readonly #secrets: AgentSecrets;
  #link: AgentLink;
  #hello: HelloResult;
  #welcome: AgentWelcome | undefined;
  #state: AgentState = 'connected';
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** Rooms that the agent records in for this page, each with what ends its watch. */
  readonly #rooms = new Map<Room, () => void>();
  /** The newest renewal of each room: the agent takes the token that comes last. */
  readonly #renewals = new WeakMap<Room, Promise<void>>();

  /**
   * Looks for an agent on this computer. One that this page has been paired with is taken before others, and is ready at
   * once; with any other comes {@link pair}.
   *
   * Browsers may ask their user first. A page needs HTTPS (or to be on the same computer), and inside a frame
   * `allow="loopback-network"` (Chromium 147 and later).
   *
   * @throws AircheckError `agent-not-found`
   */
  static async connect(options: AgentClientOptions = {}): Promise<AgentClient> {
    const secrets = new AgentSecrets(options.storage ?? pageStorage());
    const client = new AgentClient(options, secrets, await greetBest(options, secrets));
    client.#use();
    return client;
  }

  private constructor(options: AgentClientOptions, secrets: AgentSecrets, greeting: Greeting) {
    super();
    this.#options = options;
    this.#secrets = secrets;
    this.#link = greeting.link;
    this.#hello = greeting.hello;
    this.#welcome = greeting.welcome;
  }

  get state(): AgentState {
    return this.#state;
  }

  /** Whether this page may record. */
  get paired(): boolean {
    return this.#welcome !== undefined;
  }

  /** Folders that the user allowed files in; empty until paired. */
  get folders(): readonly string[] {
    return this.#welcome?.folders ?? [];
  }

  /** Undefined until paired. */
  get agentVersion(): string | undefined {
    return this.#welcome?.agentVersion;
  }

  /** What pages of this origin had running when the connection was made: a page that was loaded anew may stop it. */
  get recordings(): AgentWelcome['recordings'] {
    return this.#welcome?.recordings ?? [];
  }

  /**
   * Pairs this page's origin with the agent, for good.
   * @param code - what the agent shows; its user types it in
   * @throws AircheckError `pairing-failed`, `origin-forbidden`
   */
  async pair(code: string): Promise<void> {
    const { secret, ...welcome } = await this.#link.request('pair', { code });
    this.#secrets.keep(this.#hello.agentId, secret);
    this.#welcome = welcome;
  }

  /**
   * Has one account recorded into an MP4 file: what it sends, as it sends it.
   * @returns once the file is there
   * @throws AircheckError `agent-not-paired`, `file-exists` (400), `path-forbidden`, `storage-failed` and `codec-unsupported` (403),
   * `participant-not-found` (404), `recording-exists` (3), `storage-full` (2); `agentStatusOf` gives the number
   */
  async startRecordMp4({ room, account, path, source, media }: StartRecordMp4Options): Promise<Mp4Start> {
    this.#follow(room);
    return this.#link.request('record-mp4-start', {
      ...(await callOf(room)),
      account: account === undefined || account === '' ? room.self.userId : account,
      path,
      ...(source !== undefined && { source }),
      ...(media !== undefined && { media }),
    });
  }

  /**
   * Ends a recording.
   * @returns once its file is whole
   * @throws AircheckError `recording-not-found` (404)
   */
  stopRecordMp4({ room, account }: AgentCall & { readonly account?: string }): Promise<Mp4Close> {
    const whom = account === undefined || account === '' ? room.self.userId : account;
    return this.#link.request('record-mp4-stop', { roomId: room.roomId, account: whom });
  }

  /**
   * Has everybody's sound recorded into one file, also of those who come later: AAC in M4A.
   * @throws AircheckError as {@link startRecordMp4}
   */
  async startRecordAac({ room, path }: AgentCall & { readonly path: string }): Promise<AudioRecordStart> {
    this.#follow(room);
    return this.#link.request('record-aac-start', { ...(await callOf(room)), path });
  }

  /** Ends the recording of everybody's sound. @throws AircheckError `recording-not-found` (404) */
  stopRecordAac({ room }: AgentCall): Promise<AudioRecordClose> {
    return this.#link.request('record-aac-stop', { roomId: room.roomId });
  }

  /**
   * Hands the agent a token that lasts as long as the room's present one, for what it records there. That is done by itself
   * when a room gets another token (`Room.changeRole`) in which this client began a recording; a page that was loaded anew
   * does it for what it found running.
   * @throws AircheckError `recording-not-found` (404)
   */
  renew({ room }: AgentCall): Promise<void> {
    const renewal = (this.#renewals.get(room) ?? Promise.resolve())
      .catch(() => {
        // Whoever asked for it was told.
      })
      .then(async () => {
        await this.#link.request('renew', await callOf(room));
      });
    this.#renewals.set(room, renewal);
    return renewal;
  }

  #follow(room: Room): void {
    if (this.#rooms.has(room)) return;
    const ends = [
      room.on('token-renewed', () => this.#renew(room)),
      room.on('closed', () => void this.#rooms.delete(room)),
    ];
    this.#rooms.set(room, () => {
      for (const end of ends) end();
    });
  }

  #renew(room: Room): void {
    this.renew({ room }).catch(() => {
      // Nothing is recorded there any more, or there is no connection: when it is back, all are renewed.
    });
  }

  /** Ends the connection; the agent ends what it records for this page a little later. May be called twice. */
  close(): void {
    clearTimeout(this.#retry);
    for (const unfollow of this.#rooms.values()) unfollow();
    this.#rooms.clear();
    this.#setState('closed');
    this.#link.close();
  }

  #use(): void {
    this.#link.use({ onNotice: (notice) => this.#noticed(notice), onClosed: () => this.#lost() });
  }

  #noticed(notice: AgentNotice): void {
    switch (notice.type) {
      case 'heartbeat':
        break;
      case 'closed':
        this.close();
        break;
      // Each by itself, so that the compiler ties the name to its payload.
      case 'mp4_start':
        this.emit(notice.type, notice);
        break;
      case 'mp4_close':
        this.emit(notice.type, notice);
        break;
      case 'audio_record_start':
        this.emit(notice.type, notice);
        break;
      case 'audio_record_close':
        this.emit(notice.type, notice);
        break;
      case 'progress':
        this.emit(notice.type, notice);
        break;
    }
  }

  #lost(): void {
    if (this.#state === 'closed') return;
    this.#setState('reconnecting');
    void this.#comeBack(this.#link.lastHeardMs + AGENT_SILENCE_MS);
  }

  /** The agent goes on for a while without its page: what it records need not end when a socket does. */
  async #comeBack(deadlineMs: number): Promise<void> {
    try {
      const greeting = await greet(this.#link.port, this.#options, this.#secrets);
      // Closed meanwhile.
      if (this.#state !== 'reconnecting') {
        greeting.link.close();
        return;
      }
      this.#link = greeting.link;
      this.#hello = greeting.hello;
      this.#welcome = greeting.welcome;
      this.#use();
      this.#setState('connected');
      for (const room of this.#rooms.keys()) this.#renew(room);
    } catch {
      if (this.#state !== 'reconnecting') return;
      if (performance.now() < deadlineMs) {
        this.#retry = setTimeout(() => void this.#comeBack(deadlineMs), RETRY_MS);
        return;
      }
      this.close();
      const seconds = AGENT_SILENCE_MS / 1000;
      this.emit(
        'heartBeatError',
        new AircheckError('agent-lost', `Nothing was heard of the PC agent for ${seconds} s`),
      );
    }
  }

  #setState(state: AgentState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.emit('state', state);
  }
}

/** What the agent joins the room with: a viewer that nobody sees, for this page's user. */
async function callOf(room: Room) {
  const { token } = await room.createViewerToken();
  const page = globalThis.location as Location | undefined;
  return { serverUrl: new URL(room.api.baseUrl, page?.href).href, token, roomId: room.roomId };
}

interface Greeting {
  readonly link: AgentLink;
  readonly hello: HelloResult;
  /** There when this page has been paired with the agent. */
  readonly welcome: AgentWelcome | undefined;
}

/** The agent that this page is paired with, or else the first one that answers. */
async function greetBest(options: AgentClientOptions, secrets: AgentSecrets): Promise<Greeting> {
  let best: Greeting | undefined;
  for (const port of options.ports ?? AGENT_PORTS) {
    let greeting: Greeting;
    try {
      greeting = await greet(port, options, secrets);
    } catch {
      continue;
    }
    if (best === undefined || greeting.welcome !== undefined) {
      best?.link.close();
      best = greeting;
    } else {
      greeting.link.close();
    }
    if (best.welcome !== undefined) break;
  }
  if (best !== undefined) return best;
  throw new AircheckError('agent-not-found', 'No PC agent answers on this computer', { hint: await whyNotFound() });
}

async function greet(port: number, options: AgentClientOptions, secrets: AgentSecrets): Promise<Greeting> {
  const link = await AgentLink.open(port, options.WebSocket ?? globalThis.WebSocket);
  try {
    const pageNonce = newNonce();
    const hello = await link.request('hello', { version: AGENT_PROTOCOL_VERSION, nonce: pageNonce });
    const secret = secrets.secretOf(hello.agentId);
    if (secret === undefined) return { link, hello, welcome: undefined };
    const origin = options.origin ?? globalThis.location.origin;
    const nonces = { origin, agentId: hello.agentId, pageNonce, agentNonce: hello.nonce };
    // A program that only says it is the agent learns nothing from this page.
    if (hello.proof !== proofOf(secret, 'agent', nonces)) return { link, hello, welcome: undefined };
    const welcome = await link.request('authenticate', { proof: proofOf(secret, 'page', nonces) });
    return { link, hello, welcome };
  } catch (error) {
    link.close();
    throw error;
  }
}

/** Chromium asks its user before a page may reach the same computer, and may have been told no. */
async function whyNotFound(): Promise<string> {
  try {
    const { state } = await navigator.permissions.query({ name: 'loopback-network' as PermissionName });
    if (state === 'denied') return 'The browser has been told not to let this page reach programs on this computer';
  } catch {
    // Browsers that do not ask do not know the name.
  }
  return 'Start it with `aircheck-agent` (installed from /sdk/aircheck-agent.tgz of the server); if it runs, its terminal says why it refuses this page';
}
