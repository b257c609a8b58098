import type { LocalTrack } from './local-track.ts';
import type { RemoteTrack } from './remote-track.ts';

/** How well one track gets through. */
export interface TrackStatistics {
  readonly trackId: string | undefined;
  /** Averaged since the last look; 0 at the first. */
  readonly bitrateBps: number;
  readonly packetsLost: number;
  /** Lost packets of those since the last look, 0 to 1. */
  readonly lossRatio: number;
  /** How unevenly packets come; of what is sent, as the server tells. */
  readonly jitterMs: number | undefined;
  /** From here to the server and back, as it tells of what is sent. */
  readonly roundTripMs: number | undefined;
  readonly framesPerSecond: number | undefined;
  readonly width: number | undefined;
  readonly height: number | undefined;
  /** 0 to 1. */
  readonly audioLevel: number | undefined;
  /** Pictures that were received and not shown. */
  readonly framesDropped: number | undefined;
  /** Times that the received picture stood still. */
  readonly freezeCount: number | undefined;
  /**
   * What keeps a sent picture from being better: `none`, `cpu`, `bandwidth` or `other`. Chromium alone knows it (MDN's
   * browser-compat-data, `api/RTCStatsReport.json`).
   */
  readonly qualityLimitation: string | undefined;
}

/** `good`: nothing to notice. `fair`: may be noticed. `poor`: is noticed. */
export type ConnectionQuality = 'good' | 'fair' | 'poor' | 'unknown';

export interface RoomStatistics {
  readonly quality: ConnectionQuality;
  readonly roundTripMs: number | undefined;
  /** What the browser estimates that it can send. Undefined in Firefox (MDN's browser-compat-data, `api/RTCStatsReport.json`). */
  readonly availableOutgoingBitrateBps: number | undefined;
  readonly sent: ReadonlyMap<LocalTrack, TrackStatistics>;
  readonly received: ReadonlyMap<RemoteTrack, TrackStatistics>;
}

interface Counters {
  readonly timestampMs: number;
  readonly bytes: number;
  readonly packets: number;
  readonly packetsLost: number;
}

/** The fields of the reports that are read; lib.dom does not have them all. */
interface Report extends RTCStats {
  readonly bytesSent?: number;
  readonly bytesReceived?: number;
  readonly lastPacketReceivedTimestamp?: number;
  readonly packetsSent?: number;
  readonly packetsReceived?: number;
  readonly packetsLost?: number;
  readonly framesPerSecond?: number;
  readonly frameWidth?: number;
  readonly frameHeight?: number;
  readonly audioLevel?: number;
  readonly jitter?: number;
  readonly roundTripTime?: number;
  readonly framesDropped?: number;
  readonly freezeCount?: number;
  readonly qualityLimitationReason?: string;
  readonly currentRoundTripTime?: number;
  readonly availableOutgoingBitrate?: number;
  readonly nominated?: boolean;
  readonly state?: string;
}

/** Reads WebRTC statistics and makes rates of their counters. */
export class StatisticsReader {
  readonly #last = new WeakMap<LocalTrack | RemoteTrack, Counters>();

