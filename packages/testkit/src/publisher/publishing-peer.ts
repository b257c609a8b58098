import { randomBytes, randomInt } from 'node:crypto';
import { Audio, type PeerConnection, type Track, Video } from 'node-datachannel';
import type { EncodedPicture } from '../synthetic-media/encoders.ts';
import type { MediaSource } from '../synthetic-media/media-source.ts';
import { seededRandom } from '../synthetic-media/random.ts';
import { OPUS_PACKET_MS } from '../synthetic-media/test-sound.ts';
import type { GarbageKind, PublishOptions, SentMedia } from './contract.ts';
import type { HttpSession } from './http-signaling.ts';
import { connect, openPeerConnection } from './peer-connection.ts';
import { parseFeedback } from './rtcp.ts';
import { h264Payloads } from './rtp-packetizer.ts';
import { RtpStream } from './rtp-stream.ts';

const H264 = 102;
const H264_RTX = 103;
const OPUS = 111;
const REPORT_MS = 1000;

/** Payloads of pictures that are sent again and again, by all publishers of this process. */
const packetizedPictures = new WeakMap<EncodedPicture, Buffer[]>();

function payloadsOf(picture: EncodedPicture): Buffer[] {
  let payloads = packetizedPictures.get(picture);
  if (payloads === undefined) {
    payloads = h264Payloads(picture.nalUnits);
    packetizedPictures.set(picture, payloads);
  }
  return payloads;
}

interface OutgoingTrack {
  readonly track: Track;
  readonly stream: RtpStream;
}

/** A WHIP client that sends the synthetic media in real time. */
export class PublishingPeer {
  readonly #options: PublishOptions;
  readonly #source: MediaSource;
  readonly #connection: PeerConnection;
  readonly #cname = randomBytes(6).toString('hex');
  readonly #counters: { first: number; last: number }[] = [];
  #session: HttpSession | undefined;
  #audio: OutgoingTrack | undefined;
  #video: OutgoingTrack | undefined;
  #timer: NodeJS.Timeout | undefined;
  #begun = false;
  /** `performance.now()` of media time zero. */
  #zero = 0;
  #startedAt: number | null = null;
  #pictures = 0;
  #sounds = 0;
  #reports = 0;
  #framesSent = 0;
  #soundsSent = 0;
  #paused = false;
  #keyFrameNeeded = false;
  #stopMidFrame = false;
  #keyFrameRequests = 0;

  constructor(options: PublishOptions, source: MediaSource) {
    this.#options = options;
    this.#source = source;
    this.#connection = openPeerConnection('publisher');
  }

