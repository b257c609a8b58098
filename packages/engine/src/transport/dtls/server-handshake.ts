import { randomBytes } from 'node:crypto';
import { alertDescription, DtlsError } from './alert.ts';
import { ByteReader, uint16, vector } from './byte-reader.ts';
import {
  cipherSuite,
  extensionType,
  Handshake,
  type HandshakeOptions,
  type HandshakeOutlet,
  handshakeType,
  readExtensions,
  readUseSrtp,
  unexpectedMessage,
} from './handshake.ts';
import { KeyExchange } from './key-exchange.ts';
import type { HandshakeMessage } from './reassembly.ts';
import { dtls12 } from './records.ts';
import { ownSignatureScheme, signatureSchemes, signWithOwn, verifySignature } from './signature.ts';

const renegotiationScsv = 0x00ff;
const namedCurve = 3;
const ecdsaSign = 64;
const rsaSign = 1;

/**
 * The server's side (we are `passive`). No cookie is asked for: packets come only from addresses that an
 * authenticated connectivity check came from, which is what a cookie would show (RFC 6347 §4.2.1).
 */
export class ServerHandshake extends Handshake {
  #expected: number = handshakeType.clientHello;
  #keyExchange: KeyExchange | undefined;

  constructor(options: HandshakeOptions, outlet: HandshakeOutlet) {
    super('server', options, outlet);
  }

  override receive(message: HandshakeMessage): void {
    if (message.type !== this.#expected) throw unexpectedMessage(message.type);
    switch (message.type) {
      case handshakeType.clientHello:
        this.#answerHello(message);
        this.#expected = handshakeType.certificate;
        break;
      case handshakeType.certificate:
        this.takeCertificate(message);
        this.#expected = handshakeType.clientKeyExchange;
        break;
      case handshakeType.clientKeyExchange:
        this.absorb(message);
        this.agree(this.#keyExchange!.secret(new ByteReader(message.body).vector(1)));
        this.#expected = handshakeType.certificateVerify;
        break;
      case handshakeType.certificateVerify: {
        const reader = new ByteReader(message.body);
        verifySignature(reader.uint16(), this.peerKey!, this.transcript, reader.vector(2));
        this.absorb(message);
        this.#expected = handshakeType.finished;
        break;
      }
      case handshakeType.finished:
        this.takeFinished(message);
        this.#expected = -1;
        this.outlet.transmit(this.ownFinished());
        this.outlet.finished(this.srtpKeys());
        break;
    }
  }

  #answerHello(message: HandshakeMessage): void {
    const reader = new ByteReader(message.body);
    const version = reader.uint16();
    this.clientRandom = reader.take(32);
    // Session id and cookie: neither is ever handed out by us.
    reader.vector(1);
    reader.vector(1);
    const suites = reader.uint16Vector(2);
    reader.vector(1);
    const extensions = readExtensions(reader);
    const versions = extensions.get(extensionType.supportedVersions);
    const offersDtls12 =
      versions === undefined
        ? version <= dtls12 && version >= 0xfe00
        : new ByteReader(versions).uint16Vector(1).includes(dtls12);
    if (!offersDtls12) throw new DtlsError(alertDescription.protocolVersion, 'DTLS 1.2 is not offered');
    if (!suites.includes(cipherSuite.ecdsa)) {
      throw new DtlsError(alertDescription.handshakeFailure, 'no common cipher suite');
    }
    const profiles = readUseSrtp(extensions.get(extensionType.useSrtp));
    this.profile = this.options.profiles.find(({ id }) => profiles.includes(id));
    if (this.profile === undefined) throw new DtlsError(alertDescription.handshakeFailure, 'no common SRTP profile');
    const signatures = extensions.get(extensionType.signatureAlgorithms);
    if (signatures !== undefined && !new ByteReader(signatures).uint16Vector(2).includes(ownSignatureScheme)) {
      throw new DtlsError(alertDescription.handshakeFailure, 'no common signature scheme');
    }
    const groups = extensions.get(extensionType.supportedGroups);
    this.#keyExchange = new KeyExchange(groups === undefined ? [23] : new ByteReader(groups).uint16Vector(2));
    this.extended = extensions.has(extensionType.extendedMasterSecret);
    this.absorb(message);
    this.serverRandom = randomBytes(32);
    this.outlet.transmit([
      this.#serverHello(suites, extensions),
      this.certificateMessage(),
      this.#serverKeyExchange(),
      this.message(
        handshakeType.certificateRequest,
        vector(1, Buffer.from([ecdsaSign, rsaSign])),
        vector(2, uint16(...signatureSchemes)),
        vector(2),
      ),
      this.message(handshakeType.serverHelloDone),
    ]);
  }

  #serverHello(suites: readonly number[], offered: ReadonlyMap<number, Buffer>) {
    const extensions: Buffer[] = [];
    const add = (type: number, content: Buffer) => extensions.push(uint16(type), vector(2, content));
    if (offered.has(extensionType.renegotiationInfo) || suites.includes(renegotiationScsv)) {
      add(extensionType.renegotiationInfo, Buffer.from([0]));
    }
    if (this.extended) add(extensionType.extendedMasterSecret, Buffer.alloc(0));
    if (offered.has(extensionType.ecPointFormats)) add(extensionType.ecPointFormats, Buffer.from([1, 0]));
    add(extensionType.useSrtp, Buffer.concat([vector(2, uint16(this.profile!.id)), Buffer.from([0])]));
    return this.message(
      handshakeType.serverHello,
      uint16(dtls12),
      this.serverRandom,
      vector(1),
      uint16(cipherSuite.ecdsa),
      Buffer.from([0]),
      vector(2, ...extensions),
    );
  }

  #serverKeyExchange() {
    const { groupId, publicKey } = this.#keyExchange!;
    const parameters = Buffer.concat([Buffer.from([namedCurve]), uint16(groupId), vector(1, publicKey)]);
    const signed = Buffer.concat([this.clientRandom, this.serverRandom, parameters]);
    return this.message(
      handshakeType.serverKeyExchange,
      parameters,
      uint16(ownSignatureScheme),
      vector(2, signWithOwn(this.options.certificate.privateKey, signed)),
    );
  }
}
