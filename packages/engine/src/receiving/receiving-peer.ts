import {
  buildReceiverReport,
  buildSourceDescription,
  MediaError,
  parseRtcp,
  parseRtpPacket,
  type RtpPacket,
  TransportFeedbackGenerator,
  unwrapRtx,
} from '@aircheck/media';
import type { PeerTransport, TransportHandlers } from '../transport/index.ts';
import { ArrivalTimes } from './arrival-times.ts';
import { FloodGuard } from './flood-guard.ts';
import { IncomingStream } from './incoming-stream.ts';
import type { IncomingTrack } from './incoming-track.ts';
import type { NegotiableCodec } from './sdp/codecs.ts';
import { HEADER_EXTENSIONS, type RemoteMedia } from './sdp/description.ts';

const FEEDBACK_INTERVAL_MS = 100;
const REPORT_INTERVAL_MS = 1_000;
/** More streams than that are no sender's. */
const MAX_STREAMS = 64;
/** A new SSRC takes an m-line over when the former one has been silent for that long: simulcast layers must not. */
const TAKE_OVER_AFTER_MS = 1_000;
/** RFC 3550 §6.4.2 */
const MAX_REPORT_BLOCKS = 31;

/** What an m-line of the sender carries. */
export interface ReceivedMedia {
  readonly media: RemoteMedia;
  readonly codec: NegotiableCodec;
  readonly track: IncomingTrack;
}

interface Route {
  readonly received: ReceivedMedia;
  readonly stream: IncomingStream;
  /** The SSRC carries retransmissions of the stream. */
  readonly rtx: boolean;
}

/** Packets of one sender that came to nothing. */
export interface ReceivingStats {
  malformed: number;
  unroutable: number;
  flooded: number;
}

/** The receiving end of a peer connection: a publisher's at the server, a viewer's own at the agent. */
export class ReceivingPeer implements Omit<TransportHandlers, 'onState'> {
  readonly peerId: string;
  readonly transport: PeerTransport;
  readonly stats: ReceivingStats = { malformed: 0, unroutable: 0, flooded: 0 };
  readonly #localSsrc: number;
  readonly #cname: string;
  #media: readonly ReceivedMedia[] = [];
  #midId: number | undefined;
  #transportWideCcId: number | undefined;
  #absSendTimeId: number | undefined;
  readonly #routes = new Map<number, Route>();
  readonly #guard = new FloodGuard();
  readonly #arrivals = new ArrivalTimes();
  readonly #feedback = new TransportFeedbackGenerator();
  #lastFeedbackMs = Number.NEGATIVE_INFINITY;
  #lastReportMs = Number.NEGATIVE_INFINITY;
  #lastSsrc = 0;

  constructor(options: {
    readonly peerId: string;
    readonly localSsrc: number;
    readonly cname: string;
    readonly createTransport: (handlers: Omit<TransportHandlers, 'onState'>) => PeerTransport;
  }) {
    this.peerId = options.peerId;
    this.#localSsrc = options.localSsrc;
    this.#cname = options.cname;
    this.transport = options.createTransport(this);
  }

  /** Sets what the m-lines carry; streams that go on keep their state. */
  update(media: readonly ReceivedMedia[]): void {
    this.#media = media;
    const extensionId = (uri: string): number | undefined =>
      media.map((received) => received.media.extensions.get(uri)).find((id) => id !== undefined);
    this.#midId = extensionId(HEADER_EXTENSIONS.mid);
    this.#transportWideCcId = extensionId(HEADER_EXTENSIONS.transportWideCc);
    this.#absSendTimeId = extensionId(HEADER_EXTENSIONS.absSendTime);
    const former = new Map(this.#routes);
    this.#routes.clear();
    for (const received of media) this.#routeSignaled(received, former);
    for (const [ssrc, route] of former) {
      const received = media.find(({ track }) => track === route.stream.track);
      if (received === undefined || this.#routes.has(ssrc) || !goesOn(route.stream, received)) continue;
      this.#routes.set(ssrc, { ...route, received });
    }
  }

  /** Streams that the description names by `a=ssrc`. */
  #routeSignaled(received: ReceivedMedia, former: ReadonlyMap<number, Route>): void {
    // One stream an m-line: further ones would be simulcast layers or belong to forward error correction.
    const ssrc = received.media.ssrcs[0];
    if (ssrc === undefined) return;
    const known = former.get(ssrc)?.stream;
    const stream = known !== undefined && goesOn(known, received) ? known : this.#createStream(received, ssrc);
    this.#routes.set(ssrc, { received, stream, rtx: false });
    for (const [rtxSsrc, mediaSsrc] of received.media.rtxSsrcs) {
      if (mediaSsrc === ssrc) this.#routes.set(rtxSsrc, { received, stream, rtx: true });
    }
  }

  #createStream({ codec, track }: ReceivedMedia, ssrc: number): IncomingStream {
    return new IncomingStream({
      ssrc,
      payloadType: codec.payloadType,
      rtxPayloadType: codec.rtxPayloadType,
      nackAgreed: codec.feedback.has('nack'),
      track,
      transport: this.transport,
      localSsrc: this.#localSsrc,
    });
  }

