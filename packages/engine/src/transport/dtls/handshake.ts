import { type KeyObject, timingSafeEqual } from 'node:crypto';
import { type SrtpKeys, type SrtpProfile, srtpProfiles } from '../srtp/index.ts';
import { alertDescription, DtlsError } from './alert.ts';
import { ByteReader, vector } from './byte-reader.ts';
import type { DtlsCertificate } from './certificate.ts';
import {
  exportKeyingMaterial,
  extendedMasterSecret,
  legacyMasterSecret,
  type RecordKey,
  recordKeys,
  verifyData,
} from './key-schedule.ts';
import { type HandshakeMessage, handshakeHeaderLength } from './reassembly.ts';
import { contentType } from './records.ts';
import { certificateKey } from './signature.ts';

export type DtlsRole = 'client' | 'server';

export const handshakeType = {
  clientHello: 1,
  serverHello: 2,
  helloVerifyRequest: 3,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
} as const;

export const extensionType = {
  supportedGroups: 10,
  ecPointFormats: 11,
  signatureAlgorithms: 13,
  useSrtp: 14,
  extendedMasterSecret: 23,
  supportedVersions: 43,
  renegotiationInfo: 0xff01,
} as const;

/** TLS_ECDHE_{ECDSA,RSA}_WITH_AES_128_GCM_SHA256 (RFC 5289): every WebRTC peer has them (RFC 8827 §6.5). */
export const cipherSuite = { ecdsa: 0xc02b, rsa: 0xc02f } as const;

/** One record's content of a flight, kept so that it can be sent again. */
export interface FlightPart {
  readonly type: number;
  readonly epoch: 0 | 1;
  readonly body: Buffer;
}

/** What a handshake does to the connection that it runs on. */
export interface HandshakeOutlet {
  /** Sends a flight, and again until the peer answers it. */
  transmit(flight: readonly FlightPart[]): void;
  install(read: RecordKey, write: RecordKey): void;
  /** @param keys - of the SRTP session */
  finished(keys: SrtpKeys): void;
}

export interface HandshakeOptions {
  readonly certificate: DtlsCertificate;
  /** Whether the certificate (DER) is the one that signaling told of. */
  isPeer(certificate: Buffer): boolean;
  /** What we take of DTLS-SRTP, the preferred first. */
  readonly profiles: readonly SrtpProfile[];
}

/** What both roles of a DTLS 1.2 handshake share (RFC 6347 §4.2, RFC 5246 §7). */
export abstract class Handshake {
  protected readonly options: HandshakeOptions;
  protected readonly outlet: HandshakeOutlet;
  protected clientRandom: Buffer = Buffer.alloc(0);
  protected serverRandom: Buffer = Buffer.alloc(0);
  protected extended = false;
  protected profile: SrtpProfile | undefined;
  protected peerKey: KeyObject | undefined;
  readonly #role: DtlsRole;
  #transcript: Buffer[] = [];
  #sendSequence = 0;
  #masterSecret: Buffer = Buffer.alloc(0);

  constructor(role: DtlsRole, options: HandshakeOptions, outlet: HandshakeOutlet) {
    this.#role = role;
    this.options = options;
    this.outlet = outlet;
  }

  /**
   * Takes the next message in order.
   * @throws DtlsError when the handshake cannot go on
   */
  abstract receive(message: HandshakeMessage): void;

