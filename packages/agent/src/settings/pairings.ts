import { createHash, createHmac, randomBytes, randomInt } from 'node:crypto';
import { join } from 'node:path';
import { sameText } from '@aircheck/engine/same-text';
import { AircheckError, agentProofText } from '@aircheck/protocol';
import { z } from 'zod';
import type { AgentFolders } from './agent-folders.ts';
import { JsonFile, type OnUnreadable } from './json-file.ts';

/** A code is typed from one window into another: that takes no longer. */
const CODE_VALID_MS = 5 * 60_000;
/** Of a hundred million codes; then a new one is needed, which only the computer's user can ask for. */
const CODE_TRIES = 25;
/** So that one site that guesses does not use up the code of another. */
const CODE_TRIES_OF_ORIGIN = 5;
const CODE_DIGITS = 8;

const PairingsFile = z.object({
  origins: z.record(z.string(), z.object({ secret: z.string().min(16), pairedAt: z.number() })),
});
const CodeFile = z.object({
  digest: z.string(),
  validUntil: z.number(),
  triesLeft: z.int(),
  wrong: z.record(z.string(), z.int()),
});

/** A code as it is shown. */
export interface PairingCode {
  readonly code: string;
  readonly validUntil: number;
}

/**
 * Which origins may record here, and the one code by which a further one can become one of them. All in files, so that a
 * command in another terminal works on them while the agent runs. Of the code only a digest is kept.
 */
export class Pairings {
  readonly #pairings: JsonFile<z.infer<typeof PairingsFile>>;
  readonly #code: JsonFile<z.infer<typeof CodeFile>>;
  readonly #now: () => number;

  constructor(folders: AgentFolders, now: () => number = Date.now, onUnreadable?: OnUnreadable) {
    const pairings = join(folders.config, 'pairings.json');
    this.#pairings = new JsonFile(pairings, PairingsFile, () => ({ origins: {} }), onUnreadable);
    const noCode = { digest: '', validUntil: 0, triesLeft: 0, wrong: {} };
    this.#code = new JsonFile(join(folders.state, 'code.json'), CodeFile, () => noCode, onUnreadable);
    this.#now = now;
  }

  /** Makes a code; the one before is void. */
  newCode(): PairingCode {
    const digits = String(randomInt(10 ** CODE_DIGITS)).padStart(CODE_DIGITS, '0');
    const validUntil = this.#now() + CODE_VALID_MS;
    this.#code.write({ digest: digestOf(digits), validUntil, triesLeft: CODE_TRIES, wrong: {} });
    return { code: `${digits.slice(0, 4)}-${digits.slice(4)}`, validUntil };
  }

  /** Whether a code that was made can still be used. */
  isOpen({ code }: PairingCode): boolean {
    const { digest, validUntil, triesLeft } = this.#code.read();
    return digest === digestOf(digitsOf(code)) && triesLeft > 0 && validUntil > this.#now();
  }

  /**
   * Pairs an origin whose page gave the right code; the code is used up.
   * @returns the origin's secret
   * @throws AircheckError `pairing-failed`
   */
  pair(origin: string, code: string): string {
    const kept = this.#code.read();
    const wrong = Object.hasOwn(kept.wrong, origin) ? kept.wrong[origin]! : 0;
    const triesLeft = kept.validUntil > this.#now() ? Math.min(kept.triesLeft, CODE_TRIES_OF_ORIGIN - wrong) : 0;
    const hint = 'Run `aircheck-agent pair` for a new one';
    if (triesLeft <= 0) {
      throw new AircheckError('pairing-failed', 'There is no code that could be right', { input: 'code', hint });
    }
    const right = sameText(digestOf(digitsOf(code)), kept.digest);
    // Counted before it is answered: tries that come at the same time count too.
    this.#code.write(
      right
        ? { ...kept, triesLeft: 0 }
        : { ...kept, triesLeft: kept.triesLeft - 1, wrong: { ...kept.wrong, [origin]: wrong + 1 } },
    );
    if (!right) {
      throw new AircheckError('pairing-failed', `The code is not right; ${triesLeft - 1} tries are left`, {
        input: 'code',
        ...(triesLeft === 1 && { hint }),
      });
    }
    // Other tabs of the origin have the secret that it got before.
    const secret = this.secretOf(origin) ?? randomBytes(32).toString('base64url');
    this.#pairings.update(({ origins }) => ({ origins: { ...origins, [origin]: { secret, pairedAt: this.#now() } } }));
    return secret;
  }

  /** The secret that an origin's pages have, if it is paired. */
  secretOf(origin: string): string | undefined {
    const { origins } = this.#pairings.read();
    return Object.hasOwn(origins, origin) ? origins[origin]?.secret : undefined;
  }

  /** @returns whether it was paired */
  unpair(origin: string): boolean {
    const paired = this.secretOf(origin) !== undefined;
    if (paired) {
      this.#pairings.update(({ origins }) => ({
        origins: Object.fromEntries(Object.entries(origins).filter(([other]) => other !== origin)),
      }));
    }
    return paired;
  }

  get origins(): readonly { readonly origin: string; readonly pairedAt: number }[] {
    return Object.entries(this.#pairings.read().origins).map(([origin, { pairedAt }]) => ({ origin, pairedAt }));
  }
}

function digitsOf(code: string): string {
  return code.replace(/[\s-]/g, '');
}

function digestOf(digits: string): string {
  return createHash('sha256').update(digits).digest('hex');
}

/** What a side shows that it has the secret with. */
export function proofOf(secret: string, ...text: Parameters<typeof agentProofText>): string {
  return createHmac('sha256', secret)
    .update(agentProofText(...text))
    .digest('base64url');
}
