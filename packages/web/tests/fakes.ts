import type { JoinResult, Participant, Recording, Track } from '@aircheck/protocol';
import type { Platform } from '../src/core/index.ts';

type Sent = { id: number; type: string } & Record<string, unknown>;

/** The server's end of one WebSocket, driven by a test. */
export class FakeSocket extends EventTarget {
  readonly url: string;
  readonly protocol: string;
  readonly sent: Sent[] = [];
  closed = false;

  constructor(url: string, protocol: string) {
    super();
    this.url = url;
    this.protocol = protocol;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.closed = true;
  }

  open(): void {
    this.dispatchEvent(new Event('open'));
  }

  drop(): void {
    this.dispatchEvent(new Event('close'));
  }

  tell(message: object): void {
    this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(message) }));
  }

  requests(type: string): Sent[] {
    return this.sent.filter((message) => message.type === type);
  }

  /** Answers the newest request of that type. */
  answer(type: string, result: object = {}): void {
    this.tell({ id: this.requests(type).at(-1)?.id, ok: true, result });
  }

  refuse(type: string, code: string, detail = 'No'): void {
    this.tell({ id: this.requests(type).at(-1)?.id, ok: false, error: { code, detail } });
  }
}

class FakeSender {
  track: unknown;
  parameters: { degradationPreference?: string; encodings: { maxBitrate?: number }[] };
  readonly replaced: unknown[] = [];

  constructor(track: unknown, encodings: { maxBitrate?: number }[]) {
    this.track = track;
    this.parameters = { encodings };
  }

  async replaceTrack(track: unknown): Promise<void> {
    this.track = track;
    this.replaced.push(track);
  }

  getParameters() {
    return structuredClone(this.parameters);
  }

  async setParameters(parameters: FakeSender['parameters']): Promise<void> {
    this.parameters = parameters;
  }
}

interface FakeTransceiver {
  mid: string | null;
  direction: string;
  currentDirection: string | null;
  readonly sender: FakeSender;
  readonly receiver: { readonly track: { readonly kind: string } };
  codecs: readonly unknown[];
  setCodecPreferences(codecs: readonly unknown[]): void;
}

/** Does the bookkeeping of descriptions and m-lines, and no media. */
export class FakePeerConnection extends EventTarget {
  iceConnectionState = 'new';
  signalingState = 'stable';
  localDescription: { type: string; sdp: string } | null = null;
  readonly transceivers: FakeTransceiver[] = [];
  readonly remoteDescriptions: { type: string; sdp: string }[] = [];
  iceRestarts = 0;
  closed = false;
  #descriptions = 0;

  getTransceivers(): FakeTransceiver[] {
    return this.transceivers;
  }

  addTransceiver(
    track: { kind: string },
    init: { direction: string; sendEncodings?: { maxBitrate?: number }[] },
  ): FakeTransceiver {
    const transceiver: FakeTransceiver = {
      mid: null,
      direction: init.direction,
      currentDirection: null,
      sender: new FakeSender(track, init.sendEncodings ?? []),
      receiver: { track: { kind: track.kind } },
      codecs: [],
      setCodecPreferences(codecs) {
        this.codecs = codecs;
      },
    };
    this.transceivers.push(transceiver);
    return transceiver;
  }

  restartIce(): void {
    this.iceRestarts += 1;
  }

  async createOffer(): Promise<{ type: string }> {
    return { type: 'offer' };
  }

  async createAnswer(): Promise<{ type: string }> {
    return { type: 'answer' };
  }

  async setLocalDescription(description?: { type: string }): Promise<void> {
    if (description?.type === 'rollback') {
      this.signalingState = 'stable';
      for (const transceiver of this.transceivers) {
        if (transceiver.currentDirection === null) transceiver.mid = null;
      }
      return;
    }
    const answering = this.signalingState === 'have-remote-offer';
    this.#descriptions += 1;
    this.localDescription = { type: answering ? 'answer' : 'offer', sdp: `local ${this.#descriptions}` };
    this.signalingState = answering ? 'stable' : 'have-local-offer';
    this.transceivers.forEach((transceiver, index) => {
      transceiver.mid ??= String(index);
    });
  }

  async setRemoteDescription(description: { type: string; sdp: string }): Promise<void> {
    if (description.sdp === 'broken') throw new Error('cannot apply');
    this.remoteDescriptions.push(description);
    if (description.type === 'offer') {
      this.signalingState = 'have-remote-offer';
      // The offers of these tests list their m-lines: `mid:kind mid:kind`.
      for (const line of description.sdp.split(' ')) {
        const [mid = '', kind = ''] = line.split(':');
        if (this.transceivers.some((one) => one.mid === mid)) continue;
        this.addTransceiver({ kind }, { direction: 'recvonly' }).mid = mid;
      }
      return;
    }
    this.signalingState = 'stable';
    for (const transceiver of this.transceivers) transceiver.currentDirection = transceiver.direction;
  }

  ice(state: string): void {
    this.iceConnectionState = state;
    this.dispatchEvent(new Event('iceconnectionstatechange'));
  }

