import { useSyncExternalStore } from 'react';

/** Where the page is. The part behind `#` never leaves the browser: tokens in it reach no log. */
export type Route =
  | { readonly view: 'rooms' }
  | { readonly view: 'room'; readonly roomId: string }
  | { readonly view: 'join'; readonly roomId: string; readonly token: string }
  | { readonly view: 'library'; readonly fileId: string | undefined }
  | { readonly view: 'sign-in'; readonly code: string };

/** Reads the part of the address behind `#`. What is not known leads home. */
export function parseRoute(hash: string): Route {
  const code = /^#code=(.+)$/.exec(hash)?.[1];
  if (code !== undefined) return { view: 'sign-in', code: decode(code) };
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [first = '', second = ''] = path.split('/').map(decode);
  if (first === 'rooms' && second !== '') return { view: 'room', roomId: second };
  if (first === 'join' && second !== '') {
    return { view: 'join', roomId: second, token: new URLSearchParams(search).get('token') ?? '' };
  }
  if (first === 'recordings') return { view: 'library', fileId: second === '' ? undefined : second };
  return { view: 'rooms' };
}

/** The address of a route, for links. */
export const addressOf = {
  rooms: () => '#/',
  room: (roomId: string) => `#/rooms/${encodeURIComponent(roomId)}`,
  join: (roomId: string, token: string) => `#/join/${encodeURIComponent(roomId)}?token=${encodeURIComponent(token)}`,
  library: (fileId?: string) => (fileId === undefined ? '#/recordings' : `#/recordings/${fileId}`),
};

export function navigate(address: string): void {
  window.location.hash = address;
}

/** Like {@link navigate}, without a new entry in the history. */
export function replaceAddress(address: string): void {
  window.history.replaceState(null, '', address);
  window.dispatchEvent(new HashChangeEvent('hashchange'));
}

export function useRoute(): Route {
  return parseRoute(useSyncExternalStore(listen, () => window.location.hash));
}

function listen(listener: () => void): () => void {
  window.addEventListener('hashchange', listener);
  return () => window.removeEventListener('hashchange', listener);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
