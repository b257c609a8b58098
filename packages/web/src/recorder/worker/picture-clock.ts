import { TimestampUnwrapper } from '@aircheck/media';
import type { LipSync } from '../worker-messages.ts';
import { SourceClock } from './source-clock.ts';

/** How fast pictures are moved against the sound: they get 10 % longer or shorter, which nobody sees. */
const SLEW = 0.1;
/** Further off than this, in ms, sound has stood still or jumped: pictures stand still with it, or hurry. */
const FAR_MS = 20;
const HURRY = 0.5;
const MAX_STEP_AFTER_MS = 1000;
/** RTP timestamps that lead further than this from where a picture came, in ms, are those of another stream. */
const ASTRAY_MS = 500;
const TICKS_PER_MS = 90;

/** What a picture is timed by. Not every browser has `metadata`. */
export interface TimedPicture {
  /** In microseconds, from anywhere. */
  readonly timestamp: number;
  metadata?(): { readonly rtpTimestamp?: number };
}

/**
 * Tells when pictures happened on the worker's clock, beside their sound.
 *
 * Pictures of WebRTC tell their RTP timestamp in Chromium
 * (https://www.w3.org/TR/webcodecs-video-frame-metadata-registry/): where it is known when the sound of such a timestamp is
 * heard, they lie there, however long they were on their way through the browser. Else they lie where they came, moved by
 * how much longer sound waits.
 */
export class PictureClock {
  #arrivals = new SourceClock();
  #soundWaitsMs = 0;
  /** As in {@link LipSync}, with the RTP timestamp in ms of a clock that does not go around, and on the worker's clock. */
  #heard: { readonly rtpMs: number; readonly atMs: number } | undefined;
  readonly #rtp = new TimestampUnwrapper();
  /** How far the worker's clock is ahead of the page's: what is told comes later, but never sooner. */
  #aheadMs = Number.POSITIVE_INFINITY;
  #byRtp = false;
  #shiftMs: number | undefined;
  #lastArrivalMs = 0;

  /** Pictures of another source follow, whose timestamps count from elsewhere. */
  sourceChanged(): void {
    this.#arrivals = new SourceClock();
    this.#shiftMs = undefined;
  }

  soundMeets({ soundWaitsMs, heard }: LipSync, arrivalMs: number): void {
    this.#soundWaitsMs = soundWaitsMs;
    if (heard === undefined) {
      this.#heard = undefined;
      return;
    }
    const { rtpTimestamp, atMs, toldMs } = heard;
    this.#aheadMs = Math.min(this.#aheadMs, arrivalMs - toldMs);
    this.#heard = { rtpMs: this.#rtpMs(rtpTimestamp), atMs: atMs + this.#aheadMs };
  }

  /**
   * @param soundEarlyMs - how much earlier than it came sound is written
   * @returns when the picture was taken, on the worker's clock in ms
   */
  map(picture: TimedPicture, arrivalMs: number, soundEarlyMs: number): number {
    const { ownMs, wantedMs, byRtp } = this.#place(picture, arrivalMs);
    if (byRtp !== this.#byRtp) this.#shiftMs = undefined;
    this.#byRtp = byRtp;
    this.#move(wantedMs - ownMs - soundEarlyMs, arrivalMs - this.#lastArrivalMs);
    this.#lastArrivalMs = arrivalMs;
    return ownMs + this.#shiftMs!;
  }

  /** When the picture was taken by a steady clock of its own, and where it belongs on the worker's. */
  #place(picture: TimedPicture, arrivalMs: number): { ownMs: number; wantedMs: number; byRtp: boolean } {
    const ownMs = this.#arrivals.map(picture.timestamp / 1000, arrivalMs);
    const wantedMs = ownMs + this.#soundWaitsMs;
    const rtpTimestamp = picture.metadata?.().rtpTimestamp;
    if (rtpTimestamp === undefined || this.#heard === undefined) return { ownMs, wantedMs, byRtp: false };
    const rtpMs = this.#rtpMs(rtpTimestamp);
    const heardMs = this.#heard.atMs + rtpMs - this.#heard.rtpMs;
    if (Math.abs(heardMs - wantedMs) > ASTRAY_MS) return { ownMs, wantedMs, byRtp: false };
    return { ownMs: rtpMs, wantedMs: heardMs, byRtp: true };
  }

  #rtpMs(rtpTimestamp: number): number {
    return this.#rtp.unwrap(rtpTimestamp) / TICKS_PER_MS;
  }

  #move(wantedMs: number, elapsedMs: number): void {
    const offMs = wantedMs - (this.#shiftMs ?? wantedMs);
    if (this.#shiftMs === undefined || offMs > FAR_MS) {
      this.#shiftMs = wantedMs;
      return;
    }
    const rate = offMs < -FAR_MS ? HURRY : SLEW;
    const stepMs = rate * Math.min(MAX_STEP_AFTER_MS, Math.max(0, elapsedMs));
    this.#shiftMs += Math.max(-stepMs, Math.min(stepMs, offMs));
  }
}
