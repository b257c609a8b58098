import type { SrtpKeys } from '../srtp/index.ts';
import { alertDescription, alertLevel, DtlsError } from './alert.ts';
import { ClientHandshake } from './client-handshake.ts';
import type { DtlsRole, FlightPart, Handshake, HandshakeOptions } from './handshake.ts';
import type { RecordKey } from './key-schedule.ts';
import { HandshakeReassembly } from './reassembly.ts';
import { contentType, type DtlsRecord, RecordLayer } from './records.ts';
import { ServerHandshake } from './server-handshake.ts';

/** Fits the smallest path that ICE and media packets are made for. */
const longestDatagramBytes = 1200;
/** RFC 6347 §4.2.4.1 says 1 s where the round trip is unknown; a call cannot wait that long for a lost packet. */
const firstTimeoutMs = 200;
const longestTimeoutMs = 3000;
/** The least time between two repetitions that the peer's repetitions cause, so that they cannot feed each other. */
const repeatIntervalMs = 50;

export interface DtlsOptions extends HandshakeOptions {
  readonly role: DtlsRole;
  send(datagram: Buffer): void;
  /** @param roundTripMs - of a flight and its answer; `undefined` when one was sent twice */
  onConnected(keys: SrtpKeys, roundTripMs: number | undefined): void;
  /** Called once; `undefined` when the peer closed. */
  onEnd(error: DtlsError | undefined): void;
}

/**
 * One DTLS 1.2 association (RFC 6347): records, flights and their repetition around a handshake. It carries no
 * application data: all it is for is the keys of SRTP.
 */
export class DtlsConnection {
  readonly #options: DtlsOptions;
  readonly #records = new RecordLayer();
  readonly #reassembly = new HandshakeReassembly();
  readonly #handshake: Handshake;
  #state: 'handshake' | 'connected' | 'ended' = 'handshake';
  #flight: readonly FlightPart[] = [];
  #timer: NodeJS.Timeout | undefined;
  #timeoutMs = firstTimeoutMs;
  #flightSentMs = 0;
  #lastSendMs = 0;
  #flightRepeated = false;
  #roundTripMs: number | undefined;
  #keys: SrtpKeys | undefined;
  #ending: { readonly error: DtlsError | undefined } | undefined;

  constructor(options: DtlsOptions) {
    this.#options = options;
    const outlet = {
      transmit: (flight: readonly FlightPart[]) => this.#transmit(flight),
      install: (read: RecordKey, write: RecordKey) => this.#records.install(read, write),
      finished: (keys: SrtpKeys) => {
        this.#keys = keys;
      },
    };
    this.#handshake =
      options.role === 'client' ? new ClientHandshake(options, outlet) : new ServerHandshake(options, outlet);
  }

  /** The client sends its first flight; the server waits for one. */
  start(): void {
    if (this.#handshake instanceof ClientHandshake) this.#handshake.start();
  }

  /** Takes a datagram from the peer. Whatever is in it, this does not throw. */
  receive(datagram: Buffer): void {
    if (this.#state === 'ended') return;
    try {
      this.#take(datagram);
    } catch (error) {
      const reason =
        error instanceof DtlsError
          ? error
          : Object.assign(new DtlsError(alertDescription.internalError, String(error)), { cause: error });
      this.#alert(alertLevel.fatal, reason.description);
      this.#ending = { error: reason };
    }
    // Outside of the try: what the owner's handlers throw is not the peer's fault.
    if (this.#ending !== undefined) {
      this.#stop();
      this.#options.onEnd(this.#ending.error);
    } else if (this.#state === 'handshake' && this.#keys !== undefined) {
      this.#connected(this.#keys);
    }
  }

  /** Tells the peer that we are gone. */
  close(): void {
    if (this.#state === 'connected') this.#alert(alertLevel.warning, alertDescription.closeNotify);
    this.#stop();
  }

  #take(datagram: Buffer): void {
    for (const record of this.#records.open(datagram)) {
      if (this.#ending !== undefined) return;
      if (record.type === contentType.handshake) this.#takeHandshake(record);
      else if (record.type === contentType.alert) this.#takeAlert(record);
    }
  }

  #takeHandshake(record: DtlsRecord): void {
    const messages = this.#reassembly.add(record.body, record.epoch, () => this.#repeat());
    for (const message of messages) {
      if (this.#keys !== undefined) return;
      // Finished is the one message under the new keys, and the only one.
      if ((message.type === 20) !== (message.epoch === 1)) {
        throw new DtlsError(alertDescription.unexpectedMessage, 'message under the wrong keys');
      }
      this.#noteAnswer();
      this.#handshake.receive(message);
    }
  }

  #takeAlert(record: DtlsRecord): void {
    const [level, description] = record.body;
    if (record.body.length !== 2 || level === undefined || description === undefined) return;
    // An alert without keys counts only as long as there are none: anybody could have sent it.
    if (record.epoch === 0 && this.#state === 'connected') return;
    if (description === alertDescription.closeNotify && record.epoch === 1) {
      this.#ending = { error: undefined };
    } else if (level === alertLevel.fatal) {
      this.#ending = { error: new DtlsError(description, `the peer ended the handshake with alert ${description}`) };
    }
  }

  #connected(keys: SrtpKeys): void {
    this.#state = 'connected';
    this.#stopTimer();
    this.#options.onConnected(keys, this.#roundTripMs);
  }

  #transmit(flight: readonly FlightPart[]): void {
    this.#flight = flight;
    this.#timeoutMs = firstTimeoutMs;
    this.#flightRepeated = false;
    this.#flightSentMs = performance.now();
    this.#sendFlight();
    this.#startTimer();
  }

  #startTimer(): void {
    this.#stopTimer();
    this.#timer = setTimeout(() => {
      this.#timeoutMs = Math.min(2 * this.#timeoutMs, longestTimeoutMs);
      this.#flightRepeated = true;
      this.#sendFlight();
      this.#startTimer();
    }, this.#timeoutMs);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The peer repeats itself, so our last flight did not reach it. */
  #repeat(): void {
    if (this.#flight.length === 0 || performance.now() - this.#lastSendMs < repeatIntervalMs) return;
    this.#flightRepeated = true;
    this.#sendFlight();
  }

  #noteAnswer(): void {
    if (this.#flightSentMs === 0) return;
    if (!this.#flightRepeated) this.#roundTripMs = performance.now() - this.#flightSentMs;
    this.#flightSentMs = 0;
  }

  #sendFlight(): void {
    this.#lastSendMs = performance.now();
    let datagram: Buffer[] = [];
    let length = 0;
    for (const { type, epoch, body } of this.#flight) {
      const record = this.#records.seal(type, epoch, body);
      if (length > 0 && length + record.length > longestDatagramBytes) {
        this.#options.send(Buffer.concat(datagram));
        datagram = [];
        length = 0;
      }
      datagram.push(record);
      length += record.length;
    }
    this.#options.send(Buffer.concat(datagram));
  }

  #alert(level: number, description: number): void {
    const epoch = this.#records.encrypts ? 1 : 0;
    this.#options.send(this.#records.seal(contentType.alert, epoch, Buffer.from([level, description])));
  }

  #stop(): void {
    this.#state = 'ended';
    this.#stopTimer();
  }
}
