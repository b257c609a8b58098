/** How often the delays are looked at; at first, while the buffers find their lengths, more often. */
const LOOK_MS = 1000;
const EARLY_LOOK_MS = 250;
const EARLY_LOOKS = 20;

interface Delays {
  readonly totalMs: number;
  readonly count: number;
}

export interface Receivers {
  readonly audio: RTCRtpReceiver;
  readonly video: RTCRtpReceiver;
}

/**
 * Tells how much longer sound waits in the browser than the picture that was taken with it, in ms.
 *
 * What comes over WebRTC is handed over when it is played. Browsers bring sound and picture together only after sender
 * reports of both, 80 ms a second at most (libwebrtc, `StreamSynchronization`), and every loss and busy moment moves them
 * apart again, as the buffer of the sound grows. A file need not show that: both delays are in the statistics
 * (https://www.w3.org/TR/webrtc-stats/#dom-rtcinboundrtpstreamstats-jitterbufferdelay).
 *
 * @returns a function that ends it
 */
export function watchLipSync({ audio, video }: Receivers, report: (soundWaitsMs: number) => void): () => void {
  let before: { readonly sound: Delays; readonly picture: Delays } | undefined;
  let ended = false;
  const look = async () => {
    const [sound, picture] = await Promise.all([delaysOf(audio), delaysOf(video)]);
    if (ended || sound === undefined || picture === undefined) return;
    const soundMs = before && meanSince(sound, before.sound);
    const pictureMs = before && meanSince(picture, before.picture);
    before = { sound, picture };
    const waitsMs = (soundMs ?? Number.NaN) - (pictureMs ?? Number.NaN);
    // Not every browser knows both.
    if (Number.isFinite(waitsMs)) report(waitsMs);
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  let looks = 0;
  const lookAgain = () => {
    looks += 1;
    const next = looks < EARLY_LOOKS ? EARLY_LOOK_MS : LOOK_MS;
    look().catch(() => {
      // The connection is gone, and the track with it.
    });
    timer = setTimeout(lookAgain, next);
  };
  lookAgain();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
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
