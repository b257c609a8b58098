import { seededRandom } from '../synthetic-media/random.ts';

export interface ImpairmentOptions {
  /** Share of packets that are lost, 0 to 1. */
  readonly loss?: number;
  /** How many packets in a row are lost each time. */
  readonly lossRun?: number;
  /** Share of packets that arrive one to three packets late. */
  readonly reorder?: number;
  /** The same seed loses the same packets. */
  readonly seed?: number;
}

/** A bad line between a sender and the network: loses packets in runs and lets some be overtaken. */
export class Impairment {
  readonly #options: Required<ImpairmentOptions>;
  readonly #random: () => number;
  readonly #held: { readonly packet: Buffer; after: number }[] = [];
  #runLeft = 0;
  lost = 0;
  reordered = 0;

  constructor(options: ImpairmentOptions = {}) {
    this.#options = { loss: 0, lossRun: 1, reorder: 0, seed: 1, ...options };
    this.#random = seededRandom(this.#options.seed);
  }

  /** Takes one packet to be sent and calls `send` for what the line lets through now. The packet is kept, not copied. */
  pass(packet: Buffer, send: (packet: Buffer) => void): void {
    const { loss, lossRun, reorder } = this.#options;
    if (this.#runLeft === 0 && this.#random() < loss / (lossRun * (1 - loss) + loss)) this.#runLeft = lossRun;
    if (this.#runLeft > 0) {
      this.#runLeft -= 1;
      this.lost += 1;
    } else if (this.#random() < reorder) {
      this.reordered += 1;
      this.#held.push({ packet, after: 1 + Math.floor(this.#random() * 3) });
      return;
    } else send(packet);
    for (let index = 0; index < this.#held.length; ) {
      const held = this.#held[index]!;
      held.after -= 1;
      if (held.after > 0) index += 1;
      else {
        this.#held.splice(index, 1);
        send(held.packet);
      }
    }
  }
}
