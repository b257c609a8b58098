import { FloodGuard } from '@aircheck/engine/receiving';
import type { PeerTransport, TransportHandlers, TransportState } from '@aircheck/engine/transport';
import { MediaError, parseRtcp, type RtcpPacket } from '@aircheck/media';
import { Forwarder, type ForwarderStats, type SendingTransport } from './forwarder.ts';
import type { PublishedTrack } from './published-track.ts';
import type { SendParameters } from './sdp/subscriber-offer.ts';

interface Sent {
  readonly track: PublishedTrack;
  readonly forwarder: Forwarder;
}

/** The sending end of a peer connection that receives tracks: a subscriber's or a viewer's. */
export class SendingPeer implements Omit<TransportHandlers, 'onState'>, SendingTransport {
  readonly transport: PeerTransport;
  /** RTCP packets that could not be read. */
  readonly stats = { malformed: 0 };
  readonly #sent = new Map<number, Sent>();
  readonly #bySsrc = new Map<number, Sent>();
  readonly #guard = new FloodGuard();
  readonly #resendGuard = new FloodGuard();
  readonly #random16: () => number;
  #sending = false;
  #transportSequenceNumber = 0;

  constructor(options: {
    readonly createTransport: (handlers: Omit<TransportHandlers, 'onState'>) => PeerTransport;
    /** 0 to 65535 */
    readonly random16: () => number;
  }) {
    this.#random16 = options.random16;
    this.transport = options.createTransport(this);
  }

  get sending(): boolean {
    return this.#sending;
  }

  get roundTripMs(): number | undefined {
    return this.transport.roundTripMs;
  }

  /** What was sent so far, by SSRC. */
  get sent(): readonly (ForwarderStats & { readonly ssrc: number; readonly trackId: string })[] {
    return [...this.#sent].map(([ssrc, { track, forwarder }]) => ({
      ssrc,
      trackId: track.trackId,
      ...forwarder.stats,
    }));
  }

  sendRtp(packet: Uint8Array): boolean {
    return this.transport.sendRtp(packet);
  }

  sendRtcp(packet: Uint8Array): boolean {
    return this.transport.sendRtcp(packet);
  }

  admitResend(bytes: number, nowMs: number): boolean {
    return this.#resendGuard.admit(bytes, nowMs);
  }

  nextTransportSequenceNumber(): number {
    this.#transportSequenceNumber = (this.#transportSequenceNumber + 1) & 0xffff;
    return this.#transportSequenceNumber;
  }

  /** To be told of the transport's states. */
  stateChanged(state: TransportState): void {
    // A peer that is not heard for a while may receive all the same, and has not withdrawn its consent.
    const sending = state === 'connected' || state === 'disconnected';
    if (sending === this.#sending) return;
    this.#sending = sending;
    if (sending) for (const { forwarder } of this.#sent.values()) forwarder.restart();
  }

  /** Begins to send a track; one with the same SSRC is left as it is. */
  send(track: PublishedTrack, stream: { readonly ssrc: number; readonly rtxSsrc: number }, send: SendParameters): void {
    if (this.#sent.has(stream.ssrc) || track.ended) return;
    const forwarder = new Forwarder({
      source: track,
      history: track.history,
      transport: this,
      ssrc: stream.ssrc,
      rtxSsrc: stream.rtxSsrc,
      send,
      firstSequenceNumber: this.#random16() & 0x7fff,
    });
    const sent = { track, forwarder };
    this.#sent.set(stream.ssrc, sent);
    this.#bySsrc.set(stream.ssrc, sent).set(stream.rtxSsrc, sent);
    track.addForwarder(forwarder);
  }

  /** Ends the sending of a track; an SSRC that is not sent is fine. */
  stop(ssrc: number): void {
    const sent = this.#sent.get(ssrc);
    if (sent === undefined) return;
    this.#sent.delete(ssrc);
    this.#bySsrc.delete(sent.forwarder.ssrc);
    this.#bySsrc.delete(sent.forwarder.rtxSsrc);
    sent.track.removeForwarder(sent.forwarder);
  }

  onRtp(): void {
    // Receivers have nothing to send; what comes all the same is not theirs to send.
  }

  onRtcp(bytes: Buffer, arrivalMs: number): void {
    if (!this.#guard.admit(bytes.length, arrivalMs)) return;
    try {
      for (const packet of parseRtcp(bytes, { skipTransportFeedback: true })) this.#handle(packet, arrivalMs);
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      this.stats.malformed += 1;
    }
  }

  #handle(packet: RtcpPacket, nowMs: number): void {
    switch (packet.type) {
      case 'nack':
        this.#sent.get(packet.mediaSsrc)?.forwarder.resend(packet.sequenceNumbers, nowMs);
        break;
      case 'pli':
        this.#bySsrc.get(packet.mediaSsrc)?.track.requestKeyFrame();
        break;
      case 'fir':
        for (const { ssrc } of packet.requests) this.#bySsrc.get(ssrc)?.track.requestKeyFrame();
        break;
      case 'receiver-report':
      case 'sender-report':
        for (const { ssrc, fractionLost } of packet.reports) {
          const sent = this.#sent.get(ssrc);
          if (sent !== undefined) sent.forwarder.stats.fractionLost = fractionLost / 256;
        }
        break;
    }
  }

  close(): void {
    this.#sending = false;
    for (const ssrc of [...this.#sent.keys()]) this.stop(ssrc);
    this.transport.close();
  }
}
