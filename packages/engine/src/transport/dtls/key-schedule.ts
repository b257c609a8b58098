import { createHmac, hash } from 'node:crypto';

const masterSecretLength = 48;
const verifyDataLength = 12;

/** TLS 1.2's pseudo-random function with SHA-256 (RFC 5246 §5). */
export function pseudoRandom(secret: Uint8Array, label: string, seed: Uint8Array, length: number): Buffer {
  const labelled = Buffer.concat([Buffer.from(label), seed]);
  const output: Buffer[] = [];
  let step: Buffer = labelled;
  for (let done = 0; done < length; done += 32) {
    step = createHmac('sha256', secret).update(step).digest();
    output.push(createHmac('sha256', secret).update(step).update(labelled).digest());
  }
  return Buffer.concat(output).subarray(0, length);
}

/** RFC 7627 §4; `transcript` is all messages up to and including ClientKeyExchange. */
export function extendedMasterSecret(preMaster: Buffer, transcript: Buffer): Buffer {
  return pseudoRandom(preMaster, 'extended master secret', hash('sha256', transcript, 'buffer'), masterSecretLength);
}

/** RFC 5246 §8.1, for a peer that does not offer the extended one. */
export function legacyMasterSecret(preMaster: Buffer, clientRandom: Buffer, serverRandom: Buffer): Buffer {
  return pseudoRandom(preMaster, 'master secret', Buffer.concat([clientRandom, serverRandom]), masterSecretLength);
}

export interface RecordKey {
  readonly key: Buffer;
  /** The 4 bytes of the nonce that are not in the record (RFC 5288 §3). */
  readonly salt: Buffer;
}

/** Record keys for AES_128_GCM (RFC 5246 §6.3). */
export function recordKeys(
  masterSecret: Buffer,
  clientRandom: Buffer,
  serverRandom: Buffer,
): { client: RecordKey; server: RecordKey } {
  const block = pseudoRandom(masterSecret, 'key expansion', Buffer.concat([serverRandom, clientRandom]), 40);
  return {
    client: { key: block.subarray(0, 16), salt: block.subarray(32, 36) },
    server: { key: block.subarray(16, 32), salt: block.subarray(36, 40) },
  };
}

/** Content of Finished (RFC 5246 §7.4.9). */
export function verifyData(masterSecret: Buffer, sender: 'client' | 'server', transcript: Buffer): Buffer {
  return pseudoRandom(masterSecret, `${sender} finished`, hash('sha256', transcript, 'buffer'), verifyDataLength);
}

/** Keying material exporter without context (RFC 5705 §4). */
export function exportKeyingMaterial(
  masterSecret: Buffer,
  clientRandom: Buffer,
  serverRandom: Buffer,
  label: string,
  length: number,
): Buffer {
  return pseudoRandom(masterSecret, label, Buffer.concat([clientRandom, serverRandom]), length);
}
