import type { LipSync } from '../worker-messages.ts';
import { HandoverClock } from './handover-clock.ts';

/** How often it is looked where sound and picture are, and how many looks lie between two measures of the delays. */
const PACE = { lookMs: 200, looksPerMeasure: 5 };
const EARLY_PACE = { lookMs: 100, looksPerMeasure: 2 };
const EARLY_LOOKS = 50;
/** What has changed by less is not told, in ms, unless nothing was told for a second. */
const WORTH_TELLING_MS = 2;
const TELL_AGAIN_MS = 1000;
/** Measures whose middle counts. */
const MEASURES = 30;
/** Measures in a row that lie this far from what counts, in ms, are believed: the sender has begun its clocks anew. */
const MOVED_MS = 60;
const MOVED_MEASURES = 3;

interface Delays {
  readonly totalMs: number;
  readonly count: number;
}

export interface Receivers {
  readonly audio: RTCRtpReceiver;
  readonly video: RTCRtpReceiver;
}

/**
 * Tells where the pictures of a remote participant belong beside the sound, again and again.
 *
 * What comes over WebRTC is handed over when it is played. Browsers bring sound and picture together only after sender
 * reports of both, 80 ms a second at most (libwebrtc, `StreamSynchronization`), and every loss and busy moment moves them
 * apart again, as the buffer of the sound grows. A file need not show that. How long sound and pictures waited is in the
 * statistics (https://www.w3.org/TR/webrtc-stats/#dom-rtcinboundrtpstreamstats-jitterbufferdelay), as a mean over what was
 * played meanwhile; which RTP timestamp was played when is told at any moment
 * (https://www.w3.org/TR/webrtc/#dom-rtcrtpcontributingsource-rtptimestamp). The first gives the distance of the two RTP
 * clocks, which stays as it is, and the second what has become of it since.
 *
 * @returns a function that ends it
 */
export function watchLipSync({ audio, video }: Receivers, report: (lipSync: LipSync) => void): () => void {
  const sound = new HandoverClock(audio);
  const picture = new HandoverClock(video);
  const apart = new ClocksApart();
  let before: { readonly sound: Delays; readonly picture: Delays } | undefined;
  let ended = false;
  const measure = async () => {
    const [soundNow, pictureNow] = await Promise.all([delaysOf(audio), delaysOf(video)]);
    if (ended || soundNow === undefined || pictureNow === undefined) return;
    const soundMs = before && meanSince(soundNow, before.sound);
    const pictureMs = before && meanSince(pictureNow, before.picture);
    before = { sound: soundNow, picture: pictureNow };
    const lateMs = (sound.takeMeanLateMs() ?? Number.NaN) - (picture.takeMeanLateMs() ?? Number.NaN);
    const soundWaitsMs = (soundMs ?? Number.NaN) - (pictureMs ?? Number.NaN);
    // Not every browser knows both.
    if (!Number.isFinite(soundWaitsMs)) return;
    if (Number.isFinite(lateMs)) apart.add(soundWaitsMs - lateMs);
    else if (apart.ms === undefined) report({ soundWaitsMs });
  };
  let told = { lateMs: Number.NaN, toldMs: 0 };
  // Nothing is handed over later than now, but now and then just before.
  let aheadMs = Number.NEGATIVE_INFINITY;
  const look = () => {
    const [heard, seen] = [sound.look(), picture.look()];
    if (heard === undefined || seen === undefined) return;
    const toldMs = performance.now();
    aheadMs = Math.max(aheadMs, heard.atMs - toldMs, seen.atMs - toldMs);
    if (apart.ms === undefined) return;
    const lateMs = heard.lateMs + apart.ms;
    if (Math.abs(lateMs - told.lateMs) < WORTH_TELLING_MS && toldMs - told.toldMs < TELL_AGAIN_MS) return;
    told = { lateMs, toldMs };
    const soundWaitsMs = lateMs - seen.lateMs;
    const atMs = seen.atMs - aheadMs + soundWaitsMs;
    report({ soundWaitsMs, heard: { rtpTimestamp: seen.rtpTimestamp, atMs, toldMs } });
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  let looks = 0;
  const lookAgain = () => {
    look();
    const { lookMs, looksPerMeasure } = looks < EARLY_LOOKS ? EARLY_PACE : PACE;
    if (looks % looksPerMeasure === 0) {
      measure().catch(() => {
        // The connection is gone, and the track with it.
      });
    }
    looks += 1;
    timer = setTimeout(lookAgain, lookMs);
  };
  lookAgain();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}

/**
 * How much later than pictures sound has to be, each by its own RTP clock, to have waited equally long: from measures that
 * vary with every busy moment.
 */
class ClocksApart {
  #measures: number[] = [];
  #ms: number | undefined;

  /** Undefined before the first measure. */
  get ms(): number | undefined {
    return this.#ms;
  }

  add(ms: number): void {
    const middle = this.#ms ?? ms;
    this.#measures.push(ms);
    const newest = this.#measures.slice(-MOVED_MEASURES);
    const moved = newest.every((one) => one > middle + MOVED_MS) || newest.every((one) => one < middle - MOVED_MS);
    this.#measures = moved ? newest : this.#measures.slice(-MEASURES);
    this.#ms = this.#measures.toSorted((a, b) => a - b)[this.#measures.length >> 1];
  }
}

async function delaysOf(receiver: RTCRtpReceiver): Promise<Delays | undefined> {
  for (const stats of (await receiver.getStats()).values()) {
    if (stats.type !== 'inbound-rtp') continue;
    return stats.kind === 'audio'
      ? { totalMs: stats.jitterBufferDelay * 1000, count: stats.jitterBufferEmittedCount }
      : { totalMs: stats.totalProcessingDelay * 1000, count: stats.framesDecoded };
  }
  return undefined;
}

function meanSince(now: Delays, before: Delays): number | undefined {
  const count = now.count - before.count;
  return count > 0 ? (now.totalMs - before.totalMs) / count : undefined;
}
