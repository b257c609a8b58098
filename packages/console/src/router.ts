import { useSyncExternalStore } from 'react';

export const settingsTabs = ['general', 'transcode', 'watermarks', 'procedures', 'statistics'] as const;
export type SettingsTab = (typeof settingsTabs)[number];

/** Where the page is. The part behind `#` never leaves the browser: tokens in it reach no log. */
export type Route =
  | { readonly view: 'rooms' }
  | { readonly view: 'room'; readonly roomId: string }
  | { readonly view: 'join'; readonly roomId: string; readonly token: string }
  /** `search`: the filter, as in the address. */
  | { readonly view: 'library'; readonly search: string }
  | { readonly view: 'asset'; readonly fileId: string }
  | { readonly view: 'recycle-bin' }
  | { readonly view: 'tasks' }
  | { readonly view: 'events'; readonly subscriberId: string | undefined }
  | { readonly view: 'settings'; readonly tab: SettingsTab }
  | { readonly view: 'sign-in'; readonly code: string };

/** Reads the part of the address behind `#`. What is not known leads home. */
export function parseRoute(hash: string): Route {
  const code = /^#code=(.+)$/.exec(hash)?.[1];
  if (code !== undefined) return { view: 'sign-in', code: decode(code) };
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [first = '', second = ''] = path.split('/').map(decode);
  switch (first) {
    case 'rooms':
      return second === '' ? { view: 'rooms' } : { view: 'room', roomId: second };
    case 'join':
      if (second === '') return { view: 'rooms' };
      return { view: 'join', roomId: second, token: new URLSearchParams(search).get('token') ?? '' };
    case 'recordings':
      return second === '' ? { view: 'library', search } : { view: 'asset', fileId: second };
    case 'recycle-bin':
    case 'tasks':
      return { view: first };
    case 'events':
      return { view: 'events', subscriberId: second === '' ? undefined : second };
    case 'settings':
      return { view: 'settings', tab: settingsTabs.find((tab) => tab === second) ?? 'general' };
    default:
      return { view: 'rooms' };
  }
}

/** The address of a route, for links. */
export const addressOf = {
  rooms: () => '#/',
  room: (roomId: string) => `#/rooms/${encodeURIComponent(roomId)}`,
  join: (roomId: string, token: string) => `#/join/${encodeURIComponent(roomId)}?token=${encodeURIComponent(token)}`,
  library: (search = '') => (search === '' ? '#/recordings' : `#/recordings?${search}`),
  asset: (fileId: string) => `#/recordings/${encodeURIComponent(fileId)}`,
  recycleBin: () => '#/recycle-bin',
  tasks: () => '#/tasks',
  events: (subscriberId?: string) =>
    subscriberId === undefined ? '#/events' : `#/events/${encodeURIComponent(subscriberId)}`,
  settings: (tab: SettingsTab = 'general') => `#/settings/${tab}`,
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
