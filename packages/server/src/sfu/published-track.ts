import { IncomingTrack, type PacketOutlet } from '@aircheck/engine/receiving';
import type { RtpPacket } from '@aircheck/media';
import type { TrackKind } from '@aircheck/protocol';
import type { Forwarder } from './forwarder.ts';
import { loadPayload } from './outgoing-packet.ts';
import { PacketHistory } from './packet-history.ts';

/** Packets held for retransmission: about 2 s of 5 Mbit/s video, 5 s of sound. */
const HISTORY_PACKETS = { video: 1024, audio: 256 } as const satisfies Record<TrackKind, number>;

/** One source of a participant, as it is received, recorded and sent on to others. */
export class PublishedTrack extends IncomingTrack {
  /** Canonical name of the participant's clock. */
  readonly cname: string;
  readonly #forwarding: Forwarding;

  constructor(
    options: Omit<ConstructorParameters<typeof IncomingTrack>[0], 'outlet'> & {
      readonly cname: string;
    },
  ) {
    const forwarding = new Forwarding(options.format.kind, options.cname);
    super({ ...options, outlet: forwarding });
    this.cname = options.cname;
    this.#forwarding = forwarding;
  }

  /** The newest packets, while somebody receives them. */
  get history(): PacketHistory {
    return this.#forwarding.history;
  }

  addForwarder(forwarder: Forwarder): void {
    this.#forwarding.add(forwarder);
  }

  removeForwarder(forwarder: Forwarder): void {
    this.#forwarding.remove(forwarder);
  }
}

/** Those whom a track is sent to. */
class Forwarding implements PacketOutlet {
  readonly history: PacketHistory;
  readonly #cname: string;
  /** An array, since it is walked for each packet. */
  #forwarders: readonly Forwarder[] = [];

  constructor(kind: TrackKind, cname: string) {
    this.history = new PacketHistory(HISTORY_PACKETS[kind]);
    this.#cname = cname;
  }

  get active(): boolean {
    return this.#forwarders.length > 0;
  }

  add(forwarder: Forwarder): void {
    this.#forwarders = [...this.#forwarders, forwarder];
    forwarder.restart();
  }

  remove(forwarder: Forwarder): void {
    this.#forwarders = this.#forwarders.filter((other) => other !== forwarder);
    if (this.#forwarders.length === 0) this.history.clear();
  }

  forward(index: number, timestamp: number, { marker, payload }: RtpPacket, keyStart: boolean): void {
    if (!this.history.add({ index, timestamp, marker, payload })) return;
    if (!loadPayload(payload)) return;
    const forwarders = this.#forwarders;
    for (let position = 0; position < forwarders.length; position++) {
      forwarders[position]!.forward(index, timestamp, marker, payload.length, keyStart);
    }
  }

  restart(): void {
    this.history.clear();
    for (const forwarder of this.#forwarders) forwarder.restart();
  }

  senderReport(ntpMs: number, timestamp: number): void {
    for (const forwarder of this.#forwarders) forwarder.sendReport(ntpMs, timestamp, this.#cname);
  }

  end(): void {
    this.history.clear();
  }
}
