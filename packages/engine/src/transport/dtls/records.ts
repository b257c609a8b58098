import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { ReplayWindow } from '../srtp/replay-window.ts';
import type { RecordKey } from './key-schedule.ts';

/** Record layer of DTLS 1.2 with AES_128_GCM (RFC 6347 §4.1, RFC 5288). */

export const contentType = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;
export const dtls12 = 0xfefd;

const headerLength = 13;
const explicitNonceLength = 8;
const tagLength = 16;

export interface DtlsRecord {
  readonly type: number;
  readonly epoch: 0 | 1;
  readonly body: Buffer;
}

/** Records that come before the keys that open them: a Finished may overtake what it follows. */
const heldLimit = 4;

export class RecordLayer {
  readonly #sequences: [number, number] = [0, 0];
  readonly #window = new ReplayWindow();
  #readKey: { key: KeyObject; salt: Buffer } | undefined;
  #writeKey: { key: KeyObject; salt: Buffer } | undefined;
  readonly #held: Buffer[] = [];

  /** Sets the keys of epoch 1. */
  install(read: RecordKey, write: RecordKey): void {
    this.#readKey = { key: createSecretKey(read.key), salt: read.salt };
    this.#writeKey = { key: createSecretKey(write.key), salt: write.salt };
  }

  /**
   * The records of a datagram, and those that waited for keys that one of these brings. Each is opened when it is
   * asked for. Those that are malformed, not authentic or repeated are left out (RFC 6347 §4.1.2.7).
   */
  *open(datagram: Buffer): Generator<DtlsRecord> {
    let offset = 0;
    while (offset + headerLength <= datagram.length) {
      const end = offset + headerLength + datagram.readUInt16BE(offset + 11);
      if (end > datagram.length) break;
      const record = this.#openOne(datagram.subarray(offset, end));
      if (record !== undefined) yield record;
      offset = end;
    }
    if (this.#readKey === undefined) return;
    for (const held of this.#held.splice(0)) {
      const record = this.#openOne(held);
      if (record !== undefined) yield record;
    }
  }

  #openOne(record: Buffer): DtlsRecord | undefined {
    // A ClientHello may say DTLS 1.0 in its record (RFC 6347 §4.1); the rest says 1.2.
    if (record[1] !== 0xfe) return undefined;
    const type = record[0]!;
    const epoch = record.readUInt16BE(3);
    if (epoch === 0) return { type, epoch, body: record.subarray(headerLength) };
    if (epoch !== 1) return undefined;
    if (this.#readKey === undefined) {
      if (this.#held.length < heldLimit) this.#held.push(record);
      return undefined;
    }
    const sequence = record.readUIntBE(5, 6);
    const sealedLength = record.length - headerLength - explicitNonceLength;
    if (sealedLength < tagLength || !this.#window.admits(sequence)) return undefined;
    const nonce = Buffer.concat([
      this.#readKey.salt,
      record.subarray(headerLength, headerLength + explicitNonceLength),
    ]);
    const decipher = createDecipheriv('aes-128-gcm', this.#readKey.key, nonce);
    decipher.setAAD(associatedData(record, sealedLength - tagLength));
    decipher.setAuthTag(record.subarray(record.length - tagLength));
    const body = decipher.update(record.subarray(headerLength + explicitNonceLength, record.length - tagLength));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    this.#window.record(sequence);
    return { type, epoch, body };
  }

  /** Writes one record; each has a sequence number of its own, also when its content is sent again. */
  seal(type: number, epoch: 0 | 1, body: Buffer): Buffer {
    const header = Buffer.alloc(headerLength);
    header[0] = type;
    header.writeUInt16BE(dtls12, 1);
    header.writeUInt16BE(epoch, 3);
    header.writeUIntBE(this.#sequences[epoch]++, 5, 6);
    if (epoch === 0) {
      header.writeUInt16BE(body.length, 11);
      return Buffer.concat([header, body]);
    }
    const { key, salt } = this.#writeKey!;
    header.writeUInt16BE(explicitNonceLength + body.length + tagLength, 11);
    const explicit = header.subarray(3, 11);
    const cipher = createCipheriv('aes-128-gcm', key, Buffer.concat([salt, explicit]));
    cipher.setAAD(associatedData(header, body.length));
    return Buffer.concat([header, explicit, cipher.update(body), cipher.final(), cipher.getAuthTag()]);
  }

  /** Whether {@link seal} can write records of epoch 1. */
  get encrypts(): boolean {
    return this.#writeKey !== undefined;
  }
}

/** Epoch and sequence number, type, version, length of the plain text (RFC 5246 §6.2.3.3). */
function associatedData(record: Buffer, plainLength: number): Buffer {
  const data = Buffer.alloc(13);
  record.copy(data, 0, 3, 11);
  record.copy(data, 8, 0, 3);
  data.writeUInt16BE(plainLength, 11);
  return data;
}
