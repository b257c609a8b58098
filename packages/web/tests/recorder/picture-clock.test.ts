import { describe, expect, it } from 'vitest';
import { PictureClock } from '../../src/recorder/worker/picture-clock.ts';

const FRAME_MS = 1000 / 30;
const FRAME_TICKS = 3000;

/** A remote participant's pictures as Chromium gives them out. */
class RemotePictures {
  readonly #clock = new PictureClock();
  #index = -1;
  #firstRtp: number;
  /** When the sound of the first picture is heard, on this worker's clock. */
  heardMs = 5000;
  soundWaitsMs = 40;
  soundEarlyMs = 0;
  /** How much the page's clock shows more than the worker's. */
  readonly pageAheadMs = 123_456;
  rtp = true;

  constructor(firstRtp = 1000) {
    this.#firstRtp = firstRtp;
  }

  /** @returns where the picture was laid, from where its sound was heard when all began */
  next(delayMs = 0, messageMs = 0): number {
    this.#index += 1;
    const mediaMs = this.#index * FRAME_MS;
    // The sound is told of the picture before.
    const told = this.#firstRtp + (this.#index - 1) * FRAME_TICKS;
    const arrivalMs = 5000 - 40 + mediaMs;
    const toldMs = arrivalMs + this.pageAheadMs;
    const atMs = this.heardMs + mediaMs - FRAME_MS + this.pageAheadMs;
    const heard = { rtpTimestamp: told >>> 0, atMs, toldMs };
    this.#clock.soundMeets({ soundWaitsMs: this.soundWaitsMs, ...(this.rtp && { heard }) }, arrivalMs + messageMs);
    const picture = {
      timestamp: (77_000 + mediaMs) * 1000,
      metadata: () => ({ rtpTimestamp: (this.#firstRtp + this.#index * FRAME_TICKS) >>> 0 }),
    };
    return this.#clock.map(picture, arrivalMs + delayMs, this.soundEarlyMs) - 5000 - mediaMs;
  }

  take(count: number): number[] {
    return Array.from({ length: count }, () => this.next());
  }

  changeSource(firstRtp: number): void {
    this.#clock.sourceChanged();
    this.#firstRtp = firstRtp;
  }
}

describe('pictures of a remote participant', () => {
  it('lie where their sound is heard, however late they come', () => {
    const pictures = new RemotePictures();
    const places = [0, 30, 90, 5, 250, 0, 60].map((delayMs) => pictures.next(delayMs));
    for (const place of places) expect(place).toBeCloseTo(0, 3);
  });

  it('lie there whatever time messages of the page take', () => {
    const pictures = new RemotePictures();
    const messagesMs = [0, 4, 1, 30, 2, ...Array<number>(100).fill(40)];
    const places = messagesMs.map((messageMs) => pictures.next(0, messageMs));
    for (const place of places) expect(place).toBeCloseTo(0, 3);
  });

  it('go on where the RTP timestamps go around', () => {
    const pictures = new RemotePictures(2 ** 32 - 5 * FRAME_TICKS);
    pictures.soundWaitsMs = 140;
    for (const place of pictures.take(12)) expect(place).toBeCloseTo(0, 3);
  });

  it('stand still at once when the sound does, and catch up quickly when it hurries', () => {
    const pictures = new RemotePictures();
    pictures.take(3);
    pictures.heardMs += 70;
    expect(pictures.next()).toBeCloseTo(70, 3);
    pictures.heardMs -= 70;
    const places = pictures.take(10);
    expect(places[3]).toBeLessThan(20);
    expect(places.at(-1)).toBeCloseTo(0, 3);
    // No picture before the one that was shown last.
    places.reduce((before, place) => {
      expect(place - before).toBeGreaterThan(-FRAME_MS);
      return place;
    }, 70);
  });

  it('are moved so slowly that nobody sees it while the sound moves a little', () => {
    const pictures = new RemotePictures();
    pictures.take(3);
    pictures.heardMs += 15;
    const places = pictures.take(6);
    expect(places[0]).toBeCloseTo(FRAME_MS / 10, 3);
    expect(places.at(-1)).toBeCloseTo(15, 3);
  });

  it('follow sound that is written earlier than it came', () => {
    const pictures = new RemotePictures();
    pictures.take(3);
    pictures.soundEarlyMs = 12;
    expect(pictures.take(10).at(-1)).toBeCloseTo(-12, 3);
  });

  it('lie where they came and the sound waits, while nothing is known of their RTP timestamps or they are of another stream', () => {
    const untold = new RemotePictures();
    untold.rtp = false;
    for (const place of untold.take(5)) expect(place).toBeCloseTo(0, 3);
    const astray = new RemotePictures();
    astray.heardMs += 3_600_000;
    for (const place of astray.take(5)) expect(place).toBeCloseTo(0, 3);
  });

  it('lie by their RTP timestamps once these are known, and where they came once there is no sound', () => {
    const pictures = new RemotePictures();
    pictures.soundWaitsMs = 70;
    pictures.rtp = false;
    expect(pictures.take(3).at(-1)).toBeCloseTo(30, 3);
    pictures.rtp = true;
    for (const place of pictures.take(3)) expect(place).toBeCloseTo(0, 3);
    pictures.soundWaitsMs = 0;
    pictures.rtp = false;
    for (const place of pictures.take(3)) expect(place).toBeCloseTo(-40, 3);
  });

  it('are timed anew when another source follows', () => {
    const pictures = new RemotePictures();
    pictures.take(3);
    pictures.heardMs -= 200;
    pictures.changeSource(900_000);
    expect(pictures.next()).toBeCloseTo(-200, 3);
  });
});
