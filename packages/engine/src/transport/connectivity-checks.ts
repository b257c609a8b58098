import { randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { IceCredentials } from './ice-credentials.ts';
import type { RemoteCandidate, RemoteTransportParameters } from './port.ts';
import { buildStunMessage, hasIntegrity, type StunMessage, stunAttribute } from './stun/index.ts';
import type { UdpSocket } from './udp-socket.ts';

/** RFC 8445 §5.1.2.1: what our address would be worth if the other side learns it from this check (type preference 110). */
const PRIORITY = 110 * 2 ** 24 + 65_535 * 2 ** 8 + 255;
/** Checks of a pair that has not answered yet come ever slower: a lost datagram costs little, a dead address little work. */
const FIRST_REPEAT_MS = 50;
const SLOWEST_REPEAT_MS = 1_600;
/** RFC 7675 §5.1: every 5 s, give or take a fifth. */
const CONSENT_INTERVAL_MS = 5_000;
const CONSENT_JITTER = 0.2;
/** Where consent was asked for and no answer came for so long, all addresses are tried again: the way may be another now. */
const SILENCE_MS = 2_500;
/** Checks under way that are remembered for each pair. */
const REMEMBERED_CHECKS = 8;

interface Check {
  readonly transactionId: Buffer;
  readonly sentMs: number;
  readonly nominating: boolean;
}

/** Our socket and one of the remote side's addresses. */
export interface CandidatePair {
  readonly socket: UdpSocket;
  readonly candidate: RemoteCandidate;
}

interface CheckedPair extends CandidatePair {
  checks: Check[];
  repeatMs: number;
  nextMs: number;
}

/** What an answer tells. */
export interface CheckAnswer extends CandidatePair {
  /** The pair is the one to use from now on. */
  readonly nominated: boolean;
  readonly roundTripMs: number;
}

/**
 * The controlling side of ICE (RFC 8445) against a lite agent, which only answers: checks each of its addresses, and uses
 * the first to answer, since that one works and is the nearest. Goes on asking for consent (RFC 7675), and looks for
 * another way when answers stay out.
 */
export class ConnectivityChecks {
  #sockets: readonly UdpSocket[] = [];
  readonly #tieBreaker = randomBytes(8);
  readonly #random: () => number;
  #local: IceCredentials = { ufrag: '', password: '' };
  #remote: RemoteTransportParameters | undefined;
  #pairs: CheckedPair[] = [];
  #chosen: CheckedPair | undefined;
  #nominated = false;
  #timer: NodeJS.Timeout | undefined;
  #lastAnswerMs = 0;
  #nextConsentMs = 0;
  /** When consent was asked for that no answer has come to since. */
  #askedMs = Number.NEGATIVE_INFINITY;

  /** @param random - uniform in [0, 1) */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /**
   * Gives the sockets, which checks wait for.
   * @param sockets - one for each family of addresses at most; they are the caller's to close
   */
  open(sockets: readonly UdpSocket[]): void {
    this.#sockets = sockets;
    if (this.#remote !== undefined) this.begin(this.#local, this.#remote);
  }

  /** When the last answer came, `performance.now()` scale; 0 before the first. */
  get lastAnswerMs(): number {
    return this.#lastAnswerMs;
  }

  /** Checks the remote side's addresses; again after an ICE restart, with new credentials on both sides. */
  begin(local: IceCredentials, remote: RemoteTransportParameters): void {
    this.close();
    this.#local = local;
    this.#remote = remote;
    this.#chosen = undefined;
    this.#nominated = false;
    const now = performance.now();
    this.#pairs = [...(remote.candidates ?? [])]
      .sort((a, b) => b.priority - a.priority)
      .flatMap((candidate) => {
        const socket = this.#sockets.find(({ ipv6 }) => ipv6 === isIPv6(candidate.address));
        return socket === undefined ? [] : [{ socket, candidate, checks: [], repeatMs: FIRST_REPEAT_MS, nextMs: now }];
      });
    this.#run();
  }

  /** Sends what is due until a pair is nominated. */
  #run(): void {
    const now = performance.now();
    // One that answered once and then no more.
    if (this.#chosen?.repeatMs === SLOWEST_REPEAT_MS) this.#chosen = undefined;
    const pairs = this.#chosen === undefined ? this.#pairs : [this.#chosen];
    for (const pair of pairs) {
      if (pair.nextMs > now) continue;
      this.#send(pair, this.#chosen !== undefined);
      pair.nextMs = now + pair.repeatMs;
      pair.repeatMs = Math.min(2 * pair.repeatMs, SLOWEST_REPEAT_MS);
    }
    if (pairs.length === 0) return;
    const nextMs = Math.min(...pairs.map((pair) => pair.nextMs));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#run(), Math.max(1, nextMs - now));
  }

  #send(pair: CheckedPair, nominating: boolean): void {
    if (this.#remote === undefined) return;
    const { iceUfrag, icePwd } = this.#remote;
    const transactionId = randomBytes(12);
    const priority = Buffer.alloc(4);
    priority.writeUInt32BE(PRIORITY);
    const message = buildStunMessage({
      class: 'request',
      transactionId,
      attributes: [
        [stunAttribute.username, Buffer.from(`${iceUfrag}:${this.#local.ufrag}`)],
        [stunAttribute.priority, priority],
        [stunAttribute.iceControlling, this.#tieBreaker],
        ...(nominating ? ([[stunAttribute.useCandidate, Buffer.alloc(0)]] as const) : []),
      ],
      password: icePwd,
    });
    pair.checks = [...pair.checks, { transactionId, sentMs: performance.now(), nominating }].slice(-REMEMBERED_CHECKS);
    pair.socket.send(message, message.length, pair.candidate.address, pair.candidate.port);
  }

  /** Takes an answer. @returns undefined when it is none of a check of ours */
  receive(message: StunMessage, socket: UdpSocket, address: string, port: number): CheckAnswer | undefined {
    if (message.class !== 'success' || this.#remote === undefined) return undefined;
    for (const pair of this.#pairs) {
      const { candidate } = pair;
      // RFC 8445 §7.2.5.2.1: an answer from another address than the check went to counts for nothing.
      if (pair.socket !== socket || candidate.address !== address || candidate.port !== port) continue;
      const check = pair.checks.find(({ transactionId }) => transactionId.equals(message.transactionId));
      if (check === undefined || !hasIntegrity(message, this.#remote.icePwd)) continue;
      pair.checks = pair.checks.filter((other) => other !== check);
      return this.#answered(pair, check);
    }
    return undefined;
  }

  #answered(pair: CheckedPair, check: Check): CheckAnswer {
    const now = performance.now();
    const lost = this.#unanswered && now - this.#askedMs >= SILENCE_MS;
    this.#lastAnswerMs = now;
    if (this.#chosen === undefined || (lost && pair !== this.#chosen)) {
      this.#choose(pair, now);
    } else if (pair === this.#chosen && check.nominating && !this.#nominated) {
      this.#nominated = true;
      clearTimeout(this.#timer);
      this.#scheduleConsent(now);
    }
    const nominated = this.#nominated && pair === this.#chosen;
    return { socket: pair.socket, candidate: pair.candidate, nominated, roundTripMs: now - check.sentMs };
  }

  /** A pair works: it is nominated with the next check. */
  #choose(pair: CheckedPair, nowMs: number): void {
    this.#chosen = pair;
    this.#nominated = false;
    pair.repeatMs = FIRST_REPEAT_MS;
    pair.nextMs = nowMs;
    this.#run();
  }

  get #unanswered(): boolean {
    return this.#askedMs > this.#lastAnswerMs;
  }

  #scheduleConsent(nowMs: number): void {
    this.#nextConsentMs = nowMs + CONSENT_INTERVAL_MS * (1 + CONSENT_JITTER * (2 * this.#random() - 1));
  }

  /** Asks for consent, and where no answer comes, everywhere; to be called about once a second. */
  tick(nowMs: number): void {
    if (!this.#nominated || this.#chosen === undefined) return;
    if (this.#unanswered) {
      const pairs = nowMs - this.#askedMs >= SILENCE_MS ? this.#pairs : [this.#chosen];
      for (const pair of pairs) this.#send(pair, pair === this.#chosen);
    } else if (nowMs >= this.#nextConsentMs) {
      this.#askedMs = nowMs;
      this.#scheduleConsent(nowMs);
      // Nominating again does no harm, and tells a side that sees another address of ours that this one counts now.
      this.#send(this.#chosen, true);
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#remote = undefined;
    this.#pairs = [];
  }
}