  protected get transcript(): Buffer {
    return Buffer.concat(this.#transcript);
  }

  protected absorb(message: HandshakeMessage): void {
    this.#transcript.push(message.bytes);
  }

  /** Forgets what went before: a HelloVerifyRequest and what it answers do not count (RFC 6347 §4.2.1). */
  protected restartTranscript(): void {
    this.#transcript = [];
  }

  /** Makes a handshake message and notes it in the transcript. */
  protected message(type: number, ...parts: Uint8Array[]): FlightPart {
    const body = Buffer.concat(parts);
    const header = Buffer.alloc(handshakeHeaderLength);
    header[0] = type;
    header.writeUIntBE(body.length, 1, 3);
    header.writeUInt16BE(this.#sendSequence++, 4);
    header.writeUIntBE(body.length, 9, 3);
    const bytes = Buffer.concat([header, body]);
    this.#transcript.push(bytes);
    return { type: contentType.handshake, epoch: type === handshakeType.finished ? 1 : 0, body: bytes };
  }

  protected certificateMessage(): FlightPart {
    return this.message(handshakeType.certificate, vector(3, vector(3, this.options.certificate.der)));
  }

  /** ChangeCipherSpec and Finished of our side. */
  protected ownFinished(): FlightPart[] {
    const data = verifyData(this.#masterSecret, this.#role, this.transcript);
    return [
      { type: contentType.changeCipherSpec, epoch: 0, body: Buffer.from([1]) },
      this.message(handshakeType.finished, data),
    ];
  }

  /** Takes the peer's certificate; only its fingerprint says whose it is. */
  protected takeCertificate(message: HandshakeMessage): void {
    const chain = new ByteReader(new ByteReader(message.body).vector(3));
    const certificate = chain.remaining === 0 ? undefined : chain.vector(3);
    if (certificate === undefined || !this.options.isPeer(certificate)) {
      throw new DtlsError(alertDescription.badCertificate, 'the certificate is not the one of the description');
    }
    this.peerKey = certificateKey(certificate);
    this.absorb(message);
  }

  /** Derives the keys; the transcript ends with ClientKeyExchange. */
  protected agree(preMaster: Buffer): void {
    this.#masterSecret = this.extended
      ? extendedMasterSecret(preMaster, this.transcript)
      : legacyMasterSecret(preMaster, this.clientRandom, this.serverRandom);
    const keys = recordKeys(this.#masterSecret, this.clientRandom, this.serverRandom);
    if (this.#role === 'client') this.outlet.install(keys.server, keys.client);
    else this.outlet.install(keys.client, keys.server);
  }

  protected takeFinished(message: HandshakeMessage): void {
    const expected = verifyData(this.#masterSecret, this.#role === 'client' ? 'server' : 'client', this.transcript);
    if (message.body.length !== expected.length || !timingSafeEqual(message.body, expected)) {
      throw new DtlsError(alertDescription.decryptError, 'wrong Finished');
    }
    this.absorb(message);
  }

  /** Keys of the SRTP session (RFC 5764 §4.2). */
  protected srtpKeys(): SrtpKeys {
    const profile = this.profile!;
    const { keyLength, saltLength } = profile;
    const material = new ByteReader(
      exportKeyingMaterial(
        this.#masterSecret,
        this.clientRandom,
        this.serverRandom,
        'EXTRACTOR-dtls_srtp',
        2 * (keyLength + saltLength),
      ),
    );
    const clientKey = material.take(keyLength);
    const serverKey = material.take(keyLength);
    const client = { key: clientKey, salt: material.take(saltLength) };
    const server = { key: serverKey, salt: material.take(saltLength) };
    return this.#role === 'client'
      ? { profile, local: client, remote: server }
      : { profile, local: server, remote: client };
  }
}

/** The extensions of a hello by type. */
export function readExtensions(reader: ByteReader): Map<number, Buffer> {
  const extensions = new Map<number, Buffer>();
  if (reader.remaining === 0) return extensions;
  const list = new ByteReader(reader.vector(2));
  while (list.remaining > 0) {
    const type = list.uint16();
    extensions.set(type, list.vector(2));
  }
  return extensions;
}

/** Profile ids of a use_srtp extension; we never take a master key identifier (RFC 5764 §4.1.1). */
export function readUseSrtp(extension: Buffer | undefined): number[] {
  return extension === undefined ? [] : new ByteReader(extension).uint16Vector(2);
}

/** All profiles, the preferred first. */
export const allProfiles: readonly SrtpProfile[] = Object.values(srtpProfiles);

export function unexpectedMessage(type: number): DtlsError {
  return new DtlsError(alertDescription.unexpectedMessage, `message ${type} out of order`);
}
