import { randomBytes } from 'node:crypto';
import { alertDescription, DtlsError } from './alert.ts';
import { ByteReader, uint16, vector } from './byte-reader.ts';
import {
  cipherSuite,
  extensionType,
  type FlightPart,
  Handshake,
  type HandshakeOptions,
  type HandshakeOutlet,
  handshakeType,
  readExtensions,
  readUseSrtp,
  unexpectedMessage,
} from './handshake.ts';
import { groupIds, KeyExchange } from './key-exchange.ts';
import type { HandshakeMessage } from './reassembly.ts';
import { dtls12 } from './records.ts';
import { ownSignatureScheme, signatureSchemes, signWithOwn, verifySignature } from './signature.ts';

const namedCurve = 3;

/** The client's side: we are `active`, the peer answered or offered `passive`. */
export class ClientHandshake extends Handshake {
  #state: 'hello' | 'certificate' | 'key-exchange' | 'done' | 'finished' | 'over' = 'hello';
  #verified = false;
  #certificateRequested = false;
  #keyExchange: KeyExchange | undefined;
  #serverKey: Buffer = Buffer.alloc(0);

  constructor(options: HandshakeOptions, outlet: HandshakeOutlet) {
    super('client', options, outlet);
  }

  /** Sends the ClientHello. */
  start(): void {
    this.clientRandom = randomBytes(32);
    this.outlet.transmit([this.#clientHello(Buffer.alloc(0))]);
  }

  override receive(message: HandshakeMessage): void {
    const { type } = message;
    if (this.#state === 'hello' && type === handshakeType.helloVerifyRequest && !this.#verified) {
      const reader = new ByteReader(message.body);
      reader.uint16();
      this.#verified = true;
      this.restartTranscript();
      this.outlet.transmit([this.#clientHello(reader.vector(1))]);
    } else if (this.#state === 'hello' && type === handshakeType.serverHello) {
      this.#takeServerHello(message);
      this.#state = 'certificate';
    } else if (this.#state === 'certificate' && type === handshakeType.certificate) {
      this.takeCertificate(message);
      this.#state = 'key-exchange';
    } else if (this.#state === 'key-exchange' && type === handshakeType.serverKeyExchange) {
      this.#takeServerKeyExchange(message);
      this.#state = 'done';
    } else if (this.#state === 'done' && type === handshakeType.certificateRequest && !this.#certificateRequested) {
      this.#certificateRequested = true;
      this.absorb(message);
    } else if (this.#state === 'done' && type === handshakeType.serverHelloDone) {
      this.absorb(message);
      this.#answer();
      this.#state = 'finished';
    } else if (this.#state === 'finished' && type === handshakeType.finished) {
      this.takeFinished(message);
      this.#state = 'over';
      this.outlet.finished(this.srtpKeys());
    } else {
      throw unexpectedMessage(type);
    }
  }

  #clientHello(cookie: Buffer): FlightPart {
    const extensions: Buffer[] = [];
    const add = (type: number, content: Buffer) => extensions.push(uint16(type), vector(2, content));
    add(extensionType.renegotiationInfo, Buffer.from([0]));
    add(extensionType.extendedMasterSecret, Buffer.alloc(0));
    add(extensionType.supportedGroups, vector(2, uint16(...groupIds)));
    add(extensionType.ecPointFormats, Buffer.from([1, 0]));
    add(extensionType.signatureAlgorithms, vector(2, uint16(...signatureSchemes)));
    const profiles = this.options.profiles.map(({ id }) => id);
    add(extensionType.useSrtp, Buffer.concat([vector(2, uint16(...profiles)), Buffer.from([0])]));
    return this.message(
      handshakeType.clientHello,
      uint16(dtls12),
      this.clientRandom,
      vector(1),
      vector(1, cookie),
      vector(2, uint16(cipherSuite.ecdsa, cipherSuite.rsa)),
      Buffer.from([1, 0]),
      vector(2, ...extensions),
    );
  }

  #takeServerHello(message: HandshakeMessage): void {
    const reader = new ByteReader(message.body);
    if (reader.uint16() !== dtls12) throw new DtlsError(alertDescription.protocolVersion, 'not DTLS 1.2');
    this.serverRandom = reader.take(32);
    reader.vector(1);
    const suite = reader.uint16();
    if ((suite !== cipherSuite.ecdsa && suite !== cipherSuite.rsa) || reader.uint8() !== 0) {
      throw new DtlsError(alertDescription.illegalParameter, 'cipher suite that was not offered');
    }
    const extensions = readExtensions(reader);
    const profiles = readUseSrtp(extensions.get(extensionType.useSrtp));
    this.profile = this.options.profiles.find(({ id }) => profiles.length === 1 && profiles[0] === id);
    if (this.profile === undefined) throw new DtlsError(alertDescription.handshakeFailure, 'no common SRTP profile');
    this.extended = extensions.has(extensionType.extendedMasterSecret);
    this.absorb(message);
  }

  #takeServerKeyExchange(message: HandshakeMessage): void {
    const reader = new ByteReader(message.body);
    const curveType = reader.uint8();
    const groupId = reader.uint16();
    if (curveType !== namedCurve || !groupIds.includes(groupId)) {
      throw new DtlsError(alertDescription.illegalParameter, 'group that was not offered');
    }
    this.#serverKey = reader.vector(1);
    const parameters = message.body.subarray(0, message.body.length - reader.remaining);
    const signed = Buffer.concat([this.clientRandom, this.serverRandom, parameters]);
    verifySignature(reader.uint16(), this.peerKey!, signed, reader.vector(2));
    this.#keyExchange = new KeyExchange([groupId]);
    this.absorb(message);
  }

  #answer(): void {
    const keyExchange = this.#keyExchange!;
    const flight: FlightPart[] = [];
    if (this.#certificateRequested) flight.push(this.certificateMessage());
    flight.push(this.message(handshakeType.clientKeyExchange, vector(1, keyExchange.publicKey)));
    this.agree(keyExchange.secret(this.#serverKey));
    if (this.#certificateRequested) {
      const signature = signWithOwn(this.options.certificate.privateKey, this.transcript);
      flight.push(this.message(handshakeType.certificateVerify, uint16(ownSignatureScheme), vector(2, signature)));
    }
    flight.push(...this.ownFinished());
    this.outlet.transmit(flight);
  }
}
