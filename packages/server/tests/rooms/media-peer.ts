import { randomInt } from 'node:crypto';
import {
  MediaStreamTrack,
  RTCPeerConnection,
  RTCSessionDescription,
  RtpHeader,
  RtpPacket,
  useH264,
  useOPUS,
} from 'werift';

/** A peer connection of another make than the server's, which sends and receives real packets on the loopback. */
export class MediaPeer {
  readonly connection = new RTCPeerConnection({
    codecs: { audio: [useOPUS()], video: [useH264()] },
    iceServers: [],
    iceInterfaceAddresses: { udp4: '127.0.0.1' },
    iceAdditionalHostAddresses: ['127.0.0.1'],
    iceUseIpv6: false,
    bundlePolicy: 'max-bundle',
  });
  readonly #sending: { readonly track: MediaStreamTrack; readonly payloadType: number; sequenceNumber: number }[] = [];
  readonly #received = new Map<string, number>();
  readonly #wakeUps = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    this.connection.onTrack.subscribe((track) => {
      track.onReceiveRtp.subscribe(() => {
        this.#received.set(track.kind, (this.#received.get(track.kind) ?? 0) + 1);
        for (const wakeUp of [...this.#wakeUps]) wakeUp();
      });
    });
    this.connection.connectionStateChange.subscribe(() => {
      for (const wakeUp of [...this.#wakeUps]) wakeUp();
    });
  }

  /** An offer to send sound and picture. */
  async offerToSend(): Promise<string> {
    for (const kind of ['audio', 'video'] as const) {
      const track = new MediaStreamTrack({ kind });
      this.connection.addTransceiver(track, { direction: 'sendonly' });
      this.#sending.push({ track, payloadType: kind === 'audio' ? 96 : 97, sequenceNumber: randomInt(0x8000) });
    }
    return this.#offer();
  }

  async offerToReceive(): Promise<string> {
    for (const kind of ['audio', 'video'] as const) this.connection.addTransceiver(kind, { direction: 'recvonly' });
    return this.#offer();
  }

  async #offer(): Promise<string> {
    await this.connection.setLocalDescription(await this.connection.createOffer());
    return this.connection.localDescription?.sdp ?? '';
  }

  async takeAnswer(sdp: string): Promise<void> {
    await this.connection.setRemoteDescription(new RTCSessionDescription(sdp, 'answer'));
  }

  async answer(offer: string): Promise<string> {
    await this.connection.setRemoteDescription(new RTCSessionDescription(offer, 'offer'));
    await this.connection.setLocalDescription(await this.connection.createAnswer());
    return this.connection.localDescription?.sdp ?? '';
  }

  /** Sends a packet of each track every 20 ms from now on: silence, and a slice that nobody needs to decode. */
  startSending(): void {
    const payloads = { audio: Buffer.from([0xf8, 0xff, 0xfe]), video: Buffer.from([0x65, 0x88, 0x80, 0x10]) };
    this.#timer = setInterval(() => {
      for (const source of this.#sending) {
        source.sequenceNumber += 1;
        const { sequenceNumber, payloadType, track } = source;
        const kind = track.kind as 'audio' | 'video';
        const timestamp = sequenceNumber * (kind === 'audio' ? 960 : 1800);
        const header = new RtpHeader({ sequenceNumber, timestamp, payloadType, marker: true });
        track.writeRtp(new RtpPacket(header, payloads[kind]));
      }
    }, 20);
  }

  async connected(): Promise<void> {
    await this.#until(() => this.connection.connectionState === 'connected');
  }

  /** Ends well when that many more packets of both kinds have come from now on. */
  async receives(packets: number): Promise<void> {
    const before = new Map(this.#received);
    await this.#until(() =>
      ['audio', 'video'].every((kind) => (this.#received.get(kind) ?? 0) >= (before.get(kind) ?? 0) + packets),
    );
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.connection.close();
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        const wakeUp = () => {
          this.#wakeUps.delete(wakeUp);
          resolve();
        };
        this.#wakeUps.add(wakeUp);
      });
    }
  }
}
