import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { alertDescription, DtlsError } from './alert.ts';

interface Group {
  readonly id: number;
  readonly keyLength: number;
  /** What stands before the raw public key in its SubjectPublicKeyInfo. */
  readonly prefix: Buffer;
  generate(): { publicKey: KeyObject; privateKey: KeyObject };
}

/** Named groups in our order of preference (RFC 8422 §5.1.1). */
const groups: readonly Group[] = [
  {
    id: 29,
    keyLength: 32,
    prefix: Buffer.from('302a300506032b656e032100', 'hex'),
    generate: () => generateKeyPairSync('x25519'),
  },
  {
    id: 23,
    keyLength: 65,
    prefix: Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex'),
    generate: () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  },
];

export const groupIds: readonly number[] = groups.map((group) => group.id);

/** One side's ephemeral Diffie-Hellman key. */
export class KeyExchange {
  readonly groupId: number;
  /** As it goes over the wire. */
  readonly publicKey: Buffer;
  readonly #group: Group;
  readonly #privateKey: KeyObject;

  /** @param offered - the groups of the peer; the first of ours among them is taken */
  constructor(offered: readonly number[]) {
    const group = groups.find(({ id }) => offered.includes(id));
    if (group === undefined) throw new DtlsError(alertDescription.handshakeFailure, 'no common group');
    const pair = group.generate();
    this.#group = group;
    this.groupId = group.id;
    this.publicKey = pair.publicKey.export({ type: 'spki', format: 'der' }).subarray(group.prefix.length);
    this.#privateKey = pair.privateKey;
  }

  /** The shared secret with the peer's key. */
  secret(peerKey: Buffer): Buffer {
    const group = this.#group;
    if (peerKey.length !== group.keyLength) {
      throw new DtlsError(alertDescription.illegalParameter, 'public key of a wrong length');
    }
    try {
      const spki = Buffer.concat([group.prefix, peerKey]);
      const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
      return diffieHellman({ privateKey: this.#privateKey, publicKey });
    } catch (cause) {
      // Not a point of the curve, or one of a small subgroup.
      throw Object.assign(new DtlsError(alertDescription.illegalParameter, 'not a public key'), { cause });
    }
  }
}