  async sent(track: LocalTrack, sender: RTCRtpSender): Promise<TrackStatistics> {
    const reports = await reportsOf(sender);
    const outbound = reports.get('outbound-rtp');
    return this.#track(track, track.trackId, outbound?.bytesSent, outbound?.packetsSent, [
      outbound,
      reports.get('remote-inbound-rtp'),
      reports.get('media-source'),
    ]);
  }

  async received(track: RemoteTrack): Promise<TrackStatistics> {
    const inbound = (await reportsOf(track.receiver)).get('inbound-rtp');
    return this.#track(track, track.trackId, inbound?.bytesReceived, inbound?.packetsReceived, [inbound]);
  }

  /** Round trip and estimate of the path that a peer connection uses. */
  async path(
    connection: RTCPeerConnection | undefined,
  ): Promise<{ roundTripMs: number | undefined; availableOutgoingBitrateBps: number | undefined }> {
    let roundTripMs: number | undefined;
    let availableOutgoingBitrateBps: number | undefined;
    if (connection !== undefined) {
      for (const report of (await connection.getStats()).values() as Iterable<Report>) {
        if (report.type !== 'candidate-pair' || report.nominated !== true || report.state !== 'succeeded') continue;
        if (report.currentRoundTripTime !== undefined) roundTripMs = report.currentRoundTripTime * 1000;
        availableOutgoingBitrateBps = report.availableOutgoingBitrate ?? availableOutgoingBitrateBps;
      }
    }
    return { roundTripMs, availableOutgoingBitrateBps };
  }

  #track(
    track: LocalTrack | RemoteTrack,
    trackId: string | undefined,
    bytes: number | undefined,
    packets: number | undefined,
    reports: readonly (Report | undefined)[],
  ): TrackStatistics {
    const first = <Key extends keyof Report>(key: Key): Report[Key] | undefined =>
      reports.find((report) => report?.[key] !== undefined)?.[key];
    const now: Counters = {
      timestampMs: reports[0]?.timestamp ?? 0,
      bytes: bytes ?? 0,
      packets: packets ?? 0,
      packetsLost: first('packetsLost') ?? 0,
    };
    const last = this.#last.get(track);
    this.#last.set(track, now);
    const seconds = last === undefined ? 0 : (now.timestampMs - last.timestampMs) / 1000;
    const lost = Math.max(0, now.packetsLost - (last?.packetsLost ?? 0));
    const passed = Math.max(0, now.packets - (last?.packets ?? 0));
    return {
      trackId,
      bitrateBps: seconds > 0 ? Math.max(0, Math.round(((now.bytes - (last?.bytes ?? 0)) * 8) / seconds)) : 0,
      packetsLost: now.packetsLost,
      lossRatio: lost + passed > 0 ? lost / (lost + passed) : 0,
      framesPerSecond: first('framesPerSecond'),
      width: first('frameWidth'),
      height: first('frameHeight'),
      jitterMs: milliseconds(first('jitter')),
      roundTripMs: milliseconds(first('roundTripTime')),
      audioLevel: first('audioLevel'),
      framesDropped: first('framesDropped'),
      freezeCount: first('freezeCount'),
      qualityLimitation: first('qualityLimitationReason'),
    };
  }
}

function milliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}

/** Judges a connection by its worst part. */
export function connectionQuality(
  connected: boolean,
  roundTripMs: number | undefined,
  tracks: readonly TrackStatistics[],
): ConnectionQuality {
  if (!connected) return 'poor';
  if (roundTripMs === undefined && tracks.length === 0) return 'unknown';
  const loss = Math.max(0, ...tracks.map(({ lossRatio }) => lossRatio));
  const starved = tracks.some(({ qualityLimitation }) => qualityLimitation === 'bandwidth');
  if (loss > 0.08 || (roundTripMs ?? 0) > 400) return 'poor';
  if (loss > 0.02 || (roundTripMs ?? 0) > 200 || starved) return 'fair';
  return 'good';
}

async function reportsOf(end: RTCRtpSender | RTCRtpReceiver): Promise<Map<string, Report>> {
  const byType = new Map<string, Report>();
  for (const report of (await end.getStats()).values() as Iterable<Report>) {
    // A track that changed its SSRC may have one report for each: of what is sent, the larger one still counts; of what is
    // received, the one that a packet came for last.
    const known = byType.get(report.type);
    if (known === undefined || newness(report) >= newness(known)) byType.set(report.type, report);
  }
  return byType;
}

function newness({ lastPacketReceivedTimestamp, bytesSent }: Report): number {
  return lastPacketReceivedTimestamp ?? bytesSent ?? 0;
}
