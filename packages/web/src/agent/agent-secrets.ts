import { agentProofText } from '@aircheck/protocol/agent-door';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { randomBytes, utf8ToBytes } from '@noble/hashes/utils.js';

const STORAGE_KEY = 'aircheck-agent';

/** Where a page keeps the secrets that pairing gave it; `localStorage` fits. */
export type SecretStorage = Pick<Storage, 'getItem' | 'setItem'>;

/** The page's secrets, one for each agent it was paired with. */
export class AgentSecrets {
  readonly #storage: SecretStorage;

  constructor(storage: SecretStorage) {
    this.#storage = storage;
  }

  secretOf(agentId: string): string | undefined {
    const secrets = this.#read();
    return Object.hasOwn(secrets, agentId) ? secrets[agentId] : undefined;
  }

  keep(agentId: string, secret: string): void {
    this.#storage.setItem(STORAGE_KEY, JSON.stringify({ ...this.#read(), [agentId]: secret }));
  }

  #read(): Record<string, string> {
    try {
      const kept: unknown = JSON.parse(this.#storage.getItem(STORAGE_KEY) ?? '{}');
      return typeof kept === 'object' && kept !== null ? (kept as Record<string, string>) : {};
    } catch {
      // Somebody else's text under this key: pairing again writes it anew.
      return {};
    }
  }
}

/** The page's own storage; in frames that have none, one that lasts as long as the page. */
export function pageStorage(): SecretStorage {
  try {
    return globalThis.localStorage;
  } catch {
    const kept = new Map<string, string>();
    return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) };
  }
}

export function newNonce(): string {
  return base64Url(randomBytes(24));
}

/** Shows that one has the secret. Not by `crypto.subtle`, which pages without HTTPS lack. */
export function proofOf(secret: string, ...text: Parameters<typeof agentProofText>): string {
  return base64Url(hmac(sha256, utf8ToBytes(secret), utf8ToBytes(agentProofText(...text))));
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
