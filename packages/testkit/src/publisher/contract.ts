import type { ClipOptions } from '../synthetic-media/clip.ts';
import type { ImpairmentOptions } from './impairment.ts';

/** What a publisher sends and how. */
export interface PublishOptions {
  /** The WHIP endpoint, e.g. `http://127.0.0.1:8080/whip/demo`. */
  readonly url: string;
  /** Access token of a host or guest. */
  readonly token: string;
  /** `clip`: encoded once and repeated (default, 10 s). `live`: encoded while it is sent; PLI gives a key frame at once. */
  readonly media?: { readonly kind: 'live' | 'clip' } & Partial<ClipOptions>;
  /** Tracks to send; both by default. */
  readonly tracks?: readonly ('audio' | 'video')[];
  readonly impairment?: ImpairmentOptions;
  /** Default true. */
  readonly answerNacks?: boolean;
  /** Default true. Without it the receiver's wish for a key frame is heard and not followed. */
  readonly answerKeyFrameRequests?: boolean;
  /** Retransmissions in a stream of their own (RFC 4588) where the receiver takes it; default true. */
  readonly rtx?: boolean;
  /** Connects, and sends nothing before the first `resume`: what was sent is then known to have been sent after it. */
  readonly held?: boolean;
  /** Waits that long before the first packet, to spread many publishers. */
  readonly delayMs?: number;
}

/** What has been sent so far. */
export interface SentMedia {
  readonly frames: number;
  /** Counters burnt into the pictures, as runs of consecutive numbers; an IDR jump of a clip begins a new run. */
  readonly counters: readonly { readonly first: number; readonly last: number }[];
  readonly audioPackets: number;
  /** RTP packets of both tracks, without retransmissions. */
  readonly packets: number;
  /** Packets that the impairment swallowed, and let be overtaken. */
  readonly lost: number;
  readonly reordered: number;
  /** Packets that the receiver asked for again, and that were sent again. */
  readonly nacked: number;
  readonly retransmitted: number;
  readonly keyFrameRequests: number;
  /** Milliseconds since 1970 when the first packet went out; null before. */
  readonly startedAt: number | null;
  readonly state: string;
}

export type GarbageKind =
  /** Random bytes behind a right header. */
  | 'payload'
  /** Header bits that promise more than the packet holds: extension, contributing sources, padding. */
  | 'header'
  /** RTCP types with random bodies and lengths. */
  | 'rtcp';

/** What a WHEP viewer has received so far. */
export interface ReceivedMedia {
  readonly audioPackets: number;
  readonly videoPackets: number;
  /** Video frames, counted by the marker bit. */
  readonly frames: number;
  readonly keyFrames: number;
  /** Holes in the sequence numbers of either track, as the difference of highest and lowest minus what came. */
  readonly missing: number;
  readonly senderReports: number;
  /** Milliseconds since 1970 of the first packet; null before. */
  readonly startedAt: number | null;
  readonly state: string;
}

export interface ViewOptions {
  /** The WHEP endpoint, e.g. `http://127.0.0.1:8080/whep/demo/host`. */
  readonly url: string;
  readonly token: string;
}

export interface PeerRequests {
  publish: { in: PublishOptions & { readonly clipPath: string | undefined }; out: { readonly resource: string } };
  view: { in: ViewOptions; out: { readonly resource: string } };
  sent: { in: null; out: SentMedia };
  received: { in: null; out: ReceivedMedia };
  /** Sends nothing until `resume`; media time goes on, as with a camera that is switched off. */
  pause: { in: null; out: null };
  resume: { in: null; out: null };
  /** Sends the first half of the packets of the next frame, then nothing more until `resume`. */
  stopMidFrame: { in: null; out: null };
  garbage: { in: { readonly kind: GarbageKind; readonly packets: number; readonly seed: number }; out: null };
  /** Ends with DELETE, or without a word. */
  leave: { in: { readonly silently: boolean }; out: null };
}

export type PeerRequestName = keyof PeerRequests;

export type ToPeerProcess = {
  [N in PeerRequestName]: {
    readonly id: number;
    readonly peer: number;
    readonly name: N;
    readonly body: PeerRequests[N]['in'];
  };
}[PeerRequestName];

export type FromPeerProcess =
  | { readonly id: number; readonly result: unknown }
  | {
      readonly id: number;
      readonly error: { readonly message: string; readonly status?: number; readonly code?: string };
    };