  /**
   * Connects, then sends until {@link leave}.
   * @returns the URL of the WHIP session
   */
  async start(): Promise<string> {
    const { tracks = ['audio', 'video'], rtx = true } = this.#options;
    const [audioSsrc, videoSsrc, rtxSsrc] = [randomInt(1, 2 ** 32), randomInt(1, 2 ** 32), randomInt(1, 2 ** 32)];
    let audioTrack: Track | undefined;
    let videoTrack: Track | undefined;
    if (tracks.includes('audio')) {
      const audio = new Audio('0', 'SendOnly');
      audio.addOpusCodec(OPUS, 'minptime=10;useinbandfec=1;stereo=1');
      audio.addSSRC(audioSsrc, this.#cname, this.#cname, 'audio');
      audioTrack = this.#connection.addTrack(audio);
    }
    if (tracks.includes('video')) {
      const video = new Video('1', 'SendOnly');
      video.addH264Codec(H264, 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f');
      if (rtx) video.addRTXCodec(H264_RTX, H264, 90_000);
      video.addSSRC(videoSsrc, this.#cname, this.#cname, 'video');
      videoTrack = this.#connection.addTrack(video);
    }
    const session = await connect(this.#connection, this.#options, (offer) =>
      // libdatachannel has no call for which stream repeats which; the video is the last m-line.
      rtx && videoTrack !== undefined
        ? `${offer}a=ssrc-group:FID ${videoSsrc} ${rtxSsrc}\r\na=ssrc:${rtxSsrc} cname:${this.#cname}\r\n`
        : offer,
    );
    this.#session = session;
    if (audioTrack !== undefined) this.#audio = this.#outgoing(audioTrack, OPUS, undefined, 48_000, audioSsrc, 0);
    if (videoTrack !== undefined) {
      const rtxTaken = new RegExp(`^a=rtpmap:${H264_RTX} rtx/90000`, 'm').test(session.answer);
      const rtxPayloadType = rtxTaken ? H264_RTX : undefined;
      this.#video = this.#outgoing(videoTrack, H264, rtxPayloadType, 90_000, videoSsrc, rtxSsrc);
    }
    if (this.#options.held !== true) this.#begin();
    return session.resource;
  }

  #begin(): void {
    this.#begun = true;
    this.#zero = performance.now() + (this.#options.delayMs ?? 0);
    this.#schedule();
  }

  #outgoing(
    track: Track,
    payloadType: number,
    rtxPayloadType: number | undefined,
    clockRate: number,
    ssrc: number,
    rtxSsrc: number,
  ): OutgoingTrack {
    const { impairment = {}, answerNacks = true, answerKeyFrameRequests = true } = this.#options;
    const stream = new RtpStream({
      payloadType,
      rtxPayloadType,
      clockRate,
      ssrc,
      rtxSsrc,
      answerNacks,
      cname: this.#cname,
      // Each track has a line of its own, so that one's packets do not shift what the other loses.
      impairment: { ...impairment, seed: (impairment.seed ?? 1) * 256 + payloadType },
      send: (packet) => {
        if (track.isOpen()) track.sendMessageBinary(packet);
      },
    });
    track.onMessage((packet) => {
      // A compound packet reaches every track that it names: each takes what is its own.
      for (const feedback of parseFeedback(packet)) {
        if (feedback.ssrc !== ssrc) continue;
        if (feedback.type === 'nack') stream.answerNack(feedback.sequenceNumbers);
        else {
          this.#keyFrameRequests += 1;
          if (answerKeyFrameRequests) this.#source.requestKeyFrame();
        }
      }
    });
    return { track, stream };
  }

  #schedule(): void {
    const pictureMs = 1000 / this.#source.framesPerSecond;
    const due = Math.min(this.#pictures * pictureMs, this.#sounds * OPUS_PACKET_MS, this.#reports * REPORT_MS);
    this.#timer = setTimeout(
      () => {
        const mediaMs = performance.now() - this.#zero;
        while (this.#pictures * pictureMs <= mediaMs) this.#sendPicture(pictureMs);
        while (this.#sounds * OPUS_PACKET_MS <= mediaMs) this.#sendSound();
        if (this.#reports * REPORT_MS <= mediaMs) this.#sendReports();
        this.#schedule();
      },
      Math.max(0, this.#zero + due - performance.now()),
    );
  }

  #sendPicture(pictureMs: number): void {
    const mediaMs = this.#pictures * pictureMs;
    this.#pictures += 1;
    if (this.#video === undefined) return;
    const picture = this.#source.nextPicture();
    if (picture.keyFrame) this.#keyFrameNeeded = false;
    // A picture after a pause must not refer to one that was never sent.
    if (this.#paused || this.#keyFrameNeeded) return;
    const payloads = payloadsOf(picture);
    if (this.#stopMidFrame && payloads.length > 1) {
      this.#video.stream.sendFrame(mediaMs, payloads.slice(0, Math.ceil(payloads.length / 2)), false);
      this.#stopMidFrame = false;
      this.#paused = true;
      return;
    }
    this.#startedAt ??= Date.now();
    this.#video.stream.sendFrame(mediaMs, payloads, true);
    this.#framesSent += 1;
    const run = this.#counters.at(-1);
    if (run !== undefined && run.last + 1 === picture.counter) run.last = picture.counter;
    else this.#counters.push({ first: picture.counter, last: picture.counter });
  }

  #sendSound(): void {
    const mediaMs = this.#sounds * OPUS_PACKET_MS;
    this.#sounds += 1;
    if (this.#audio === undefined) return;
    const sound = this.#source.nextSound();
    if (this.#paused) return;
    this.#startedAt ??= Date.now();
    this.#audio.stream.sendFrame(mediaMs, [sound], false);
    this.#soundsSent += 1;
  }

  #sendReports(): void {
    const now = performance.now();
    this.#reports = Math.floor((now - this.#zero) / REPORT_MS) + 1;
    if (this.#paused) return;
    for (const outgoing of [this.#audio, this.#video]) {
      if (outgoing === undefined || outgoing.stream.packets === 0 || !outgoing.track.isOpen()) continue;
      outgoing.track.sendMessageBinary(outgoing.stream.report(performance.timeOrigin + now, now - this.#zero));
    }
  }

  sent(): SentMedia {
    const streams = [this.#audio?.stream, this.#video?.stream].filter((stream) => stream !== undefined);
    const sum = (of: (stream: RtpStream) => number) => streams.reduce((total, stream) => total + of(stream), 0);
    return {
      frames: this.#framesSent,
      counters: this.#counters,
      audioPackets: this.#soundsSent,
      packets: sum((stream) => stream.packets),
      lost: sum((stream) => stream.lost),
      reordered: sum((stream) => stream.reordered),
      nacked: sum((stream) => stream.nackedPackets),
      retransmitted: sum((stream) => stream.retransmitted),
      keyFrameRequests: this.#keyFrameRequests,
      startedAt: this.#startedAt,
      state: this.#connection.state(),
    };
  }

  pause(): void {
    this.#paused = true;
  }

  /** Goes on after {@link pause}, or begins when it was held. */
  resume(): void {
    if (!this.#begun) {
      this.#begin();
      return;
    }
    this.#paused = false;
    this.#keyFrameNeeded = true;
    this.#source.requestKeyFrame();
  }

  stopMidFrame(): void {
    this.#stopMidFrame = true;
  }

  sendGarbage(kind: GarbageKind, packets: number, seed: number): void {
    const outgoing = this.#video ?? this.#audio;
    if (outgoing === undefined) return;
    const random = seededRandom(seed);
    for (let sent = 0; sent < packets; sent += 1) {
      const bytes = Buffer.alloc(1 + Math.floor(random() * 1100));
      for (let at = 0; at < bytes.length; at += 1) bytes[at] = Math.floor(random() * 256);
      if (outgoing.track.isOpen()) outgoing.track.sendMessageBinary(outgoing.stream.garbage(kind, bytes));
    }
  }

  /** @param silently - closes without a DELETE, as a client that crashed */
  async leave(silently: boolean): Promise<void> {
    clearTimeout(this.#timer);
    if (!silently) await this.#session?.close();
    this.#connection.close();
    this.#source.close();
  }
}
