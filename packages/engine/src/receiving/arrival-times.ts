/** Milliseconds per unit of abs-send-time: 24 bits of seconds, 18 of them behind the point. */
const MS_PER_UNIT = 1000 / 2 ** 18;

/**
 * When the packets of one transport arrived. What waited in the kernel while the event loop was busy is put as far apart
 * as it was sent: read all at once, it would make the sender believe that the network is congested.
 */
export class ArrivalTimes {
  #lastMs = Number.NEGATIVE_INFINITY;
  #lastSendTime: number | undefined;

  /**
   * @param readMs - when the packet was read
   * @param delayed - it may have come earlier
   * @param sendTime - content of its abs-send-time extension (webrtc.org/experiments/rtp-hdrext/abs-send-time)
   * @returns when it came, as well as that can be told
   */
  of(readMs: number, delayed: boolean, sendTime: Uint8Array | undefined): number {
    if (sendTime?.length !== 3) return readMs;
    const sent = (sendTime[0]! << 16) | (sendTime[1]! << 8) | sendTime[2]!;
    const last = this.#lastSendTime;
    // Modulo 2^24: it wraps every 64 s.
    const units = last === undefined ? 1 : ((sent - last) << 8) >> 8;
    // Overtaken on the way: the newer one stays what others are measured by.
    if (units < 0) return delayed ? this.#lastMs : readMs;
    this.#lastSendTime = sent;
    const expectedMs = delayed && last !== undefined ? this.#lastMs + units * MS_PER_UNIT : readMs;
    this.#lastMs = Math.max(this.#lastMs, Math.min(readMs, expectedMs));
    return this.#lastMs;
  }
}