  close(): void {
    this.closed = true;
    this.iceConnectionState = 'closed';
  }
}

export class FakeMediaStreamTrack extends EventTarget {
  readonly kind: string;
  enabled = true;
  readyState: 'live' | 'ended' = 'live';
  contentHint = '';
  readonly label = '';
  stopped = false;

  constructor(kind: string) {
    super();
    this.kind = kind;
  }

  getSettings(): MediaTrackSettings {
    return {};
  }

  stop(): void {
    this.stopped = true;
    this.readyState = 'ended';
  }

  unplug(): void {
    this.readyState = 'ended';
    this.dispatchEvent(new Event('ended'));
  }
}

export interface FakePlatform {
  readonly platform: Platform;
  readonly sockets: FakeSocket[];
  readonly connections: FakePeerConnection[];
  readonly captured: FakeMediaStreamTrack[];
  /** What REST answers, by path; all else is not reached. */
  readonly answers: Map<string, object>;
  /** What was asked of REST. */
  readonly fetched: (RequestInit & { readonly url: string })[];
  /** What is plugged in. */
  readonly devices: Pick<MediaDeviceInfo, 'kind' | 'deviceId' | 'label'>[];
  changeNetwork(): void;
}

export function fakePlatform(): FakePlatform {
  const sockets: FakeSocket[] = [];
  const connections: FakePeerConnection[] = [];
  const captured: FakeMediaStreamTrack[] = [];
  const answers = new Map<string, object>();
  const fetched: (RequestInit & { readonly url: string })[] = [];
  const devices: Pick<MediaDeviceInfo, 'kind' | 'deviceId' | 'label'>[] = [];
  const networkListeners = new Set<() => void>();
  const capture = (constraints: MediaStreamConstraints) => {
    const track = new FakeMediaStreamTrack(constraints.video === undefined ? 'audio' : 'video');
    captured.push(track);
    return { getTracks: () => [track] };
  };
  const platform = {
    WebSocket: class extends FakeSocket {
      constructor(url: string, protocol: string) {
        super(url, protocol);
        sockets.push(this);
      }
    },
    RTCPeerConnection: class extends FakePeerConnection {
      constructor() {
        super();
        connections.push(this);
      }
    },
    mediaDevices: Object.assign(new EventTarget(), {
      async enumerateDevices() {
        return [...devices];
      },
      getUserMedia: async (constraints: MediaStreamConstraints) => capture(constraints),
      getDisplayMedia: async (constraints: MediaStreamConstraints) => capture(constraints),
    }),
    fetch: async (url: string, init: RequestInit) => {
      fetched.push({ url, ...init });
      const answer = answers.get(new URL(url).pathname);
      if (answer === undefined) throw new TypeError('no network here');
      return Response.json(answer, { status: 'code' in answer ? 409 : 200 });
    },
    videoCapabilities: () => ({
      codecs: [
        { mimeType: 'video/VP8', clockRate: 90_000 },
        {
          mimeType: 'video/H264',
          clockRate: 90_000,
          sdpFmtpLine: 'packetization-mode=1;profile-level-id=42e01f',
        },
      ],
      headerExtensions: [],
    }),
    random: () => 1,
    onNetworkChange(listener: () => void) {
      networkListeners.add(listener);
      return () => networkListeners.delete(listener);
    },
  };
  return {
    platform: platform as unknown as Platform,
    sockets,
    connections,
    captured,
    answers,
    fetched,
    devices,
    changeNetwork: () => {
      for (const listener of networkListeners) listener();
    },
  };
}

export function participant(userId: string, tracks: Track[] = []): Participant {
  return { userId, role: 'host', via: 'sdk', connected: true, joinedAt: '2026-01-01T00:00:00.000Z', tracks };
}

export function videoTrack(trackId: string): Track {
  return { trackId, kind: 'video', source: 'camera', codec: 'h264', muted: false };
}

export function recording(recordingId: string, state: Recording['state']): Recording {
  return {
    recordingId,
    roomId: 'demo',
    userId: 'me',
    source: 'camera',
    media: 'av',
    fileName: 'a file',
    tags: [],
    classId: 0,
    segmentSeconds: 5400,
    idleSeconds: 60,
    state,
    endReason: null,
    detail: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    startedAt: null,
    endedAt: null,
    durationMs: 0,
    sizeBytes: 0,
    fileIds: [],
    health: {
      gaps: [],
      gapCount: 0,
      lostPackets: 0,
      recoveredPackets: 0,
      lostFrames: 0,
      frozenMs: 0,
      silenceMs: 0,
      clockDriftPpm: {},
      resolutionChanges: [],
    },
  };
}

export function joinResult(changes: Partial<JoinResult> = {}): JoinResult {
  return {
    sessionId: 'session-1',
    resumed: false,
    roomId: 'demo',
    roomType: 'multi',
    self: participant('me'),
    participants: [],
    recordings: [],
    iceServers: [],
    ...changes,
  };
}