  onRtp(bytes: Buffer, readMs: number, delayed: boolean): void {
    if (!this.#guard.admit(bytes.length, readMs)) {
      this.stats.flooded += 1;
      return;
    }
    let packet: RtpPacket;
    try {
      packet = parseRtpPacket(bytes);
    } catch (error) {
      this.#malformed(error);
      return;
    }
    const sendTime = this.#absSendTimeId === undefined ? undefined : packet.extension(this.#absSendTimeId);
    const arrivalMs = this.#arrivals.of(readMs, delayed, sendTime);
    const route = this.#routes.get(packet.ssrc) ?? this.#learnRoute(packet, arrivalMs);
    if (route === undefined || !this.#deliver(route, packet, arrivalMs)) {
      this.stats.unroutable += 1;
      return;
    }
    this.#lastSsrc = route.stream.ssrc;
    // Only what was taken is acknowledged: a sender does not send again what it knows to have arrived.
    const sequence = this.#transportWideCcId === undefined ? undefined : packet.extension(this.#transportWideCcId);
    if (sequence?.length === 2) this.#feedback.add((sequence[0]! << 8) | sequence[1]!, arrivalMs);
  }

  #deliver({ stream, rtx }: Route, packet: RtpPacket, arrivalMs: number): boolean {
    if (packet.payloadType === stream.payloadType && !rtx) {
      stream.receive(packet, arrivalMs, false);
      return true;
    }
    if (packet.payloadType !== stream.rtxPayloadType) return false;
    // Padding that probes for bandwidth has no payload, and nothing to recover.
    if (packet.payload.length < 2) return true;
    try {
      stream.receive(unwrapRtx(packet, stream.ssrc, stream.payloadType), arrivalMs, true);
    } catch (error) {
      this.#malformed(error);
    }
    return true;
  }

  #malformed(error: unknown): void {
    if (!(error instanceof MediaError)) throw error;
    this.stats.malformed += 1;
  }

  /** Finds the m-line of an SSRC that no description named: by mid (RFC 8843 §9.2), else by a payload type of its own. */
  #learnRoute(packet: RtpPacket, arrivalMs: number): Route | undefined {
    if (this.#routes.size >= MAX_STREAMS) return undefined;
    const received = this.#mediaOf(packet);
    if (received === undefined) return undefined;
    const { payloadType } = packet;
    const current = [...this.#routes.values()].find((known) => known.received === received && !known.rtx);
    let route: Route | undefined;
    if (payloadType === received.codec.payloadType) {
      if (current !== undefined) {
        if (arrivalMs - current.stream.lastArrivalMs < TAKE_OVER_AFTER_MS) return undefined;
        this.#forget(received);
      }
      route = { received, stream: this.#createStream(received, packet.ssrc), rtx: false };
    } else if (payloadType === received.codec.rtxPayloadType) {
      route = current && { ...current, rtx: true };
    }
    if (route !== undefined) this.#routes.set(packet.ssrc, route);
    return route;
  }

  #forget(received: ReceivedMedia): void {
    for (const [ssrc, route] of this.#routes) if (route.received === received) this.#routes.delete(ssrc);
  }

  #mediaOf(packet: RtpPacket): ReceivedMedia | undefined {
    const mid = this.#midId === undefined ? undefined : packet.extension(this.#midId);
    if (mid !== undefined) {
      const name = Buffer.from(mid).toString('latin1');
      return this.#media.find(({ media }) => media.mid === name);
    }
    const { payloadType } = packet;
    const candidates = this.#media.filter(
      ({ codec }) => codec.payloadType === payloadType || codec.rtxPayloadType === payloadType,
    );
    return candidates.length === 1 ? candidates[0] : undefined;
  }

  onRtcp(bytes: Buffer, arrivalMs: number): void {
    if (!this.#guard.admit(bytes.length, arrivalMs)) {
      this.stats.flooded += 1;
      return;
    }
    try {
      for (const packet of parseRtcp(bytes, { skipTransportFeedback: true })) {
        if (packet.type !== 'sender-report') continue;
        const route = this.#routes.get(packet.ssrc);
        if (route !== undefined && !route.rtx) route.stream.senderReport(packet, arrivalMs);
      }
    } catch (error) {
      this.#malformed(error);
    }
  }

  /** To be called every few ten milliseconds: repeats requests, sends feedback and reports that are due. */
  tick(nowMs: number): void {
    for (const { stream, rtx } of this.#routes.values()) if (!rtx) stream.askForMissing(nowMs);
    if (nowMs - this.#lastFeedbackMs >= FEEDBACK_INTERVAL_MS) {
      this.#lastFeedbackMs = nowMs;
      this.#sendFeedback();
    }
    if (nowMs - this.#lastReportMs >= REPORT_INTERVAL_MS) {
      this.#lastReportMs = nowMs;
      this.#sendReport(nowMs);
    }
  }

  #sendFeedback(): void {
    const feedback = this.#feedback.build(this.#localSsrc, this.#lastSsrc);
    if (feedback !== undefined) this.transport.sendRtcp(feedback);
  }

  #sendReport(nowMs: number): void {
    const blocks = [...this.#routes.values()]
      .filter(({ rtx }) => !rtx)
      .slice(0, MAX_REPORT_BLOCKS)
      .flatMap(({ stream }) => stream.reportBlock(nowMs) ?? []);
    if (blocks.length === 0) return;
    const report = buildReceiverReport(this.#localSsrc, blocks);
    this.transport.sendRtcp(Buffer.concat([report, buildSourceDescription(this.#localSsrc, this.#cname)]));
  }

  close(): void {
    this.#media = [];
    this.#routes.clear();
    this.transport.close();
  }
}

function goesOn(stream: IncomingStream, { codec, track }: ReceivedMedia): boolean {
  return (
    stream.track === track && stream.payloadType === codec.payloadType && stream.rtxPayloadType === codec.rtxPayloadType
  );
}
