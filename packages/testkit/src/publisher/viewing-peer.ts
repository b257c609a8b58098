import { randomInt } from 'node:crypto';
import { Audio, type PeerConnection, type Track, Video } from 'node-datachannel';
import type { ReceivedMedia, ViewOptions } from './contract.ts';
import type { HttpSession } from './http-signaling.ts';
import { connect, openPeerConnection } from './peer-connection.ts';
import { isRtcp, pictureLossIndication, receiverReport } from './rtcp.ts';

const H264 = 102;
const OPUS = 111;
const REPORT_MS = 1000;

/** Counts what comes in on one track, by unwrapped sequence number. */
class IncomingTrack {
  packets = 0;
  ssrc: number | undefined;
  #lowest = 0;
  #highest = 0;

  add(packet: Buffer): void {
    const sequenceNumber = packet.readUInt16BE(2);
    this.ssrc ??= packet.readUInt32BE(8);
    if (this.packets === 0) {
      this.#lowest = sequenceNumber;
      this.#highest = sequenceNumber;
    }
    const ahead = (((sequenceNumber - this.#highest) << 16) >> 16) + this.#highest;
    this.#highest = Math.max(this.#highest, ahead);
    this.#lowest = Math.min(this.#lowest, ahead);
    this.packets += 1;
  }

  get missing(): number {
    return this.packets === 0 ? 0 : this.#highest - this.#lowest + 1 - this.packets;
  }
}

/** A WHEP client that counts what it is sent and decodes nothing. */
export class ViewingPeer {
  readonly #options: ViewOptions;
  readonly #connection: PeerConnection;
  readonly #ssrc = randomInt(1, 2 ** 32);
  readonly #audio = new IncomingTrack();
  readonly #video = new IncomingTrack();
  /** Held here: a track that is collected tells nothing any more, though its connection lives. */
  #tracks: readonly Track[] = [];
  #session: HttpSession | undefined;
  #timer: NodeJS.Timeout | undefined;
  #frames = 0;
  #keyFrames = 0;
  #senderReports = 0;
  #startedAt: number | null = null;

  constructor(options: ViewOptions) {
    this.#options = options;
    this.#connection = openPeerConnection('viewer');
  }

  /** @returns the URL of the WHEP session */
  async start(): Promise<string> {
    const audio = new Audio('0', 'RecvOnly');
    audio.addOpusCodec(OPUS);
    const audioTrack = this.#connection.addTrack(audio);
    const video = new Video('1', 'RecvOnly');
    video.addH264Codec(H264, 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f');
    const videoTrack = this.#connection.addTrack(video);
    this.#tracks = [audioTrack, videoTrack];
    audioTrack.onMessage((packet) => this.#received(packet, this.#audio));
    videoTrack.onMessage((packet) => this.#received(packet, this.#video, videoTrack));
    this.#session = await connect(this.#connection, this.#options, (offer) => offer);
    this.#timer = setInterval(() => this.#report(), REPORT_MS);
    return this.#session.resource;
  }

  /** What every receiver sends (RFC 3550 §6), here without report blocks: it says that somebody is there. */
  #report(): void {
    for (const track of this.#tracks) {
      if (track.isOpen()) track.sendMessageBinary(receiverReport(this.#ssrc));
    }
  }

  #received(packet: Buffer, incoming: IncomingTrack, video?: Track): void {
    if (isRtcp(packet)) {
      if (packet[1] === 200) this.#senderReports += 1;
      return;
    }
    if (packet.length < 13) return;
    this.#startedAt ??= Date.now();
    const first = incoming.packets === 0;
    incoming.add(packet);
    if (video === undefined) return;
    if (((packet[1] ?? 0) & 0x80) !== 0) this.#frames += 1;
    // An IDR begins with its parameter sets: in a STAP-A, or the SPS as a packet of its own.
    const nalType = (packet[rtpHeaderBytes(packet)] ?? 0) & 31;
    const inside = (packet[rtpHeaderBytes(packet) + 3] ?? 0) & 31;
    if (nalType === 7 || (nalType === 24 && inside === 7)) this.#keyFrames += 1;
    else if (first) video.sendMessageBinary(pictureLossIndication(this.#ssrc, incoming.ssrc ?? 0));
  }

  received(): ReceivedMedia {
    return {
      audioPackets: this.#audio.packets,
      videoPackets: this.#video.packets,
      frames: this.#frames,
      keyFrames: this.#keyFrames,
      missing: this.#audio.missing + this.#video.missing,
      senderReports: this.#senderReports,
      startedAt: this.#startedAt,
      state: this.#connection.state(),
    };
  }

  async leave(silently: boolean): Promise<void> {
    clearInterval(this.#timer);
    if (!silently) await this.#session?.close();
    this.#connection.close();
  }
}

function rtpHeaderBytes(packet: Buffer): number {
  const sources = ((packet[0] ?? 0) & 15) * 4;
  const extension = ((packet[0] ?? 0) & 0x10) !== 0 && packet.length >= 16 + sources;
  return 12 + sources + (extension ? 4 + 4 * packet.readUInt16BE(14 + sources) : 0);
}
